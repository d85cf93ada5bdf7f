"""Paths over a loss surface: the same points, codes and noise under one method after another.

The toy of Huh et al. (ICML 2023, section 3): what the straight-through estimator does to z_e where the task
loss f is a function of z_q in the plane. The methods run through the quantizer and the step of every other
problem; only the data, the model and the plain gradient descent are this file's own.
"""

# T steps, n points, K codes

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import skip_init

from vqcore.problems.landscapes import Landscape
from vqcore.problems.plane import PLANE
from vqcore.problems.problem import Model, Split
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.layer import Level, NonFiniteInputError, VectorQuantizer
from vqcore.training.step import forward_and_backward
from vqcore.trajectories.path import Path
from vqcore.trajectories.setting import Setting

Floats = NDArray[np.float64]

FAR = 1e6
"""Widths of the window beyond which a path counts as diverged."""

ASK_EVERY = 100
"""Steps between two checks whether to stop: a tenth of a second or so."""


def trajectories(setting: Setting, *, stop: Callable[[], bool] = lambda: False) -> list[Path]:
    """The path of every method of `setting`, from one start and under one noise sequence.

    Args:
        setting: what the paths have in common.
        stop: polled now and then; once it is true, the paths completed so far are returned.
    """
    paths: list[Path] = []
    for method in setting.methods:
        path = None if stop() else _run(setting, method, stop)
        if path is None:
            break
        paths.append(path)
    return paths


class _Free(nn.Module):
    """Each z_e a parameter."""

    def __init__(self, starts: Tensor) -> None:
        super().__init__()
        self.z_e = nn.Parameter(starts.clone())

    def forward(self, inputs: Tensor) -> Tensor:
        return self.z_e


class _Mlp(nn.Module):
    """Each z_e an output of one MLP, shifted so that it begins at its start."""

    def __init__(self, starts: Tensor, seed: int) -> None:
        super().__init__()
        draw = torch.Generator().manual_seed(seed)  # its own: a live session may be drawing from torch's
        self.inputs = torch.randn(len(starts), 4, dtype=starts.dtype, generator=draw)
        first, second = (skip_init(nn.Linear, *sizes, dtype=starts.dtype) for sizes in ((4, 16), (16, 2)))
        self.layers = nn.Sequential(first, nn.Tanh(), second)
        with torch.no_grad():
            for layer in (first, second):
                for parameter in layer.parameters():
                    parameter.uniform_(-1, 1, generator=draw).div_(layer.in_features**0.5)
            self.shift = starts - self.layers(self.inputs)

    def forward(self, inputs: Tensor) -> Tensor:
        z_e: Tensor = self.layers(self.inputs) + self.shift
        return z_e


class _Watched(Model):
    """A model that keeps the gradient of its z_e and adds noise to what goes on to the encoder."""

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__(encoder, nn.Identity(), channels_first=False)
        self.z_e = torch.empty(0)

    def encode(self, inputs: Tensor) -> Tensor:
        """z_e (n, 2); `inputs` is the noise of this step, added to its gradient."""
        # A copy each time: a parameter would keep the hooks, and descend under whoever still reads this step's z_e.
        self.z_e = super().encode(inputs).clone()
        self.z_e.retain_grad()
        self.z_e.register_hook(lambda gradient: gradient + inputs)
        return self.z_e


def _run(setting: Setting, method: str, stop: Callable[[], bool]) -> Path | None:
    """Gradient descent under one method, in float64: its numbers are compared with closed forms."""
    surface, options = setting.surface, setting.options(method)
    starts = torch.from_numpy(setting.first_points())
    model = _Watched(_Free(starts) if setting.encoder == "free" else _Mlp(starts, setting.seed))
    # Its own generator, though its draws are placed over: torch's belongs to whoever runs beside.
    quantizer = VectorQuantizer(setting.num_codes, 2, options, generator=torch.Generator()).double()
    quantizer.place_(torch.from_numpy(setting.first_codes()))
    problem = replace(PLANE, loss=lambda output, _: surface.of(output).sum())
    parameters = [*model.parameters(), *quantizer.parameters()]
    noise = torch.from_numpy(setting.noise_at_steps())
    record = _Record(z_e=[], before=[], quantized_with=[], codes=[], gradients=[], carried=[])
    for step, at_step in enumerate(noise, start=1):
        if step % ASK_EVERY == 0 and stop():
            return None
        for parameter in parameters:
            parameter.grad = None
        record.before.append(quantizer.codebook().detach().clone())
        try:
            done = forward_and_backward(problem, model, quantizer, Split(at_step, at_step))
        except NonFiniteInputError:
            break
        record.z_e.append(done.z_e)
        record.quantized_with.append(done.codebooks[0])
        record.codes.append(done.levels[0].codes)
        record.gradients.append(model.z_e.grad)
        carrying = _carrying(quantizer, surface, done.levels[0])
        with torch.no_grad():
            for parameter in parameters:
                if parameter.grad is not None:
                    parameter.add_(parameter.grad, alpha=-setting.rate)
        record.carried.append(_carried(quantizer, carrying, setting.rate)[done.levels[0].codes])
        if options.codebook_update == "ema":
            ema_update_(quantizer, done.levels[0].z_e, done.levels[0].codes)
    else:
        record.before.append(quantizer.codebook().detach().clone())
    record.z_e.append(model.encode(noise[0]).detach())
    return _path(setting, method, record)


