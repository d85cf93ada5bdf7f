"""What is kept of a run that a restart has put away: what it began with, where it ended, its curves. No tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

from vqcore.history import History
from vqcore.snapshot import Event, HeldOutMetrics, Snapshot
from vqcore.training.recipe import Recipe

MOST_PAST_RUNS = 12
"""Trainings of one session that are remembered; the oldest is forgotten first."""

MOST_ROWS = 300
"""Rows of each of their curves: a training of any length takes some 30 kB for each level."""


@dataclass(frozen=True, slots=True)
class PastRun:
    """One variant of a run, as it was at its last moment."""

    run: int
    """Which of the session's runs it was."""

    recipe: Recipe
    """What it began with."""

    variant: str
    is_first: bool
    """Whether it was the run's first variant, and no fork."""

    events: tuple[Event, ...]
    step: int
    held_out: HeldOutMetrics
    """At the first level."""

    histories: tuple[History, ...]
    """By level."""

    def history(self, level: int) -> History:
        """The curves of `level`, or of the last level where there are fewer."""
        return self.histories[min(level, len(self.histories) - 1)]


def past_run(run: int, recipe: Recipe, levels: Sequence[Snapshot], *, is_first: bool = True) -> PastRun:
    """What is worth keeping of a training whose last moment is `levels`."""
    last = levels[0]
    histories = tuple(level.history.thinned(MOST_ROWS) for level in levels)
    return PastRun(run, recipe, last.variant, is_first, last.events, last.step, last.held_out, histories)
