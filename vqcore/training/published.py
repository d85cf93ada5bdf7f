"""What a session's thread tells all others. Knows no training."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from vqcore.snapshot import Snapshot
from vqcore.training.commands import ExamineCommand
from vqcore.training.examination import Examination
from vqcore.training.experiments import LeftAlone
from vqcore.training.live_session import NOTHING_YET, Repeatable, Together
from vqcore.training.past_run import MOST_PAST_RUNS, PastRun, past_run
from vqcore.training.recipe import Recipe
from vqcore.training.status import Status
from vqcore.training.timeline import Timeline

MOST_EXAMINATIONS = 48
"""Answers kept at once: one for each code that a page looks at, of a class that follows too."""


class Published:
    """Written by the session's thread alone, each part by one assignment of a value that nobody changes afterwards.

    So any thread reads without a lock. Whoever needs two parts of the same moment takes one value that has both.
    """

    def __init__(self, recipes: Mapping[str, Recipe], status: Status) -> None:
        self.recipes = recipes
        """By variant, what it began with."""

        self.status = status
        self.trained_steps = 0
        """Told after each step, which a new `status` would be too dear for and would wake those who wait for news."""

        self.together: Together = NOTHING_YET
        """The newest moment."""

        self.repeatable: Mapping[str, Repeatable] = {}
        self.past_runs: tuple[PastRun, ...] = ()
        """Trainings that restarts have put away, oldest first."""

        self.timeline = Timeline()
        self.left_alone: LeftAlone | None = None
        """Of the experiment that is shown, the run without its changes."""

        self.examinations: Mapping[ExamineCommand, tuple[Examination, ...]] = {}
        """The two newest answers to each question, in the order in which they came.

        The newest may be of a step that no moment shown has reached yet.
        """

        self._news = threading.Condition()

    def tell(self, **changes: Any) -> None:
        """Publish the status with these fields changed, and wake all who wait for news."""
        self.status = replace(self.status, **changes)
        with self._news:
            self._news.notify_all()

    def take_up(self, recipes: Mapping[str, Recipe], timeline: Timeline, trained_steps: int = 0) -> None:
        """Publish that another run is trained from here on; the snapshots shown stay until its first."""
        self.timeline, self.recipes, self.trained_steps = timeline, recipes, trained_steps
        self.examinations = {}

    def put_away(self, next_run: int) -> None:
        """Remember the trainings of the moment shown, as run `next_run` takes their place and is no longer past."""
        run, ended = self.together.run, self.repeatable
        others = tuple(past for past in self.past_runs if past.run not in (run, next_run))
        now = tuple(
            past_run(run, ended[name].recipe, levels, is_first=order == 0)
            for order, (name, levels) in enumerate(self.snapshots.items())
            if levels[0].step
        )
        self.past_runs = (*others, *now)[-MOST_PAST_RUNS:]

    @property
    def snapshots(self) -> Mapping[str, tuple[Snapshot, ...]]:
        """By variant, the levels of its newest moment."""
        return self.together.levels

    def show(self, together: Together) -> None:
        """Publish a moment of the run that is trained."""
        self.together = together
        self.repeatable = {
            name: Repeatable(self.recipes[name], levels[0]) for name, levels in together.levels.items()
        }

    def answer(self, query: ExamineCommand, examination: Examination) -> None:
        """Publish what was found; the oldest of too many answers goes."""
        others = {asked: known for asked, known in self.examinations.items() if asked != query}
        known = (*self.examinations.get(query, ())[-1:], examination)
        newest = [*others.items(), (query, known)][-MOST_EXAMINATIONS:]
        self.examinations = dict(newest)

    def newest(self, variant: str | None, level: int) -> Snapshot | None:
        """See `LiveSession.latest`."""
        snapshots = self.snapshots  # once: the thread may replace it
        levels = snapshots.get(variant) if variant is not None else next(iter(snapshots.values()), None)
        return levels[min(level, len(levels) - 1)] if levels else None

    def newest_of_all(self, level: int) -> dict[str, Snapshot]:
        """See `LiveSession.latest_of_all`."""
        return self.together.at(level)

    def at(self, step: int, variant: str | None, level: int) -> Snapshot | None:
        """See `LiveSession.at`."""
        newest = self.newest(variant, level)
        return None if newest is None else self.timeline.at(step, newest.variant, level, newest.history)

    def wait(self, until: Callable[[], bool], timeout: float) -> bool:
        """Whether `until()` became true within `timeout` seconds; looks whenever there is news."""
        with self._news:
            return self._news.wait_for(until, timeout)
