"""The work of `train`: a training for so many steps with switches at theirs, recorded, kept and gone on with."""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vqcore import storage
from vqcore.training.checkpoint import load_checkpoint, save_checkpoint
from vqcore.training.recipe import Recipe, changed, default_recipe, parse_changes, problem_of
from vqcore.training.trainer import Trainer
from vqcore.training_record import TrainingRecord

CHECKPOINT = "checkpoint.pt"
SAVE_SECONDS = 60.0
DEFAULT_STEPS = 200

Schedule = dict[int, list[dict[str, Any]]]
"""Changes by the number of steps done before they take effect, in the order of the `--at` options."""


@dataclass(kw_only=True, slots=True)
class Job:
    """One training to its last step."""

    recipe: Recipe
    steps: int
    schedule: Schedule
    folder: Path | None
    """Where it is kept; None: nowhere."""

    save_seconds: float = SAVE_SECONDS
    seconds: float = 0.0
    """Trained so far, before a resume too."""

    clock: Callable[[], float] = time.perf_counter

    def run(self, trainer: Trainer) -> None:
        """Train what is left; it is kept before the first step, from time to time and at the end."""
        if self.folder is None:
            self._run(trainer, lambda *_, **__: None)
        else:
            with TrainingRecord(self.folder, trainer, self.steps) as record:
                self._run(trainer, record.note)

    def _run(self, trainer: Trainer, note: Callable[..., None]) -> None:
        before, began = self.seconds, self.clock()
        if trainer.steps_done == 0:
            self._throw(trainer)
        note(trainer)
        self._save(trainer)
        saved = self.clock()
        left = range(trainer.steps_done, self.steps)
        with tqdm(
            total=self.steps, initial=left.start, unit="step", file=sys.stderr, disable=None, leave=False
        ) as progress:
            for _ in left:
                trainer.step()
                self._throw(trainer)
                note(trainer)
                self.seconds = before + self.clock() - began
                if self.clock() - saved >= self.save_seconds:
                    self._save(trainer)
                    saved = self.clock()
                progress.update()
        self._save(trainer)
        note(trainer, is_last=True)  # after the checkpoint: a longer training would not look at this step

    def _throw(self, trainer: Trainer) -> None:
        for changes in self.schedule.get(trainer.steps_done, ()):
            trainer.apply(changes)

    def _save(self, trainer: Trainer) -> None:
        """After the switches of a step, so that a resume throws none of them again."""
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        told = {"steps": self.steps, "schedule": self.schedule, "seconds": self.seconds}
        save_checkpoint(self.folder / CHECKPOINT, trainer, told | {"save_seconds": self.save_seconds})


def begun(options: argparse.Namespace) -> tuple[Job, Trainer]:
    """A new training as the command line asks for it.

    Raises:
        ValueError: for settings that cannot be, or a folder that holds a run.
    """
    if options.problem is None:
        raise ValueError("`train` needs a problem, or a run to go on with: --resume DIR. `problems` lists them.")
    changes = parse_changes(options.set)
    if "seed" in changes:
        raise ValueError(f"`seed` is given by --seed, not by --set. Write --seed {changes['seed']}.")
    recipe = default_recipe(options.problem, seed=options.seed, device=options.device, **changes)
    recipe, steps = _length(options, recipe)
    schedule = scheduled(options.at, steps)
    if options.out is not None:
        if (options.out / CHECKPOINT).exists() and not (options.out / storage.REPORT).exists():
            raise ValueError(f"`--out` {options.out} holds a run that has not ended. Go on: --resume {options.out}")
        storage.check_free(options.out)
    trainer = Trainer(recipe, exact_rows=steps)  # what is written down is every step
    return Job(
        recipe=recipe, steps=steps, schedule=schedule, folder=options.out, save_seconds=options.save_every
    ), trainer


def _length(options: argparse.Namespace, recipe: Recipe) -> tuple[Recipe, int]:
    """How many steps to train, and the recipe with the schedule that fits them."""
    if options.epochs is None:
        if options.warmup_epochs is not None:
            raise ValueError("`--warmup-epochs` needs --epochs beside it, which says when the cosine ends.")
        return recipe, DEFAULT_STEPS if options.steps is None else options.steps
    if options.steps is not None or options.epochs < 1:
        raise ValueError("`--epochs` must be a whole number from 1 up, without --steps beside it.")
    inputs = problem_of(recipe).load(recipe.seed).train.num_inputs
    an_epoch = max(1, inputs // min(inputs, recipe.batch_size))  # the last, smaller batch is left out
    steps = options.epochs * an_epoch
    if options.warmup_epochs is None:
        return recipe, steps
    return changed(recipe, {"warmup_steps": options.warmup_epochs * an_epoch, "cosine_steps": steps}), steps


def resumed(options: argparse.Namespace) -> tuple[Job, Trainer]:
    """The training kept in the folder that `--resume` names, to its own last step or to `--steps`.

    Raises:
        ValueError: if nothing is kept there, or the command line asks for other settings.
    """
    if options.problem is not None or options.set or options.at or options.out is not None:
        raise ValueError("`--resume` goes on with what was begun; beside it stands at most --steps.")
    path = options.resume / CHECKPOINT
    if not path.is_file():
        raise ValueError(
            f"`--resume` must name the folder of a run begun with --out, but {options.resume} holds none."
        )
    trainer, told = load_checkpoint(path)
    steps = told["steps"] if options.steps is None else options.steps
    trainer.keep_rows(steps)
    if steps < trainer.steps_done:
        raise ValueError(f"`--steps` must be at least the {trainer.steps_done:,} that are done, but got {steps}.")
    return Job(
        recipe=trainer.recipe,
        steps=steps,
        schedule=told["schedule"],
        folder=options.resume,
        save_seconds=told["save_seconds"],
        seconds=told["seconds"],
    ), trainer


def scheduled(entries: list[list[str]], steps: int) -> Schedule:
    """The switches that `--at` asks for.

    Raises:
        ValueError: for a step beyond the last, a word that is no switch, or a value out of range.
    """
    if steps < 0:
        raise ValueError(f"`--steps` must be a whole number from 0 up, but got {steps}.")
    schedule: Schedule = {}
    for at, *pairs in entries:
        if not at.isdecimal() or int(at) > steps:
            raise ValueError(f"`--at` must begin with a step from 0 to --steps {steps}, but got {at!r}.")
        if not pairs:
            raise ValueError(f"`--at {at}` must name what changes there, for example affine=running.")
        schedule.setdefault(int(at), []).append(parse_changes(pairs, live_only=True))
    return schedule


def add_words(parser: argparse.ArgumentParser, path: Callable[[str], Path]) -> None:
    """What may stand behind `train`."""
    parser.add_argument("problem", nargs="?", help="one that `problems` lists")
    parser.add_argument("--steps", type=int, help="how many (default: 200)")
    parser.add_argument("--epochs", type=int, help="instead of --steps: passes over the training inputs")
    parser.add_argument(
        "--warmup-epochs",
        type=int,
        help="with --epochs: the rate rises for so many, then falls to zero with a cosine",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda, cuda:1 …")
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="K=V", help="from step 0")
    parser.add_argument(
        "--at", nargs="+", default=[], action="append", metavar=("STEP", "K=V"), help="throw switches then"
    )
    parser.add_argument("--out", type=path, metavar="DIR", help="write the run there, and keep it while it trains")
    parser.add_argument("--save-every", type=float, default=SAVE_SECONDS, metavar="SECONDS", help="default: 60")
    parser.add_argument("--resume", type=path, metavar="DIR", help="go on with a run begun with --out")
