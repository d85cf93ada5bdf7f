"""What the page shows of a session and its snapshot: status, headline numbers, curves, a classifier's answers."""

from collections.abc import Sequence

import numpy as np

from app import wording
from app.figures.curves import Curve, Panel, curve_of
from app.figures.level_bars import LevelRow
from app.live_plot.tiles import Status as StatusLine
from app.live_plot.tiles import StatusName, Tile
from app.theme import role
from app.wording import LevelWords
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.history import Points
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


def status_line_of(status: Status, facts: Sequence[str]) -> StatusLine:
    """What the session is doing, `facts` about it, and its device."""
    where = (status.device,) if status.device else ()
    remark = "while nobody looked" if status.state is State.IDLE else ""
    return StatusLine(state=STATES[status.state], facts=(*facts, *where), remark=remark)


def headline(snapshot: Snapshot, problem: Problem, words: LevelWords) -> list[Tile]:
    """The four numbers above the charts, each with its definition and its change since the last switch.

    Usage is that of the level shown; loss and error are those of the whole quantizer.
    """
    metrics, history, num_codes = snapshot.metrics, snapshot.history, snapshot.num_codes
    window = wording.usage_window(snapshot.window_batches, snapshot.window_vectors)
    judged = enough_to_judge(snapshot.window_vectors, num_codes)
    too_few = "" if judged or snapshot.step == 0 else " · too few vectors to judge"
    share = f" ({metrics.active_codes / num_codes:.0%})" if snapshot.step else ""
    active = f"{metrics.active_codes:,}" if snapshot.step else "–"
    label = f" · {words.name}" if words.name else ""
    relative = f"Relative{words.of}: {wording.MEANINGS['level_error' if words.name else 'relative_error']}."
    since = snapshot.events[-1].step if snapshot.events else None
    measured = history.measured
    return [
        Tile(
            label=f"perplexity{label}",
            value=wording.number(metrics.perplexity),
            of=f"/ {num_codes:,}{too_few}",
            change=_change(history.points("perplexity"), since),
            meaning=f"Perplexity: {wording.MEANINGS['perplexity']}; {window}.",
            past=measured["perplexity"],
            colour=role("Q"),
        ),
        Tile(
            label=f"active codes{label}",
            value=active,
            of=f"/ {num_codes:,}{share}{too_few}",
            change=_change(history.points("active_codes"), since),
            meaning=f"Active: {wording.MEANINGS['active_codes']}; {window}.",
            past=measured["active_codes"],
            colour=role("Q"),
        ),
        Tile(
            label="task loss",
            value=wording.number(metrics.task_loss),
            change=_change(history.points("task_loss"), since, relative=True),
            meaning=f"Task loss of the newest batch: {problem.loss_name}.",
            past=history.losses["task_loss"][-400:],
            colour=role("text"),
        ),
        Tile(
            label="‖z<sub>e</sub> − z<sub>q</sub>‖²",
            value=wording.number(metrics.quantization_error),
            of=f"{words.name} relative {wording.number(metrics.relative_error)}".lstrip(),
            change=_change(history.points("quantization_error"), since, relative=True),
            meaning=f"Quantization error, {wording.MEANINGS['quantization_error']}. {relative}",
            past=history.losses["quantization_error"][-400:],
            colour=role("P"),
        ),
    ]


def _change(points: Points, since: int | None, *, relative: bool = False) -> str:
    """Change from the last value before step `since` to the newest, in words; empty without a switch.

    Long after the switch, that value is the mean of the last bucket before it.
    """
    before = np.searchsorted(points.last_step, since, side="right") - 1 if since is not None else -1
    if before < 0 or before == len(points.mean) - 1:
        return ""
    start, end = float(points.mean[before]), float(points.mean[-1])
    if not np.isfinite([start, end]).all():
        return ""
    if relative:
        return f"{_signed(round(100 * (end / start - 1)))}% since the switch" if start else ""
    return f"{_signed(round(end - start))} since the switch"


def _signed(value: int) -> str:
    return f"{value:+,}".replace("-", "−") if value else "±0"


def curve_panels(group: str, snapshot: Snapshot) -> list[Panel]:
    """The curves of one group: `learning`, `P and C` or `gradients`."""
    history = snapshot.history

    def curve(name: str, label: str, colour: str) -> Curve:
        return curve_of(label, history.points(name), colour)

    if group == "learning":
        return [
            Panel(
                title="",
                log=True,
                curves=[
                    curve("task_loss", "task loss", role("text")),
                    curve("quantization_error", "‖z_e−z_q‖²", role("P")),
                ],
            ),
            Panel(
                title="",
                log=True,
                ends=(1.0, float(max(snapshot.num_codes, 2))),
                curves=[
                    curve("active_codes", "active codes", role("Q")),
                    curve("perplexity", "perplexity", role("C")),
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
            active_codes=usage.active_codes,
            perplexity=usage.perplexity,
            relative_error=usage.relative_error,
        )
        for level, usage in enumerate(snapshot.levels)
    ]


def answers(snapshot: Snapshot, problem: Problem) -> tuple[list[str], list[bool]]:
    """A classifier's answer to each shown input with its probability, and whether it is right.

    Non-finite scores give no answer.
    """
    known = np.asarray(np.isfinite(snapshot.outputs).all(axis=1))
    outputs = np.where(known[:, None], snapshot.outputs, 0).astype(np.float64)
    scores = np.exp(outputs - outputs.max(1, keepdims=True))
    shares = scores / scores.sum(1, keepdims=True)
    answers = shares.argmax(1)
    captions = [
        f"{problem.classes[answer]} · {share[answer]:.0%}" if is_known else "–"
        for answer, share, is_known in zip(answers, shares, known, strict=True)
    ]
    return captions, (known & (answers == snapshot.targets)).tolist()
