"""The story of a scene: its numbers read off the snapshot and its curves, and its two lines of HTML."""

import math

import numpy as np
from numpy.polynomial import Polynomial

from app.panels.markup import markup
from app.panels.scene import Scene
from app.panels.story import clauses, outcome, state_of, twin_words
from app.panels.story_account import Account, Cause, Finding, Forecast, Peak, Values
from app.panels.switch_words import cause_words
from app.panels.verdict_words import finding_words, verdict_of
from app.sessions.verdict_memory import FIRST_STEPS
from vqcore.history import History, Ints
from vqcore.snapshot import Event, HeldOutMetrics, Snapshot
from vqcore.training.recipe import Recipe
from vqcore.training.status import State as SessionState

MEANING = (
    "In use: codes that are nearest to at least one of {vectors} held-out vectors at this step. Task loss: of the "
    "same held-out inputs; its peak: of a training batch since the switch."
)


FEWEST_MOMENTS = 3
"""Moments that a forecast is made from."""

LARGEST_EXPONENT = 700.0
"""Of e, within a double."""


def account_of(scene: Scene) -> Account:
    """What the story of this moment is told from."""
    snapshot = scene.snapshot
    cause = _cause(snapshot)
    verdict = verdict_of(scene)
    return Account(
        step=snapshot.step,
        num_codes=snapshot.num_codes,
        num_vectors=len(snapshot.codes),
        before=_before(snapshot),
        now=_values(snapshot),
        relative_error=snapshot.held_out.relative_error,
        cause=cause,
        peak=None if cause is None else _peak(snapshot.history, cause.step),
        lowest_loss=math.inf if cause is None else _lowest_loss(snapshot.history, cause.step),
        forecast=None if cause is None else forecast(snapshot.history, cause.step, snapshot.step),
        guess=guess(snapshot.labels),
        twin=_twin(scene),
        of_level=scene.words.of,
        training_at=None if scene.cursor is None else scene.newest.step,
        has_failed=scene.status.state is SessionState.BROKEN,
        message=scene.status.message.replace("`", ""),  # written for Markdown
        finding=None if verdict is None else Finding(verdict.what[1], finding_words(verdict, snapshot)),
        verdict_from=FIRST_STEPS,
    )


def story_html(account: Account) -> str:
    """Two lines: the sentence, and below it the state with its signs and the twin."""
    said, ends = clauses(account), outcome(account)
    return markup(
        "story",
        meaning=MEANING.format(vectors=f"{account.num_vectors:,}"),
        clauses=said[:-1] if ends else said,
        outcome=ends,
        state=state_of(account),
        twin=twin_words(account),
    )


def story_text(account: Account) -> str:
    """The same as plain text, for a page that is kept."""
    state = state_of(account)
    twin = twin_words(account)
    return " · ".join([*clauses(account), state.word, *state.signs, *([twin] if twin else [])])


def _cause(snapshot: Snapshot) -> Cause | None:
    if not snapshot.events:
        return None
    newest = snapshot.events[-1]
    return Cause(cause_words(newest), newest.step, len(snapshot.events) - 1)


def _values(snapshot: Snapshot) -> Values:
    return _values_of(snapshot.held_out)


def _values_of(held_out: HeldOutMetrics) -> Values:
    return Values(held_out.in_use, held_out.task_loss, held_out.accuracy)


def _before(snapshot: Snapshot) -> Values:
    """What the held-out vectors said just before the newest switch took effect, else before training."""
    steps = snapshot.history.points("held_out.in_use").last_step
    if len(steps) == 0:
        return _values(snapshot)
    if not snapshot.events:
        return _row(snapshot.history, 0)
    at = snapshot.events[-1].step
    same = sum(event.step == at for event in snapshot.events) - 1  # switches at the same step, each with a row before
    first, end = (int(np.searchsorted(steps, at, side)) for side in ("left", "right"))
    return _row(snapshot.history, min(first + same, end - 1) if first < end else max(first - 1, 0))


