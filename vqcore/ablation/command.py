"""The work of `ablation`: the command line of an ablation, its progress and its table."""

import argparse
import shlex
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vqcore.ablation.cell import network
from vqcore.ablation.grid import default_rows, read_rows
from vqcore.ablation.results import METRICS, ResultRow, Results
from vqcore.ablation.running import RESULTS, Ablation, Progress
from vqcore.ablation.tables import markdown
from vqcore.repository import commit_of_code
from vqcore.training.recipe import default_recipe, parse_changes, problem_of
from vqcore.training.trainer import Trainer

MOST_SEEDS = 100
CANCELLED = 130


def ablation(options: argparse.Namespace) -> tuple[Any, ...]:
    """Train every row on every seed, and print the table.

    Raises:
        ValueError: for settings that cannot be, before anything is trained.
    """
    work = _asked(options)
    code: tuple[int, ...] = ()
    try:
        with tqdm(total=1.0, file=sys.stderr, disable=None, leave=False, bar_format="{l_bar}{bar}| {desc}") as bar:
            results = work.run(lambda progress: _shown(bar, progress), lambda row: _told(bar, row))
    except KeyboardInterrupt:
        results, code = work.results(), (CANCELLED,)
        print(f"Cancelled. The same command goes on from here: {work.folder}", file=sys.stderr)
    report = {"about": dict(work.about), "folder": str(work.folder), "rows": _numbers(results)}
    return report, f"{markdown(results)}\n{work.folder / RESULTS} opens on the page Results.", *code


def add_words(parser: argparse.ArgumentParser, path: Callable[[str], Path]) -> None:
    """What may stand behind `ablation`."""
    parser.add_argument("problem", help="one that `problems` lists")
    parser.add_argument("--seeds", type=int, default=3, help="how many, from 0 on (default: 3)")
    parser.add_argument("--steps", type=int, help="of each training (default: 1000)")
    parser.add_argument("--epochs", type=int, help="instead of --steps: passes over the training inputs")
    parser.add_argument("--device", default="auto", help="auto, cpu, mps, cuda, cuda:1 …")
    parser.add_argument("--set", nargs="+", default=[], action="extend", metavar="K=V", help="of every row")
    parser.add_argument("--grid", type=path, metavar="FILE", help='rows as JSON: [{"name": …, "set": {…}}, …]')
    parser.add_argument("--out", type=path, metavar="DIR", help="folder of the results (default: ablation-PROBLEM)")
    parser.add_argument(
        "--record",
        action="store_true",
        help="write each training from now on as a run, too, below DIR/cells: for the page Runs",
    )


def _asked(options: argparse.Namespace) -> Ablation:
    if not 1 <= options.seeds <= MOST_SEEDS:
        raise ValueError(f"`--seeds` must be a whole number from 1 to {MOST_SEEDS}, but got {options.seeds}.")
    changes = parse_changes(options.set)
    if "seed" in changes:
        raise ValueError("`seed` is given by --seeds, how many there are. Leave it out of --set.")
    base = default_recipe(options.problem, device=options.device, **changes)
    rows = default_rows() if options.grid is None else read_rows(options.grid)
    for row in rows:
        row.recipe(base, 0)  # refused before anything is trained
    steps = 1000 if options.steps is None else options.steps
    if options.epochs is not None:
        if options.steps is not None or options.epochs < 1:
            raise ValueError("`--epochs` must be a whole number from 1 up, without --steps beside it.")
        inputs = problem_of(base).load(0).train.num_inputs
        steps = options.epochs * max(1, inputs // min(inputs, base.batch_size))
    if steps < 1:
        raise ValueError(f"`--steps` must be a whole number from 1 up, but got {steps}.")
    trainer = Trainer(base)
    about = {
        "problem": options.problem,
        "settings": dict(changes),
        "steps": steps,
        "task": trainer.problem.task,
        "loss": trainer.problem.loss_name,
        "network": network(trainer),
        "command": "python -m vqcore " + shlex.join(sys.argv[1:]),
        "version": _version(),
        "commit": commit_of_code(),
    }
    folder = options.out if options.out is not None else Path(f"ablation-{options.problem}")
    return Ablation(base, rows, range(options.seeds), steps, folder, about, records=options.record)


def _shown(bar: Any, progress: Progress) -> None:
    left = "" if progress.seconds_left is None else f", {tqdm.format_interval(progress.seconds_left)} left"
    bar.n = progress.done / progress.of
    bar.set_description_str(
        f"{progress.done} of {progress.of} · {progress.row}, seed {progress.seed}, step {progress.step:,}{left}",
        refresh=False,
    )
    bar.update(0)


def _told(bar: Any, row: ResultRow) -> None:
    """A row as soon as all its seeds are there."""
    parts = [
        f"{METRICS[name]} {_short(row, name)}" for name in ("accuracy", "task_loss", "active_codes", "perplexity")
    ]
    bar.write(f"{row.name}: {' · '.join(part for part in parts if not part.endswith('–'))}", file=sys.stderr)


def _short(row: ResultRow, name: str) -> str:
    found = row.summary(name)
    return "–" if found is None else f"{found.mean:.3g}"


def _numbers(results: Results) -> list[dict[str, Any]]:
    beside = results.compared()
    return [
        {
            "name": row.name,
            "set": dict(row.changes),
            **{name: None if (s := row.summary(name)) is None else [s.mean, s.std] for name in results.metrics},
            "compared": beside[row.name]._asdict() if row.name in beside else None,
        }
        for row in results.rows
    ]


def _version() -> str:
    try:
        return version("vq-scope")
    except PackageNotFoundError:
        return "not installed"
