"""The story of a scene: its numbers read off the snapshot and its curves, and its two lines of HTML."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from app.panels.markup import markup
from app.panels.scene import Scene
from app.panels.story import Account, Cause, Finding, Peak, Values, clauses, outcome, state_of, twin_words
from app.panels.switch_words import switch_words
from app.panels.verdict_words import finding_words, verdict_of
from app.sessions.verdict_memory import FIRST_STEPS
from vqcore.history import History
from vqcore.snapshot import Event, Snapshot
from vqcore.training.recipe import Recipe
from vqcore.training.status import State as SessionState

PAUSES_AT = 20
"""The step at which a session of the first path pauses, for its reader to see what has become of the codes."""

JUDGED_AFTER = 40
"""Steps after a switch from which the first path offers another where the codes have not come back."""

OFFERS: Mapping[str, Mapping[str, Any]] = {
    "Replace every 10": {"replace_every": 10},
    "Affine running": {"affine": "running"},
}
"""The switches that the first path offers, by the words on their buttons."""

MEANING = (
    "In use: codes that are nearest to at least one of {vectors} held-out vectors at this step. Task loss: of the "
    "same held-out inputs; its peak: of a training batch since the switch."
)


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
        twin=_twin(scene),
        of_level=scene.words.of,
        training_at=None if scene.cursor is None else scene.newest.step,
        has_failed=scene.status.state is SessionState.BROKEN,
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


def offers_of(scene: Scene) -> tuple[str, ...]:
    """The switches that the first path offers at this moment: at the collapse, and where one has not helped."""
    newest = scene.newest
    if not scene.entry.is_first_path or scene.status.run or scene.view.line_is_read or scene.cursor is not None:
        return ()
    if newest.events:
        account = account_of(scene)
        if newest.step - newest.events[-1].step < JUDGED_AFTER or account.has_recovered:
            return ()
    elif newest.step < PAUSES_AT:
        return ()
    options = scene.status.recipe.options
    return tuple(name for name, to in OFFERS.items() if any(getattr(options, key) != new for key, new in to.items()))


def _cause(snapshot: Snapshot) -> Cause | None:
    if not snapshot.events:
        return None
    newest = snapshot.events[-1]
    return Cause(switch_words(newest.changes), newest.step, len(snapshot.events) - 1)


def _values(snapshot: Snapshot) -> Values:
    return Values(snapshot.held_out.in_use, snapshot.held_out.task_loss)


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
    in_use, loss = (float(history.points(f"held_out.{name}").mean[row]) for name in ("in_use", "task_loss"))
    return Values(round(in_use), loss)


def _peak(history: History, since: int) -> Peak | None:
    """The highest loss of a batch after step `since`."""
    points = history.points("task_loss")
    after = points.last_step > since
    losses = np.where(np.isfinite(points.high[after]), points.high[after], -np.inf)
    if len(losses) == 0 or not np.isfinite(losses.max()):
        return None
    return Peak(float(losses.max()), int(points.last_step[after][losses.argmax()]))


def _twin(scene: Scene) -> Values | None:
    """The same training at the same step without the newest switch, if a variant is that."""
    snapshot, session = scene.snapshot, scene.entry.session
    if not snapshot.events:
        return None
    for name, other in session.latest_of_all(snapshot.level, wish=False).items():
        at = other if scene.cursor is None else session.at(snapshot.step, name, snapshot.level)
        if at is not None and at.step == snapshot.step and is_twin(scene, at):
            return _values(at)
    return None


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