def _row(history: History, row: int) -> Values:
    names = ("in_use", "task_loss", "accuracy")
    in_use, loss, accuracy = (float(history.points(f"held_out.{name}").mean[row]) for name in names)
    return Values(round(in_use), loss, accuracy)


def _peak(history: History, since: int) -> Peak | None:
    """The highest loss of a batch after step `since`."""
    points = history.points("task_loss")
    after = points.last_step > since
    losses = np.where(np.isfinite(points.high[after]), points.high[after], -np.inf)
    if len(losses) == 0 or not np.isfinite(losses.max()):
        return None
    return Peak(float(losses.max()), int(points.last_step[after][losses.argmax()]))


def _lowest_loss(history: History, until: int) -> float:
    """The lowest held-out loss up to step `until`; infinite where there is none."""
    points = history.points("held_out.task_loss")
    losses = points.mean[points.last_step <= until]
    return float(np.min(losses, initial=math.inf, where=np.isfinite(losses)))


def forecast(history: History, since: int, now: int) -> Forecast | None:
    """Where the held-out curves up to step `now` lead, on lines through the second half of the steps after `since`.

    None where fewer than three moments of that half are known.
    """
    in_use, loss = (history.points(f"held_out.{name}") for name in ("in_use", "task_loss"))
    passed = now - since
    late = (loss.last_step > since + passed / 2) & (loss.last_step <= now) & (loss.mean > 0) & np.isfinite(loss.mean)
    if np.count_nonzero(late) < FEWEST_MOMENTS:
        return None
    steps = (loss.last_step[late] - now) / passed  # from −1/2 to 0, and asked at 1
    codes_line, loss_line = (Polynomial.fit(steps, y, 1) for y in (in_use.mean[late], np.log(loss.mean[late])))
    return Forecast(float(codes_line(1.0)), float(np.exp(min(loss_line(1.0), LARGEST_EXPONENT))))


def guess(labels: Ints | None) -> float:
    """The accuracy up to which a classifier is no better than a guess; NaN where there are no classes.

    m + 2·√(m(1 − m)/I), where m is the share of the most frequent of the (I,) labels: always to say that class is
    right as often on average, and by luck more often by two standard deviations.
    """
    if labels is None or len(labels) == 0:
        return math.nan
    share = np.unique(labels, return_counts=True)[1].max() / len(labels)
    return float(share + 2 * math.sqrt(share * (1 - share) / len(labels)))


def _twin(scene: Scene) -> Values | None:
    """The same training at the same step without the newest switch, if a variant is that."""
    snapshot, session = scene.snapshot, scene.entry.session
    if not snapshot.events:
        return None
    if (alone := _left_alone(scene)) is not None:
        return alone
    for name, other in session.latest_of_all(snapshot.level, wish=False).items():
        at = other if scene.cursor is None else session.at(snapshot.step, name, snapshot.level)
        if at is not None and at.step == snapshot.step and is_twin(scene, at):
            return _values(at)
    return None


def _left_alone(scene: Scene) -> Values | None:
    """Of an experiment at its end, what the same training was at the same step without it."""
    rows = [row for row in scene.status.experiments if row.stage == "done" and row.held_out is not None]
    alone = next((row for row in rows if not row.changes), None)
    mine = next((row for row in rows if row.run == scene.status.run and not row.is_touched), None)
    if alone is None or mine is None or mine is alone or alone.held_out is None:
        return None
    if scene.snapshot.step - scene.snapshot.events[-1].step != alone.steps:
        return None
    return _values_of(alone.held_out)


def is_twin(scene: Scene, other: Snapshot) -> bool:
    """Whether `other` began as the variant shown did, and had all of its switches but the newest."""
    began: dict[str, Recipe] = dict(scene.entry.session.recipes)
    mine, its = scene.snapshot.variant, other.variant
    return (
        mine != its
        and began.get(mine) == began.get(its)
        and thrown(other.events) == thrown(scene.snapshot.events[:-1])
    )


def thrown(events: tuple[Event, ...]) -> list[tuple[int, object]]:
    """What was thrown when, whichever variant it is told of: a fork has its parent's."""
    return [(event.step, event.changes) for event in events]
