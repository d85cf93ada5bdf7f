"""The measures used by claims, from snapshots alone: a live page can compute them from the run that it shows."""

# M held-out vectors, K codes, D features

import math
from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics.usage import count_codes
from vqcore.snapshot import Snapshot
from vqcore.training.trainer import HELD_OUT_EVERY, MEASURE_EVERY


class Moved(NamedTuple):
    """How far P and C moved between two moments, in units of the latent space."""

    p_mean: float
    """Distance between the means of P, on the same held-out inputs."""

    c_mean: float
    median_code: float
    """The distance moved by the median code."""


class Curve(NamedTuple):
    """One quantity through time, at steps that depend on the lesson alone."""

    steps: NDArray[np.int64]
    values: NDArray[np.float32]


def usage_now(snapshot: Snapshot) -> NDArray[np.int64]:
    """(K,) assignments of the held-out vectors at this moment, of which `in_use` counts those that are not 0."""
    return count_codes(snapshot.codes, snapshot.num_codes)


def in_use(snapshot: Snapshot) -> int:
    """How many codes are nearest to at least one of the held-out vectors at this moment: the one count of use."""
    return snapshot.held_out.in_use


def perplexity_now(snapshot: Snapshot) -> float:
    """Perplexity of `usage_now`."""
    return snapshot.held_out.perplexity


def held_out_loss(snapshot: Snapshot) -> float:
    """Task loss of the held-out inputs at this moment."""
    return snapshot.held_out.task_loss


def relative_error_now(snapshot: Snapshot) -> float:
    """‖z_e − z_q‖² over the variance of z_e, for the held-out vectors."""
    return snapshot.held_out.relative_error


TABLE_HEADS = ("bits a vector", "codes in use", "task loss")


def table_row(snapshot: Snapshot) -> tuple[str, ...]:
    """What `TABLE_HEADS` name, in words; several groups or levels pay their bits and have their codes together."""
    bits = len(snapshot.levels) * math.log2(snapshot.num_codes)
    used = sum(level.held_out.in_use for level in snapshot.levels)
    of_all = len(snapshot.levels) * snapshot.num_codes
    return f"{bits:.3g}", f"{used:,} of {of_all:,}", f"{snapshot.held_out.task_loss:.3g}"


def curve(snapshot: Snapshot, quantity: str, looks: Collection[int] = ()) -> Curve:
    """`quantity` up to this moment: `held_out.NAME`, or a loss or measurement of training batches.

    A training has rows at regular steps, and one more wherever somebody looked. Of those only the ones at `looks`, at
    step 0 and at this moment are kept, so that one seed has one curve, whoever watched. Of two rows of one step, one
    to each side of a switch, it is the first.
    """
    points = snapshot.history.points(quantity)
    steps, first = np.unique(points.last_step, return_index=True)
    every = HELD_OUT_EVERY if quantity.startswith("held_out.") else MEASURE_EVERY
    regular = (steps % every == 0) | np.isin(steps, [0, snapshot.step, *looks])
    if quantity in snapshot.history.losses:
        regular[:] = True  # of every batch
    return Curve(steps[regular], points.mean[first][regular])


def moved(before: Snapshot, after: Snapshot) -> Moved:
    """The movement from one moment of a training to a later one."""
    return Moved(
        p_mean=float(np.linalg.norm(after.z_e.mean(0) - before.z_e.mean(0))),
        c_mean=float(np.linalg.norm(after.codebook.mean(0) - before.codebook.mean(0))),
        median_code=float(np.median(np.linalg.norm(after.codebook - before.codebook, axis=1))),
    )


def of(snapshot: Snapshot) -> str:
    """What a number of used codes is out of: "of 512 (N = 1,536)", with no line break inside the brackets."""
    return f"of {snapshot.num_codes:,} (N\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(snapshot.codes):,})"
