"""What the page shows of a session and its snapshot: status, headline numbers, curves, a classifier's answers."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app import wording
from app.figures.curves import Curve, Panel, curve_of
from app.figures.level_bars import LevelRow
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import StatusName, Tile
from app.theme import role
from app.wording import LevelWords
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.history import Floats, History
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.status import State, Status

STATES: dict[State, StatusName] = {
    State.STARTING: "starting",
    State.RUNNING: "running",
    State.PAUSED: "paused",
    State.IDLE: "paused",
    State.BROKEN: "failed",
    State.STOPPED: "ended",
}

MOST_LETTERS = 9
"""Of the name of a class below a small picture."""

MOST_BESIDE = 2
"""Letters of a name that its probability has room beside."""


def status_line_of(status: Status, facts: Sequence[str]) -> StatusLine:
    """What the session is doing, `facts` about it, and its device."""
    where = (status.device,) if status.device else ()
    remark = "while nobody looked" if status.state is State.IDLE else ""
    return StatusLine(state=STATES[status.state], facts=(*facts, *where), remark=remark)


def headline(snapshot: Snapshot, problem: Problem, words: LevelWords, unquantized: str = "") -> list[Tile]:
    """The four numbers above the charts, by the held-out vectors at this step, each with its definition.

    Usage and relative error are those of the level shown; loss and quantization error are of the whole. `unquantized`
    is the loss without quantization, in words; empty where it is not known.
    """
    now, rows, num_codes = snapshot.held_out, snapshot.history.held_out, snapshot.num_codes
    by = wording.held_out(len(snapshot.codes), num_codes)
    label = f" · {words.name}" if words.name else ""
    few = "" if enough_to_judge(len(snapshot.codes), num_codes) else ", too few"
    return [
        Tile(
            label=f"in use{label}",
            value=f"{now.in_use:,}",
            of=f"of {num_codes:,} · N = {len(snapshot.codes):,}{few}",
            note=_touched(snapshot),
            meaning=f"In use: {wording.MEANINGS['in_use']}; {by}. In batches: assigned at least once in training, "
            f"{wording.usage_window(snapshot.window_batches, snapshot.window_vectors)}, so it follows later.",
            past=rows["in_use"],
            colour=role("Q"),
        ),
        Tile(
            label=f"perplexity{label}",
            value=wording.number(now.perplexity),
            of=f"of {num_codes:,}",
            meaning=f"Perplexity: {wording.MEANINGS['perplexity']}; {by}.",
            past=rows["perplexity"],
            colour=role("C"),
        ),
        _loss_tile(snapshot, problem, unquantized),
        _error_tile(snapshot, words),
    ]


def _loss_tile(snapshot: Snapshot, problem: Problem, unquantized: str) -> Tile:
    """The task loss; of a classifier with the share of inputs for which it is right."""
    now = snapshot.held_out
    right = "" if math.isnan(now.accuracy) else f"{now.accuracy:.0%} right"
    newest = f"newest batch {wording.number(snapshot.metrics.task_loss)}" if snapshot.step else ""
    meaning = f"Task loss of the held-out inputs at this step: {problem.loss_name}."
    meaning += " Right: the share of them whose class is the likeliest." if right else ""
    return Tile(
        label="task loss",
        value=wording.number(now.task_loss),
        of=" · ".join(filter(None, (right, unquantized))),
        note="" if unquantized else newest,  # there is room for one of the two
        meaning=f"{meaning} {wording.UNQUANTIZED}" if unquantized else meaning,
        past=snapshot.history.held_out["task_loss"][-400:],
        colour=role("text"),
    )


def _touched(snapshot: Snapshot) -> str:
    batches = snapshot.window_batches
    touched = f"{snapshot.metrics.active_codes:,} in {batches} batch{'' if batches == 1 else 'es'}"
    return touched if batches else ""


def _error_tile(snapshot: Snapshot, words: LevelWords) -> Tile:
    """The quantization error with what it is relative to; of several levels, the relative error of the one shown."""
    now, rows = snapshot.held_out, snapshot.history.held_out
    whole = f"‖z_e − z_q‖² {wording.number(now.quantization_error)}"
    meaning = f"Relative{words.of}: {wording.MEANINGS['level_error' if words.name else 'relative_error']}."
    meaning += f" Quantization error, {wording.MEANINGS['quantization_error']}. Both of the held-out vectors."
    if words.name:
        return Tile(
            label=f"relative error · {words.name}",
            value=wording.number(now.relative_error),
            note=f"all together: {whole}",
            meaning=meaning,
            past=rows["relative_error"][-400:],
            colour=role("P"),
        )
    return Tile(
        label="‖z<sub>e</sub> − z<sub>q</sub>‖²",
        value=wording.number(now.quantization_error),
        of=f"relative {wording.number(now.relative_error)}",
        meaning=meaning,
        past=rows["quantization_error"][-400:],
        colour=role("P"),
    )


def curve_panels(group: str, history: History, num_codes: int) -> list[Panel]:
    """The curves of one group: `learning`, `P and C` or `gradients`."""

    def curve(name: str, label: str, colour: str) -> Curve:
        found = curve_of(label, history.points(name), colour)
        return replace(found, is_held_out=name.startswith("held_out."))

    if group == "learning":
        return [
            Panel(
                title="",
                log=True,
                curves=[
                    replace(curve("task_loss", "task loss of batches", role("text")), is_faint=True),
                    curve("held_out.task_loss", "task loss", role("text")),
                    curve("held_out.quantization_error", "‖z_e−z_q‖²", role("P")),
                ],
            ),
            Panel(
                title="",
                log=True,
                ends=(1.0, float(max(num_codes, 2))),
                curves=[
                    curve("held_out.in_use", "in use", role("Q")),
                    curve("held_out.perplexity", "perplexity", role("C")),
                ],
            ),
        ]
    if group == "P and C":
        return [
            Panel(
                title="",
                curves=[
                    curve("p_spread", "spread of P", role("P")),
                    curve("c_spread", "spread of C", role("C")),
                ],
            ),
            Panel(
                title="",
                curves=[
                    curve("p_mean_norm", "mean of P", role("P")),
                    curve("c_mean_norm", "mean of C", role("C")),
                    curve("moment_distance", "distance", role("text")),
                ],
            ),
        ]
    return [
        Panel(title="", ends=(0.0, 1.0), curves=[curve("gradient_fraction", "reached", role("C"))]),
        Panel(
            title="",
            log=True,
            curves=[
                curve("commitment_loss", "commitment", role("text")),
                curve("relative_error", "relative error", role("P")),
            ],
        ),
    ]


def level_rows(snapshot: Snapshot, structure: str) -> list[LevelRow]:
    """The usage of every group or level."""
    return [
        LevelRow(
            name=wording.level_words(structure, level, len(snapshot.levels)).name,
            num_codes=len(usage.counts),
            in_use=usage.held_out.in_use,
            perplexity=usage.held_out.perplexity,
            relative_error=usage.held_out.relative_error,
        )
        for level, usage in enumerate(snapshot.levels)
    ]


def answers(snapshot: Snapshot, problem: Problem) -> tuple[list[str], list[bool]]:
    """A classifier's answer to each shown input with its probability, and whether it is right; see `answers_to`."""
    return answers_to(snapshot.outputs, snapshot.targets, problem.classes)