Gradients = list[tuple[nn.Parameter, Tensor]]


def _carrying(quantizer: VectorQuantizer, surface: Landscape, level: Level) -> Gradients:
    """The part of the codebook's gradients that sync takes from the task; what remains is the commitment loss's."""
    nu = quantizer.options.sync
    if nu == 0:
        return []
    with np.errstate(over="ignore", invalid="ignore"):  # a path that diverges is cut only when it has ended
        slope = nu * torch.from_numpy(surface.gradient(level.z_q.numpy()))
    parameters, assigned = list(quantizer.parameters()), F.embedding(level.codes, quantizer.codebook())
    found = torch.autograd.grad(assigned, parameters, slope, allow_unused=True)
    return [(each, gradient) for each, gradient in zip(parameters, found, strict=True) if gradient is not None]


@torch.no_grad()
def _carried(quantizer: VectorQuantizer, carrying: Gradients, rate: float) -> Tensor:
    """(K, 2) how far from where the commitment loss alone would have taken them the codes have been moved."""
    moved, kept = quantizer.codebook().clone(), [each.clone() for each, _ in carrying]
    for parameter, gradient in carrying:
        parameter.add_(gradient, alpha=rate)
    alone = quantizer.codebook().clone()
    for (parameter, _), value in zip(carrying, kept, strict=True):
        parameter.copy_(value)
    return moved - alone


class _Record(NamedTuple):
    z_e: list[Tensor]
    before: list[Tensor]
    """The codebook before each step."""

    quantized_with: list[Tensor]
    """The codebook after each step's inner steps."""

    codes: list[Tensor]
    gradients: list[Tensor | None]
    carried: list[Tensor]
    """How far the task gradient moved each point's code."""


def _path(setting: Setting, method: str, record: _Record) -> Path:
    """What was recorded up to where it is finite and near, with the task's part of the gradients."""
    options = setting.options(method)
    z_e, before = _stacked(record.z_e), _stacked(record.before)
    count = _steps_near(z_e, before, setting)
    seen, codes = _stacked(record.quantized_with)[:count], _stacked(record.codes)[:count]
    whole = _stacked([torch.zeros(setting.points, 2) if g is None else g for g in record.gradients])[:count]
    z_q = np.take_along_axis(seen, codes[..., None], 1)
    commitment = 0 if options.bypass else setting.alpha * (1 - setting.beta) * (z_e[:count] - z_q)
    return Path(
        method=method,
        z_e=z_e[: count + 1],
        codebook=before[: count + 1],
        inner_codebook=seen if options.inner_steps > 0 else None,
        codes=codes,
        carried=_stacked(record.carried)[:count],
        handed=whole - commitment - setting.noise_at_steps()[:count],
        diverged_at=None if count == setting.steps else count,
        surface=setting.surface,
    )


def _steps_near(z_e: Floats, codebook: Floats, setting: Setting) -> int:
    """The last step at which all points and codes are finite and not `FAR`."""
    left, right, *_ = setting.surface.window
    with np.errstate(invalid="ignore"):
        near = (np.abs(z_e) < FAR * (right - left)).all((1, 2)) & (np.abs(codebook) < FAR * (right - left)).all(
            (1, 2)
        )
    away = np.flatnonzero(~near)
    return int(away[0]) - 1 if len(away) else len(z_e) - 1


def _stacked(tensors: list[Tensor]) -> NDArray[Any]:
    return torch.stack(tensors).numpy()
