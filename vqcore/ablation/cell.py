"""One training of an ablation, one row with one seed: trained, judged on the whole held-out set, in plain values."""

# B inputs of a batch

import base64
import io
import math
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from vqcore.history import History
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.runs.layout import ABOUT
from vqcore.snapshot import Snapshot
from vqcore.training.checkpoint import load_checkpoint, save_checkpoint
from vqcore.training.evaluation import INPUTS_AT_ONCE, evaluating
from vqcore.training.finite import NonFiniteError
from vqcore.training.recipe import Recipe
from vqcore.training.trainer import Trainer
from vqcore.training_record import TrainingRecord

CURVE_POINTS = 100
SHOWN_IMAGES = 6
GAP_INPUTS = 256
"""Held-out inputs over which the gradient gap is averaged."""

SAVE_SECONDS = 60.0
CURVES = ("task_loss", "held_out.task_loss", "held_out.in_use", "held_out.perplexity")


def trained(
    recipe: Recipe,
    steps: int,
    kept_in: Path,
    step_done: Callable[[int], None] = lambda _: None,
    recorded_in: Path | None = None,
) -> dict[str, Any]:
    """Train `recipe` for `steps` steps and judge it; a training that was cut off goes on from the file `kept_in`.

    Args:
        recipe: what to train.
        steps: how many.
        kept_in: where it is kept meanwhile; no such file is left behind.
        step_done: called with the number of steps done.
        recorded_in: folder of the run that it writes, if any; the run of another training there goes.

    Returns:
        `metrics`, `curves`, `images` where the task shows any, `seconds`; of one that broke, `broken` with the step.
    """
    trainer, before = Trainer(recipe), 0.0
    if kept_in.exists():
        kept, told = load_checkpoint(kept_in)
        trainer, before = (kept, told["seconds"]) if kept.recipe == recipe else (trainer, before)
    began = saved = time.perf_counter()
    try:
        with _recorder(recorded_in, trainer, steps) as note:
            note(trainer)
            while trainer.steps_done < steps:
                trainer.step()
                note(trainer)
                step_done(trainer.steps_done)
                if (now := time.perf_counter()) - saved > SAVE_SECONDS:
                    save_checkpoint(kept_in, trainer, {"seconds": before + now - began})
                    saved = time.perf_counter()
            seconds = before + time.perf_counter() - began
            note(trainer, is_last=True)
        snapshot = trainer.snapshot()
    except NonFiniteError as error:
        kept_in.unlink(missing_ok=True)
        return {"broken": str(error), "seconds": round(before + time.perf_counter() - began, 2)}
    kept_in.unlink(missing_ok=True)
    return {
        "metrics": judged(trainer),
        "curves": curves(snapshot.history),
        "images": images(snapshot) if trainer.problem.task == "reconstruction" else None,
        "seconds": round(seconds, 2),
    }


@contextmanager
def _recorder(folder: Path | None, trainer: Trainer, steps: int) -> Iterator[Callable[..., None]]:
    """What notes each step in the run in `folder`."""
    if folder is None:
        yield lambda *_, **__: None
        return
    if trainer.steps_done == 0 and (folder / ABOUT).exists():
        shutil.rmtree(folder)
    with TrainingRecord(folder, trainer, steps) as record:
        yield record.note


def judged(trainer: Trainer) -> dict[str, Any]:
    """The numbers of the table, over the whole held-out set."""
    found = {name: value for name, value in trainer.evaluate()._asdict().items() if name != "levels"}
    return {**found, "gradient_gap": gradient_gap(trainer)}


def gradient_gap(trainer: Trainer) -> float:
    """‖∇L(z_q) − ∇L(z_e)‖ / ‖∇L(z_e)‖ of the task loss L as a function of what the decoder gets, mean over batches.

    How wrong the gradient is that the straight-through estimator hands to the encoder: it is taken at z_q and used
    at z_e.
    """
    gaps = []
    for batch in trainer.held_out.batches(INPUTS_AT_ONCE):
        with evaluating(trainer.model, trainer.quantizer):
            z_e = trainer.model.encode(batch.inputs)
            z_q = trainer.quantizer(z_e).z_q
            at_z_e, at_z_q = (_slope(trainer, z, batch.targets) for z in (z_e, z_q))
        length = float(at_z_e.norm())
        gaps.append(float((at_z_q - at_z_e).norm()) / length if length else math.nan)
        if len(gaps) * INPUTS_AT_ONCE >= GAP_INPUTS:
            break
    return float(np.nanmean(gaps)) if np.isfinite(gaps).any() else math.nan


def _slope(trainer: Trainer, z: Tensor, targets: Tensor) -> Tensor:
    with torch.enable_grad():
        z = z.detach().requires_grad_()
        (slope,) = torch.autograd.grad(trainer.problem.loss(trainer.model.decode(z), targets), z)
    return slope


def curves(history: History) -> dict[str, dict[str, list[Any]]]:
    """Each of `CURVES` as at most `CURVE_POINTS` means over equal spans."""
    found: dict[str, dict[str, list[Any]]] = {}
    for name in CURVES:
        points = history.points(name)
        spans = np.array_split(np.arange(len(points.mean)), min(CURVE_POINTS, max(1, len(points.mean))))
        spans = [span for span in spans if len(span)]
        found[name] = {
            "step": [int(points.last_step[span[-1]]) for span in spans],
            "value": [float(f"{points.mean[span].mean():.5g}") for span in spans],
        }
    return found


def images(snapshot: Snapshot) -> dict[str, str]:
    """The first held-out images and what comes of them, each a strip as PNG in base64."""
    given, found = snapshot.monitor_inputs, snapshot.monitor_outputs
    if given is None or found is None or given.ndim != 4:
        return {}
    return {"given": _strip(given[:SHOWN_IMAGES]), "found": _strip(found[:SHOWN_IMAGES])}


def _strip(pictures: NDArray[np.float32]) -> str:
    """(B, C, H, W) in ±1, side by side."""
    pixels = np.concatenate(np.moveaxis((pictures.clip(-1, 1) + 1) * 127.5, 1, -1), axis=1).round().astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def network(trainer: Trainer) -> dict[str, int]:
    """Parameters, K, D and tokens an input of what is trained."""
    parts: tuple[VectorQuantizer, ...] = trainer.quantizer.parts
    with evaluating(trainer.model, trainer.quantizer):
        grid = trainer.model.encode(trainer.monitor.inputs[:1]).shape[1:-1]
    return {
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "num_codes": parts[0].num_codes,
        "dim": trainer.quantizer.dim,
        "tokens": math.prod(grid),
    }


def recipe_values(recipe: Recipe) -> dict[str, Any]:
    """A recipe as plain values."""
    return asdict(recipe)