def answers_to(scored: Floats, targets: NDArray[Any], classes: Sequence[str]) -> tuple[list[str], list[bool]]:
    """The answers that scores (B, classes) mean, with their probabilities, and whether each is right.

    Non-finite scores give no answer.
    """
    known = np.asarray(np.isfinite(scored).all(axis=1))
    outputs = np.where(known[:, None], scored, 0).astype(np.float64)
    scores = np.exp(outputs - outputs.max(1, keepdims=True))
    shares = scores / scores.sum(1, keepdims=True)
    answers = shares.argmax(1)
    captions = [
        f"{classes[answer]} · {share[answer]:.0%}" if is_known else "–"
        for answer, share, is_known in zip(answers, shares, known, strict=True)
    ]
    return captions, (known & (answers == targets)).tolist()


def below_picture(answer: str, truth: str | None = None) -> str:
    """An answer with its probability, and the true class where that is another, in lines for below a small picture.

    >>> below_picture("7 · 51%", "1"), below_picture("trouser · 25%")
    ('7 · 51%<br>is 1', 'trouser<br>25%')
    >>> below_picture("n02124075 Egyptian cat · 25%", "n02123045 tabby")
    'n0212407…<br>25%<br>is n0212…'
    """
    name, dot, share = answer.partition(" · ")
    lines = [f"{name}{dot}{share}"] if len(name) <= MOST_BESIDE else [short_name(name), share]
    return "<br>".join(lines if truth is None else [*lines, f"is {short_name(truth, MOST_LETTERS - 3)}"])


def short_name(name: str, most: int = MOST_LETTERS) -> str:
    """The name of a class as far as a small picture is wide."""
    return name if len(name) <= most else f"{name[: most - 1]}…"
