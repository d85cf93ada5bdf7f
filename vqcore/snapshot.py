"""One moment of training as plain numpy, which every other part reads and nobody changes."""

# M monitor vectors, K codes, D features, B shown inputs

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from vqcore.history import Floats, History, Ints

Bytes = NDArray[np.uint8]


class Event(NamedTuple):
    """A command that changed training, and the step before which it took effect."""

    step: int
    variant: str
    label: str
    """A few words for a marker on a chart."""

    changes: tuple[tuple[str, Any], ...]
    """What `train --at` needs to repeat it: pairs of option and value, or of action and `now`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metrics:
    """The headline numbers of one moment, on training data unless stated otherwise."""

    task_loss: float
    """Task loss of the newest batch; the problem defines it."""

    commitment_loss: float
    """(1 − β)·‖z_e − sg[z_q]‖² + β·‖sg[z_e] − z_q‖², mean over elements, newest batch, before α."""

    quantization_error: float
    """‖z_e − z_q‖² summed over features, mean over vectors, newest batch."""

    relative_error: float
    """The quantization error over the total variance of z_e, newest batch."""

    perplexity: float
    """Perplexity of the code usage over the window."""

    active_codes: int
    """Codes used at least once in the window."""

    p_spread: float
    """Root mean square over features of the standard deviation of z_e, newest batch."""

    c_spread: float
    """The same for all code vectors."""

    p_mean_norm: float
    c_mean_norm: float
    moment_distance: float
    """√(‖μ_P − μ_C‖² + ‖σ_P − σ_C‖²) between the newest batch and the codebook."""

    gradient_fraction: float
    """Share of codes whose effective vector the newest step's gradients move, through its own row or its group's
    learned affine map."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOutMetrics:
    """What the held-out monitor inputs say of one step: the one count of codes in use.

    A code is in use at a step if it is the nearest to one of the M monitor vectors then.
    """

    in_use: int
    """Codes that are nearest to at least one of the M monitor vectors at this step."""

    perplexity: float
    """Of the usage by the M monitor vectors."""

    relative_error: float
    """‖z_e − z_q‖² over the total variance of what is quantized."""

    quantization_error: float
    """‖z_e − z_q‖² summed over features, mean over the monitor vectors."""

    task_loss: float
    """Of all monitor inputs."""

    accuracy: float
    """Share of monitor inputs classified rightly; NaN where there are no classes."""


class Trail(NamedTuple):
    """Positions of the codes and of the mean of P a short while ago."""

    step: int
    codebook: Floats
    p_mean: Floats
    counts: Ints | None = None
    """Counts of the usage window at that time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """Whole held-out images through a model that takes any size, at one step and one level."""

    step: int
    given: Bytes
    """(I, H, W, C) the images, the same array in every picture of a run."""

    outputs: Bytes
    """(I, H, W, C) decode(quantize(encode(given))), rounded as `given` is."""

    codes: NDArray[np.int32]
    """(I, h, w) the code at each place."""

    z_e: NDArray[np.float16]
    """(I, h, w, D) what is quantized there."""

    loss: float
    """Task loss over these images, of the outputs before they were rounded."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All that takes space."""
        return self.given, self.outputs, self.codes, self.z_e


class LevelUsage(NamedTuple):
    """How one group or level of a quantizer is used; a plain quantizer has one."""

    counts: Ints
    """(K,) assignments over the usage window."""

    perplexity: float
    active_codes: int
    relative_error: float
    """Its quantization error over the variance of what it quantizes, newest batch."""

    held_out: HeldOutMetrics


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """Everything a page shows of one variant, seen at one group or level of its quantizer.

    All parts come from the same step. Arrays are read-only. With several levels, losses and quantization error
    are those of the whole, and everything else is of the level.
    """

    variant: str
    step: int
    level: int = 0
    """The group or level shown."""

    levels: tuple[LevelUsage, ...]
    """The usage of all groups or levels."""

    metrics: Metrics
    held_out: HeldOutMetrics
    history: History
    events: tuple[Event, ...]

    z_e: Floats
    """(M, D) what is quantized of the fixed monitor sample of held-out inputs; row i is the same place every
    time. The encoder's vectors, or at a group the sub-vectors, or at a level the residuals before it."""

    codes: Ints
    """(M,) their codes."""

    monitor_of: int
    """How many held-out vectors the monitor sample was drawn from."""

    codebook: Floats
    """(K, D) effective code vectors."""

    raw_codebook: Floats | None = None
    """(K, D) what an affine map or a learned matrix makes them of; None where there is no map."""

    counts: Ints
    """(K,) assignments over the usage window of training batches."""

    window_batches: int
    """How many batches the window holds now."""

    steps_unused: Ints
    """(K,) training steps since each code's last use."""

    placed_at: Ints
    """(K,) the last step after which replacement or k-means moved each code; −1: never."""

    gradient_norm: Floats
    """(K,) ‖∂L/∂c_raw‖ of the newest step, the inner steps' gradients included."""

    inputs: Floats
    """(B, …) the first monitor inputs."""

    outputs: Floats
    """(B, …) the model's outputs: reconstructions, or class scores."""

    targets: NDArray[Any]
    """(B, …) what the loss compares the outputs with."""

    code_maps: Ints
    """(B, …) their codes."""

    monitor_inputs: Floats | None = None
    """(I, …) all monitor inputs, the same array in every snapshot; vector i is at place i mod (M/I) of input
    i // (M/I). None if a source does not keep them."""

    monitor_outputs: Floats | None = None
    """(I, …) what the model makes of all monitor inputs. None where a source does not keep them."""

    labels: Ints | None = None
    """(I,) their classes; None without classes."""

    picture: Picture | None = None
    """Whole images; None where nobody looked at them, or the model takes none."""

    trail: tuple[Trail, ...] = field(default=())
    """Earlier code vectors, oldest first; empty if nobody watched."""

    @property
    def num_codes(self) -> int:
        """K."""
        return len(self.codebook)

    @property
    def vectors_per_input(self) -> int:
        """M/I, the number of vectors per input."""
        return self.code_maps.size // len(self.code_maps)

    @property
    def vector_labels(self) -> Ints | None:
        """(M,) the class of each vector's input; None without classes."""
        return None if self.labels is None else np.repeat(self.labels, self.vectors_per_input)

    @property
    def window_vectors(self) -> int:
        """N, the assignments in the usage window."""
        return int(self.counts.sum())


class SnapshotSource(Protocol):
    """What a live session, one variant of it, a recorded run and a probe have in common."""

    def latest(self) -> Snapshot | None:
        """The newest snapshot, or None before the first."""

    def history(self) -> History | None:
        """The curves so far, or None before the first step."""
