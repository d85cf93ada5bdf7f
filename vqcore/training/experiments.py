"""Experiments from one moment: a training pauses at a planned step, and from there goes on in several ways.

The thread of the session owns what is here. Knows no thread, no clock and no command.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from vqcore.training.experiment_plan import ExperimentPlan, Row, Stage
from vqcore.training.run import Run
from vqcore.training.timeline import Moment, Timeline

MOST_MOMENTS, MOST_BYTES = 24, 12 * 10**6
"""Of the timeline of each experiment, of which a session may hold half a dozen."""

UNWATCHED_MOMENTS = 12


class LeftAlone(NamedTuple):
    """The past of a run that nothing was changed in, from the step on at which others were."""

    timeline: Timeline
    since: int

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Its kept moments after that step, oldest first."""
        return tuple(moment for moment in self.timeline.moments if moment.step > self.since)


class Experiments:
    """What was tried from the moment at which `paused`, the run that stands there, paused itself.

    Args:
        plan: what can be tried.
        paused: it may go on; its moment is kept in a copy.
    """

    def __init__(self, plan: ExperimentPlan, paused: Run) -> None:
        self.plan, self.paused = plan, paused
        self._kept = paused.fork_alone(paused.number, {}, MOST_MOMENTS, MOST_BYTES)
        self._seconds = paused.timeline.seconds
        self._events = len(self._kept.events)
        self._runs: dict[str, Run] = {}
        self._rows: dict[str, Row] = {}
        paused.experiments = self

    def begin(self, name: str, number: Callable[[], int]) -> Run:
        """The run of the planned experiment called `name`: the one there is, else one forked from the kept moment."""
        if name not in self._runs:
            run = self._kept.fork_alone(number(), self.plan.changes[name], MOST_MOMENTS, MOST_BYTES)
            run.experiments, self._runs[name] = self, run
        return self._runs[name]

    def discard(self, run: Run) -> None:
        """Forget an experiment that is not trained to its end."""
        self._runs = {name: own for name, own in self._runs.items() if own is not run}

    def is_under_way(self, run: Run) -> bool:
        """Whether `run` is an experiment that has not come to its end."""
        name = self.name_of(run)
        return name is not None and name not in self._rows

    def is_time_for_moment(self, run: Run) -> bool:
        """Whether one that nobody watches is to leave a moment on its timeline, to be gone back to."""
        return (run.steps_done - self.plan.pause_at) % max(1, self.plan.steps // UNWATCHED_MOMENTS) == 0

    def is_due(self, run: Run) -> bool:
        """Whether `run` is an experiment that has just come to its end."""
        return self.is_under_way(run) and run.steps_done >= self._end

    def conclude(self, run: Run) -> None:
        """Write down what the held-out data say of the experiment `run`, which has come to its end or broke."""
        name = self.name_of(run)
        if name is None or name in self._rows:
            return
        levels = next(iter(run.snapshots().values()), None)
        stage: Stage = "broken" if levels is None or run.broken else "done"
        found = None if levels is None or run.broken else levels[0].held_out
        self._rows[name] = self._row(name, run, stage)._replace(held_out=found)

    def left_alone(self, run: Run) -> LeftAlone | None:
        """What to hold the experiment `run` against; None for that itself, and before it has begun."""
        name = next((name for name, to in self.plan.changes.items() if not to), None)
        own = None if name is None else self._runs.get(name)
        is_experiment = run is not own and self.name_of(run) is not None
        return LeftAlone(own.timeline, self.plan.pause_at) if own is not None and is_experiment else None

    def name_of(self, run: Run) -> str | None:
        """The name of the experiment that `run` is; None if it is none."""
        return next((name for name, own in self._runs.items() if own is run), None)

    def run_numbered(self, number: int) -> Run | None:
        """The one with this number of those that belong here."""
        return next((run for run in (self.paused, *self._runs.values()) if run.number == number), None)

    def unasked(self) -> str | None:
        """The name of the experiment that leaves the training alone, while it is not done."""
        return next((name for name, to in self.plan.changes.items() if not to and name not in self._rows), None)

    def rows(self, waiting: tuple[str, ...] = ()) -> tuple[Row, ...]:
        """All that are planned, in order."""
        return tuple(self._rows.get(name) or self._pending(name, waiting) for name in self.plan.changes)

    @property
    def runs(self) -> Iterator[Run]:
        """All that are kept, apart from the one that paused."""
        yield from (self._kept, *self._runs.values())

    @property
    def _end(self) -> int:
        return self.plan.pause_at + self.plan.steps

    def _pending(self, name: str, waiting: tuple[str, ...]) -> Row:
        if name in self._runs and name not in waiting:
            return self._row(name, self._runs[name], "training")
        return Row(name, self.plan.changes[name], "waiting" if name in waiting else "offered")

    def _row(self, name: str, run: Run, stage: Stage) -> Row:
        return Row(
            name,
            self.plan.changes[name],
            stage,
            run.number,
            min(run.steps_done - self.plan.pause_at, self.plan.steps),
            seconds=run.timeline.seconds - self._seconds,
            is_touched=len(run.events) > self._events + bool(self.plan.changes[name]),
        )
