"""A training kept in a file, so that it goes on bit for bit where it was, even after a sudden end."""

import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from vqcore.quantizer.options import Options
from vqcore.snapshot import Event
from vqcore.training.adamw import Moments
from vqcore.training.recipe import Recipe
from vqcore.training.state_values import put_values, values_of
from vqcore.training.trainer import Trainer

FORMAT = 1
REMEMBERED = ("_generator", "_batches", "_finite", "steps_done")
"""What a trainer has to remember besides weights, moments and events."""

REMEMBERED_MEASUREMENTS = ("_usage", "_recorder", "_measured_step", "_held_out_of")
"""What its measurements have to."""

LEFT_OUT = ("_device", "_handed_out")


def save_checkpoint(path: Path, trainer: Trainer, told: Mapping[str, Any]) -> None:
    """Keep `trainer` in the file `path`, with `told` beside it, values that `torch.load` reads without pickles.

    The file is replaced in one act: whoever reads it, after whatever end, finds the old training or the new one.

    Raises:
        OSError: if writing fails.
    """
    state = {
        "format": FORMAT,
        "told": dict(told),
        "recipe": asdict(trainer.recipe),
        "options": asdict(trainer.options),
        "events": [
            (event.step, event.variant, event.label, list(map(list, event.changes))) for event in trainer.events
        ],
        "model": trainer.model.state_dict(),
        "quantizer": trainer.quantizer.state_dict(),
        "moments": [
            list(trainer.optimizer.state[parameter]) if parameter in trainer.optimizer.state else None
            for parameter in trainer.parameters()
        ],
        "placed_at": list(trainer.placed_at.values()),
        "num_inputs": trainer.train_data.num_inputs,
        "remembered": {
            name: values_of(getattr(owner, name), LEFT_OUT) for name, owner in _owners_of_remembered(trainer).items()
        },
    }
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_checkpoint(path: Path) -> tuple[Trainer, dict[str, Any]]:
    """The training kept in `path`, as it was, and what was told beside it.

    Raises:
        ValueError: if the file is no checkpoint, or of images that have changed since.
        OSError: if it cannot be read.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["format"] != FORMAT:
            raise ValueError(state["format"])
        recipe = Recipe(**state["recipe"] | {"options": Options(**state["recipe"]["options"])})
    except (KeyError, TypeError, ValueError, RuntimeError, EOFError, UnpicklingError) as error:
        raise ValueError(
            f"`--resume` must name a run that this version has kept, but {path} is none: {error}. Train it again."
        ) from error
    # Codes are not placed to be overwritten: that can take longer than all else.
    trainer = Trainer(replace(recipe, code_init="normal"))
    trainer.recipe = recipe
    if trainer.train_data.num_inputs != state["num_inputs"]:
        raise ValueError(
            f"`data` must be what the run was begun with, {state['num_inputs']:,} training images, but "
            f"{trainer.problem.name} finds {trainer.train_data.num_inputs:,} now. Put the images back."
        )
    _put(trainer, state)
    return trainer, state["told"]


def _put(trainer: Trainer, state: Mapping[str, Any]) -> None:
    trainer.quantizer.switch_(Options(**state["options"]))
    trainer.model.load_state_dict(state["model"])
    trainer.quantizer.load_state_dict(state["quantizer"])
    for parameter, moments in zip(trainer.parameters(), state["moments"], strict=True):
        if moments is not None:
            step, *others = moments
            trainer.optimizer.state[parameter] = Moments(step, *(moment.to(parameter.device) for moment in others))
    for part, placed in zip(trainer.placed_at, state["placed_at"], strict=True):
        trainer.placed_at[part] = placed.to(trainer.device)
    trainer.events = tuple(
        Event(step, variant, label, tuple((name, value) for name, value in changes))
        for step, variant, label, changes in state["events"]
    )
    owners = _owners_of_remembered(trainer)
    for name, values in state["remembered"].items():
        setattr(owners[name], name, put_values(getattr(owners[name], name), values))
    trainer.defer()


def _owners_of_remembered(trainer: Trainer) -> dict[str, Any]:
    """By the name of what is to be remembered, the object that it is an attribute of."""
    owners: dict[str, Any] = dict.fromkeys(REMEMBERED, trainer)
    return owners | dict.fromkeys(REMEMBERED_MEASUREMENTS, trainer.measurements)
