"""The run that a training of our own writes, in the format of `vqcore.watch`: what a page opens and follows."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vqcore.files.errors import CheckpointError
from vqcore.probe.surroundings import surroundings
from vqcore.runs.kept_inputs import input_of, thinned_inputs
from vqcore.runs.layout import ABOUT, INPUTS
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter
from vqcore.snapshot import Event, Snapshot
from vqcore.training.recipe import Recipe
from vqcore.training.trainer import Trainer
from vqcore.training.usage_window import USAGE_WINDOW

MOST_RECORDED = 200
"""Recorded steps of a training of the length that was asked for."""

LEAST_EVERY = 10
"""Steps between two of them: each costs about as much as a step."""


class TrainingRecord:
    """Appends what a trainer is at each `every`-th step, and at the last, to the run in a folder.

    Which steps these are depends on their numbers alone, so that a training that was cut off and gone on with is
    recorded as one that was not.
    """

    def __init__(self, folder: Path, trainer: Trainer, steps: int) -> None:
        """Begin a run in `folder`, or go on with the one there, which was cut off.

        Raises:
            OSError: if it cannot be written.
            CheckpointError: if another tool wrote what is there.
        """
        self._last, self._events = -1, 0
        if (folder / ABOUT).exists():
            self._go_on(folder, trainer)
        else:
            self.every = max(LEAST_EVERY, steps // MOST_RECORDED)
            about = about_training(folder, trainer.recipe, trainer.snapshots(), steps)
            about["settings"] = {"every": self.every, **about["settings"]}
            self._writer = RunWriter(folder, about)

    def note(self, trainer: Trainer, *, is_last: bool = False) -> None:
        """Record the present step if it is one of those that are recorded.

        Raises:
            NonFiniteError: if it is not finite.
            OSError: if it cannot be written.
        """
        step = trainer.steps_done
        for event in trainer.events[self._events :]:
            record_switch(self._writer, event)
        self._events = len(trainer.events)
        if step <= self._last or (step % self.every and not is_last):
            return
        record_moment(self._writer, trainer.recipe, trainer.snapshots(), time.time())
        self._last = step

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        said = "" if error is None else f"{type(error).__name__}: {error}".removesuffix(": ")
        self._writer.append({"ended": round(time.time(), 3), "error": said})
        self._writer.close()

    def _go_on(self, folder: Path, trainer: Trainer) -> None:
        run = load_run(folder)
        try:
            self.every = max(1, int(run.about["settings"]["every"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"`{folder / ABOUT}` does not say `every` of its settings.") from error
        done = trainer.steps_done
        self._writer = RunWriter.going_on(folder, done)
        self._events = len(trainer.events)
        self._last = max((line["step"] for line in run.lines if line["step"] <= done), default=-1)


def about_training(folder: Path, recipe: Recipe, levels: Sequence[Snapshot], steps: int) -> dict[str, Any]:
    """What `run.json` says of a training that began with `recipe`; `levels` are one of its moments."""
    return {
        "name": folder.name,
        **surroundings(),
        "seed": recipe.seed,
        "settings": {"sample": len(levels[0].codes) // levels[0].vectors_per_input},
        "rank": 0,
        "world_size": 1,
        "steps": steps,
        "recipe": asdict(recipe),
        "codebooks": _codebooks(recipe, levels),
    }


def record_switch(writer: RunWriter, event: Event) -> None:
    """Write the line of a switch that was thrown.

    Raises:
        OSError: if it cannot be written.
    """
    writer.append({"step": event.step, "event": event.label, "changes": dict(event.changes)})


def record_moment(writer: RunWriter, recipe: Recipe, levels: Sequence[Snapshot], at: float) -> None:
    """Write the snapshot and the line of one moment, at so many seconds since 1970.

    Raises:
        OSError: if they cannot be written.
    """
    step = levels[0].step
    names = names_of(levels)
    arrays: dict[str, NDArray[Any]] = {}
    for name, level in zip(names, levels, strict=True):
        arrays |= {f"{name}/{field}": array for field, array in _arrays(level).items()}
    if (inputs := levels[0].monitor_inputs) is not None:
        arrays[INPUTS] = np.ascontiguousarray(thinned_inputs(inputs), dtype=np.float32)
    file = writer.save(step, arrays, {"step": str(step), "time": f"{at:.3f}"})
    of_books = {name: _numbers(level) for name, level in zip(names, levels, strict=True)}
    line = {"step": step, "time": round(at, 3), **_losses(levels[0]), "codebooks": of_books, "snapshot": file}
    writer.append(line)


def names_of(levels: Sequence[Snapshot]) -> list[str]:
    """What the record calls the codebook of each group or level."""
    return ["quantizer"] if len(levels) == 1 else [f"quantizer.levels.{level}" for level in range(len(levels))]


def _codebooks(recipe: Recipe, levels: Sequence[Snapshot]) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "num_codes": seen.num_codes,
            "dim": seen.codebook.shape[1],
            "structure": recipe.structure if len(levels) > 1 else "whole",
            "level": level,
            "layout": "a training of VQ Scope",
            "mode": "training",
            "reason": "",
            "moved_by": recipe.options.codebook_update,
            "counts_over": USAGE_WINDOW,
        }
        for level, (name, seen) in enumerate(zip(names_of(levels), levels, strict=True))
    ]


def _arrays(level: Snapshot) -> dict[str, NDArray[Any]]:
    """The fields of a `RecordedCodebook`; before the first batch nothing has been counted."""
    fields: dict[str, NDArray[Any]] = {
        "table": level.codebook,
        "z_e": level.z_e,
        "codes": level.codes.astype(np.int32),
        "gradient_norm": level.gradient_norm,
    }
    if level.monitor_inputs is not None:
        count = len(level.codes)
        found = input_of(np.arange(count), count, len(level.monitor_inputs))
        fields |= {} if found is None else {"input": found}
    return fields | ({"counts": level.counts} if level.window_batches else {})


def _numbers(level: Snapshot) -> dict[str, Any]:
    """What the held-out monitor vectors say: the one count of codes in use."""
    seen = level.held_out
    return {
        "vectors": len(level.codes),
        "in_use": seen.in_use,
        "perplexity": seen.perplexity,
        "quantization_error": seen.quantization_error,
        "relative_error": seen.relative_error,
        "mean_norm": float(np.linalg.norm(level.codebook.astype(np.float64), axis=1).mean()),
    }


def _losses(level: Snapshot) -> Mapping[str, float]:
    """Of the newest batch and of the held-out inputs, as far as there are any."""
    named = {
        "loss": level.metrics.task_loss if level.step else math.nan,
        "held_out_loss": level.held_out.task_loss,
        "accuracy": level.held_out.accuracy,
    }
    return {name: value for name, value in named.items() if not math.isnan(value)}
