"""What is said of experiments: their formulas, what they were measured to do, and the table of those made."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.live_plot.experiments import Cell, Line
from app.wording import MEANINGS, number
from vqcore.problems.problem import Problem
from vqcore.starts.recorded import recorded, table_rows
from vqcore.starts.start import Start
from vqcore.training.experiment_plan import Row

UNTOUCHED = "No switch is thrown: what all others are held against."

FORMULAS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "affine": lambda to: {
        "running": "c = s·c_raw + b with s = σ_P/σ_C and b = μ_P − s·μ_C, from running moments",
        "matrix": f"c = W·c_raw with W = I + {to.get('affine_lr_scale', 1):g}·A learned",
    }.get(
        to["affine"],
        f"c = s·c_raw + b with s = 1 + {to.get('affine_lr_scale', 1):g}·a and b = "
        f"{to.get('affine_lr_scale', 1):g}·a′ learned",
    ),
    "inner_steps": lambda to: (
        f"before each step v ← {to.get('inner_momentum', 0):g}·v + ∂‖z_e − z_q‖²/∂c and c ← c − 50·v"
    ),
    "sync": lambda to: f"z = z_e + sg[z_q − z_e] + {to['sync']:g}·(z_q − sg[z_q])",
    "replace_every": lambda to: f"a code unused for {to['replace_every']} steps moves onto a recent z_e",
}
"""By the option that an experiment changes, in the order in which a step applies them."""


def formula(changes: Mapping[str, Any]) -> str:
    """One line for each remedy.

    >>> formula({"sync": 0.5})
    'z = z_e + sg[z_q − z_e] + 0.5·(z_q − sg[z_q])'
    """
    return "\n".join(says(changes) for name, says in FORMULAS.items() if name in changes) or UNTOUCHED


def measured(start: Start, name: str) -> str:
    """What the recorded seeds say of the experiment; empty where none are."""
    found = recorded(start.name)
    if found is None:
        return ""
    for row in table_rows(found.table):
        if row[0] == name:
            seeds = found.table["seeds"]
            right = f"; right {row[4]}" if row[4] != "–" else ""
            return (
                f"Seeds {seeds[0]}–{seeds[-1]}, median and range: loss / left alone {row[1]}; in use {row[2]}{right}."
            )
    return ""


def lines(problem: Problem, num_codes: int, num_vectors: int) -> tuple[Line, ...]:
    """The rows of the table."""
    by = f"by {num_vectors:,} held-out vectors at the end of the experiment"
    is_classifier = problem.task == "classification"
    error = Line("right", "Share of held-out inputs classified rightly") if is_classifier else None
    return (
        Line(f"in use of {num_codes:,}", f"In use: {MEANINGS['in_use']}; {by}"),
        Line("perplexity", f"Perplexity: {MEANINGS['perplexity']}; {by}"),
        error or Line("error", f"Task loss of the held-out inputs: {problem.loss_name}"),
        Line("seconds", "Of training since the pause, by the clock: with all else that this machine did meanwhile"),
    )


def cells_of(rows: Sequence[Row]) -> list[tuple[Cell, ...]]:
    """For each experiment what stands below it, in the order of `lines`, with the best of each row marked."""
    numbers = [_numbers(row) for row in rows]
    best = [_best([each[line] for each in numbers], sign) for line, sign in enumerate((1, 1, _sign(rows), 0))]
    return [
        tuple(
            Cell(_text(row, line), best=each[line] is not None and each[line] == best[line])
            for line in range(len(best))
        )
        for row, each in zip(rows, numbers, strict=True)
    ]


def markdown(start: Start, rows: Sequence[Row], problem: Problem, num_codes: int, num_vectors: int, seed: int) -> str:
    """The table of the experiments that are done, for a text."""
    heads = ["experiment", *(line.words for line in lines(problem, num_codes, num_vectors))]
    done = [row for row in rows if row.stage == "done"]
    body = [
        [_name(row), *(f"**{cell.text}**" if cell.best else cell.text for cell in cells)]
        for row, cells in _done(rows)
    ]
    said = (
        f"{start.title}: seed {seed}, {start.steps:,} steps after step {start.pause_at:,}, the same batches for all; "
        f"held-out, N = {num_vectors:,} vectors."
    )
    table = [heads, ["---"] * len(heads), *body] if done else []
    return "\n".join([said, "", *(f"| {' | '.join(row)} |" for row in table)])


def csv_text(rows: Sequence[Row], seed: int) -> str:
    """The same as numbers, one line an experiment, with what each changed."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(
        ["experiment", "changes", "seed", "steps", "in_use", "perplexity", "task_loss", "accuracy", "seconds"]
    )
    for row, _ in _done(rows):
        assert row.held_out is not None
        found, changes = row.held_out, " ".join(f"{name}={value}" for name, value in row.changes.items())
        right = "" if found.accuracy != found.accuracy else found.accuracy
        numbers = (found.in_use, found.perplexity, found.task_loss, right, round(row.seconds, 2))
        writer.writerow([_name(row), changes, seed, row.steps, *numbers])
    return out.getvalue()


def _done(rows: Sequence[Row]) -> list[tuple[Row, tuple[Cell, ...]]]:
    return [pair for pair in zip(rows, cells_of(rows), strict=True) if pair[0].stage == "done"]


def _name(row: Row) -> str:
    return f"{row.name}, and more by hand" if row.is_touched else row.name


def _numbers(row: Row) -> tuple[float | None, ...]:
    found = row.held_out
    if row.stage != "done" or found is None:
        return (None, None, None, None)
    is_classifier = found.accuracy == found.accuracy
    return (found.in_use, found.perplexity, found.accuracy if is_classifier else found.task_loss, row.seconds)


def _text(row: Row, line: int) -> str:
    value = _numbers(row)[line]
    if value is None:
        return "broke" if row.stage == "broken" and line == 0 else "–"
    is_classifier = row.held_out is not None and row.held_out.accuracy == row.held_out.accuracy
    if line == 2 and is_classifier:
        return f"{value:.0%}"
    return (f"{value:,.0f}", number(value), number(value), f"{value:.1f} s")[line]


def _best(values: Sequence[float | None], sign: int) -> float | None:
    """The best of at least two values; None where there is none, or better and worse mean nothing."""
    found = [value for value in values if value is not None]
    if sign == 0 or len(found) < 2 or min(found) == max(found):
        return None
    return max(found) if sign > 0 else min(found)


def _sign(rows: Sequence[Row]) -> int:
    accuracies = [row.held_out.accuracy for row in rows if row.held_out is not None]
    return 1 if any(each == each for each in accuracies) else -1
