"""What the thread of a session tells all others: how it stands, and a moment where one is due."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from vqcore.training.experiment_plan import Row, planned
from vqcore.training.finite import NonFiniteError
from vqcore.training.live_session import Together
from vqcore.training.published import Published
from vqcore.training.run import Run, Runs
from vqcore.training.speed import Speed
from vqcore.training.status import State
from vqcore.training.wishes import Wishes

SHARE_PUBLISHED, SHARE_PICTURED = 0.02, 0.03
"""What snapshots may take of the time while a session trains, and what they may with pictures."""

LONGEST_UNPUBLISHED, LONGEST_UNPICTURED = 1.0, 1.5
"""Seconds that a watcher waits for a snapshot for that reason, at the most; and for one with pictures."""

SHORTEST_UNPICTURED = 0.5
"""Seconds between two moments with pictures, at the least."""

SECONDS_BETWEEN_ROWS = 0.25
"""Between two words on how far an experiment is that is trained unseen."""


class Publisher:
    """Used by the session's thread, and by no other.

    Args:
        wishes: what others want to see.
        published: what others are told.
        runs: what is trained.
        speed: of the steps.
        clock: seconds, monotonic.
    """

    def __init__(
        self, wishes: Wishes, published: Published, runs: Runs, speed: Speed, clock: Callable[[], float]
    ) -> None:
        self._wishes, self._published, self._runs = wishes, published, runs
        self._speed, self._clock = speed, clock
        self._next_publish = self._next_picture = clock()
        self._advanced_at: float | None = None

    @property
    def state(self) -> State:
        """What the session does, as it was told last."""
        return self._published.status.state

    def seconds_trained(self) -> float:
        """Since the last call, where it has trained without a break since."""
        now, before = self._clock(), self._advanced_at
        self._advanced_at = now
        return 0.0 if before is None else now - before

    def is_due(self) -> bool:
        """Whether somebody wishes for a newer moment, and the last one is long enough ago."""
        return self._wishes.is_moment_wanted() and self._clock() >= self._next_publish

    def publish(self, state: State | None = None, **changes: Any) -> None:
        """Publish the present moment and then the status, as `tell` does, so that a new state finds its moment.

        None is due again for so long that moments take their share of the time.
        """
        run, began = self._runs.present, self._clock()
        assert run is not None
        self._wishes.take_look()
        pictured = self._is_picture_due(state or self.state)
        if pictured:
            self._wishes.take_picture()
            self._next_picture = began + SHORTEST_UNPICTURED
        self.show(run, pictured=pictured)
        ended = self._clock()
        share, longest = (SHARE_PICTURED, LONGEST_UNPICTURED) if pictured else (SHARE_PUBLISHED, LONGEST_UNPUBLISHED)
        self._next_publish = ended + min((ended - began) * (1 / share - 1), longest)
        self.tell(state, **changes)

    def _is_picture_due(self, state: State) -> bool:
        """Pictures are for who looks, and while a session trains for no more than two looks a second."""
        is_time = state is not State.RUNNING or self._clock() >= self._next_picture
        return is_time and self._wishes.is_picture_wanted()

    def show(self, run: Run, *, pictured: bool = False) -> None:
        """Publish the moment at which `run` is.

        Raises:
            NonFiniteError: where none of its variants is left.
        """
        snapshots = run.snapshots(pictured=pictured)
        recipes = dict(zip(run.variants, run.recipes_in_force(), strict=True))
        self._published.left_alone = None if run.experiments is None else run.experiments.left_alone(run)
        self._published.show(Together(run.number, recipes, snapshots, run.broken))

    def show_last(self) -> None:
        """Have the last moment of the present run be its last step; of a broken one, the last good moment stays."""
        if self._runs.present is not None and self.state is not State.BROKEN:
            with suppress(NonFiniteError):
                self.show(self._runs.present)

    def tell_rows(self, *, now: bool) -> None:
        """Tell how far an experiment is that is trained unseen: at once if `now`, else every quarter of a second."""
        if now or self._clock() >= self._next_publish:
            self._next_publish = self._clock() + SECONDS_BETWEEN_ROWS
            self.tell()

    def tell(self, state: State | None = None, **changes: Any) -> None:
        """Publish the status: in `state`, by default the present one, with these fields changed."""
        run, state = self._runs.present, state or self.state
        self._advanced_at = self._advanced_at if state is State.RUNNING else None
        if run is None:
            recipes = tuple(self._published.recipes.values())
            self._published.tell(state=state, recipe=recipes[0], recipes=recipes, **changes)
            return
        rate, recipes = self._speed.measured(run.steps_done), run.recipes_in_force()
        self._published.tell(
            state=state,
            device=run.device,
            steps_per_second=rate if state is State.RUNNING else 0.0,
            recipe=recipes[0],
            recipes=recipes,
            run=run.number,
            variants=run.variants,
            broken=run.broken,
            can_undo=self._runs.replaced is not None,
            experiments=self._rows(run),
            paused_run=None if run.experiments is None else run.experiments.paused.number,
            **changes,
        )

    def _rows(self, run: Run) -> tuple[Row, ...]:
        if run.experiments is not None:
            return run.experiments.rows(self._runs.waiting)
        return () if run.plan is None else planned(run.plan, self._runs.waiting)
