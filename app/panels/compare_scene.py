"""One moment of all variants, gathered once for all parts of the side-by-side page."""

from collections.abc import Mapping
from dataclasses import dataclass

from app.links.compare_view import CompareView
from app.sessions.entry import Entry
from app.sessions.planes import MapMemory
from app.sessions.seed_runs import SeedRuns
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.live_session import Together
from vqcore.training.recipe import Recipe, problem_of
from vqcore.training.status import Broken, Status


@dataclass(frozen=True, slots=True)
class CompareScene:
    """What the page shows, and how the reader wants to see it."""

    entry: Entry
    status: Status
    """Of now: while a restart is under way, `together` is still of the run before."""

    together: Together
    """Where the snapshots are from, and what is of the same run."""

    snapshots: Mapping[str, Snapshot]
    """By variant, of the level shown; empty before the first moment."""

    view: CompareView
    seeds: SeedRuns | None = None
    """Trainings over seeds that the page shows too."""

    @property
    def first(self) -> Snapshot:
        """The snapshot of the first variant."""
        return next(iter(self.snapshots.values()))

    @property
    def step(self) -> int:
        """That all variants have reached but those that broke."""
        return max((snapshot.step for snapshot in self.snapshots.values()), default=0)

    @property
    def recipe(self) -> Recipe:
        """Of the first variant; problem, seed and structure are those of all."""
        return next(iter(self.together.recipes.values()))

    @property
    def problem(self) -> Problem:
        """What all variants learn."""
        return problem_of(self.recipe)

    @property
    def broken(self) -> Mapping[str, Broken]:
        """By variant, those that train no further."""
        return {broken.variant: broken for broken in self.together.broken}

    @property
    def memory(self) -> MapMemory:
        """Memory of the plane that all share."""
        return self.entry.shared_maps.of(self.first, self.together.run)

    def notes(self, shown: Mapping[str, Snapshot]) -> dict[str, str]:
        """By variant, what is to be said beside its name: the step, where that is not the one of the page."""
        return {
            name: f"{'broke, ' if name in self.broken else ''}step {snapshot.step:,}"
            for name, snapshot in shown.items()
            if snapshot.step != self.step
        }


def compare_scene(entry: Entry, view: CompareView, seeds: SeedRuns | None, *, wish: bool = False) -> CompareScene:
    """What `view` shows of the session now, all of it of one published moment."""
    together = entry.session.together(wish=wish)
    snapshots = together.at(int(view.controls["level"]) - 1)
    choice = view.choice
    for snapshot in snapshots.values():
        choice, _ = choice.within(snapshot)
    shown = CompareView(view.controls, choice, view.seeds, view.hands)
    return CompareScene(entry, entry.session.status(), together, snapshots, shown, seeds)
