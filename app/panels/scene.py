"""What one moment of a page shows, gathered once for all its parts, from a session and a view alone."""

from collections.abc import Hashable
from dataclasses import dataclass, replace

from app.links.live_view import View
from app.links.selection import Focus
from app.sessions.entry import Entry
from app.sessions.jobs import Kept
from app.wording import LevelWords, level_words
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import problem_of
from vqcore.training.status import State, Status

MOST_HELD = 16
"""Most past moments held for those who look at them, over all sessions."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A moment of a session, and how the reader wants to see it."""

    entry: Entry
    """The session seen through the variant that is shown."""

    snapshot: Snapshot
    newest: Snapshot
    """`snapshot`, or the newest moment if the reader has gone back."""

    status: Status
    problem: Problem
    words: LevelWords
    view: View

    @property
    def focus(self) -> Focus:
        """What every panel highlights."""
        return self.view.focus

    @property
    def cursor(self) -> int | None:
        """The past step shown; None: live."""
        return None if self.view.at is None else self.snapshot.step

    @property
    def follows(self) -> bool:
        """Whether a newer moment is about to take this one's place."""
        return self.view.at is None and self.status.state is State.RUNNING

    @property
    def stamp(self) -> list[str]:
        """The step that a picture is of, where it may be the one before that of the page."""
        return [f"step {self.snapshot.step:,}"] if self.follows else []

    @property
    def shows_picture(self) -> bool:
        """Whether the picture stands in the place of the examples."""
        is_wanted = self.view.controls["examples"] == "picture"
        return is_wanted and self.problem.task != "plane" and not self.shows_card

    @property
    def shows_card(self) -> bool:
        """Whether the card of a code stands in the place of the examples."""
        return self.focus.choice.code is not None and self.view.controls["panel"] == "code"


def scene_of(entry: Entry, view: View) -> Scene | None:
    """What `view` shows of the session now; None before the first moment.

    If the run of a past moment is gone, the newest moment is shown.
    """
    entry = through_variant(entry, view.controls["variant"])
    status = entry.one.status()
    newest = entry.one.latest(level=level_shown(view.controls["level"], status), wish=False)
    if newest is None:
        return None
    if view.at is not None and (view.run != status.run or view.at > newest.step):
        view = replace(view, at=None)
    snapshot = newest if view.at is None else past_moment(entry, newest, status.run, view.at)
    choice = view.focus.choice
    if choice.level != snapshot.level:
        choice = choice.at_level(snapshot.level, entry.one.latest(level=choice.level, wish=False))
    choice, _ = choice.within(snapshot)
    pins = tuple(
        pin
        for pin in view.focus.pins
        if pin.level < len(snapshot.levels) and pin.code < len(snapshot.levels[pin.level].counts)
    )
    view = replace(view, focus=replace(view.focus, choice=choice, pins=pins))
    return scene_at(entry, snapshot, newest, status, view)


def scene_at(entry: Entry, snapshot: Snapshot, newest: Snapshot, status: Status, view: View) -> Scene:
    """The scene of `view` and a `snapshot` that has everything the view names."""
    return Scene(
        entry=entry,
        snapshot=snapshot,
        newest=newest,
        status=status,
        problem=problem_of(status.recipe),
        words=level_words(status.recipe.structure, snapshot.level, len(snapshot.levels)),
        view=view,
    )


def through_variant(entry: Entry, chosen: str) -> Entry:
    """`entry` with its session seen through the variant `chosen`, or the first where there is none of that name."""
    names = tuple(entry.session.recipes)
    return replace(entry, variant=chosen if chosen in names else names[0])


def level_shown(wanted: str, status: Status) -> int:
    """The group or level, from 0, for a control with the value `wanted`."""
    return min(int(wanted), status.recipe.levels) - 1


_held: Kept[Snapshot] = Kept(MOST_HELD)


def past_moment(entry: Entry, newest: Snapshot, run: int, step: int) -> Snapshot:
    """The moment of this run at `step`, or the last one kept before it.

    It is held until others are looked at more recently, since the session's own timeline thins out meanwhile.
    """

    def key(of_step: int) -> Hashable:
        return entry.watch_id, run, of_step, newest.level, newest.variant

    held = _held.find(key(step))
    if held is not None:
        return held
    moment = entry.one.at(step, level=newest.level) or newest
    return _held.find_or_make(key(moment.step), lambda: moment)
