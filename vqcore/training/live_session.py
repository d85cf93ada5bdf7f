"""A training as pages have it, whether it is their own or they follow it. Knows no thread."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, Self

from vqcore.history import History
from vqcore.snapshot import Snapshot, SnapshotSource
from vqcore.training.commands import Command, ExamineCommand
from vqcore.training.examination import Examination
from vqcore.training.past_run import PastRun
from vqcore.training.recipe import Recipe
from vqcore.training.status import Broken, Status
from vqcore.training.timeline import Moment


class Repeatable(NamedTuple):
    """What a command line needs to repeat a variant: what it began with, and a moment of the same run."""

    recipe: Recipe
    snapshot: Snapshot


class Together(NamedTuple):
    """The newest moment of all variants, with all that must be of the same run to go with it."""

    run: int
    """Which of the session's runs it is of."""

    recipes: Mapping[str, Recipe]
    """Of each variant, with the live options in force at that moment."""

    levels: Mapping[str, tuple[Snapshot, ...]]
    """By variant; empty before the first moment. All of one step, but for those that are broken."""

    broken: tuple[Broken, ...] = ()

    def at(self, level: int) -> dict[str, Snapshot]:
        """By variant, the snapshot of `level`, or of its last where it has fewer."""
        return {name: levels[min(level, len(levels) - 1)] for name, levels in self.levels.items()}


NOTHING_YET = Together(0, {}, {})


class LiveSession(SnapshotSource, Protocol):
    """A training with all its variants, which step in lockstep. `OneVariant` is the view of a single one.

    Any thread may call anything, and is answered at once. Where no `variant` is named, the first is meant; a `level`
    that the quantizer does not have means its last.
    """

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """By variant, what it began with; of a fork, what the training that it was copied from began with."""

    def send(self, *commands: Command) -> int:
        """Have `commands` obeyed between two steps, in this order and with nobody else's between them.

        Returns:
            The number of the last: `status().commands_done` reaches it when that has been obeyed or refused.

        Raises:
            PermissionError: where the session is followed, and can only be watched.
        """

    def commands_pending(self) -> int:
        """How many commands have been sent and not yet been obeyed or refused."""

    def latest(self, variant: str | None = None, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """The newest snapshot; by default with the wish for a newer one. None before the first."""

    def latest_of_all(self, level: int = 0, *, wish: bool = True) -> dict[str, Snapshot]:
        """The newest snapshots by variant, as `together` has them; by default with the wish for newer ones."""

    def together(self, *, wish: bool = True) -> Together:
        """The newest moment of all variants; by default with the wish for a newer one.

        All of it is of one run. While a restart is under way, `status` and `recipes` may already be of the next.
        """

    def moments_left_alone(self) -> tuple[Moment, ...]:
        """Of an experiment, the kept moments of the run that was left alone instead, since they parted; else none."""

    def want_picture(self) -> None:
        """Wish that the next moment comes with pictures of whole images; where none is trained, the present one."""

    def repeatable_of_all(self) -> Mapping[str, Repeatable]:
        """By variant, what it began with and its newest moment; empty before the first.

        Those go together. `recipes` and `latest` read one after the other may be of two runs.
        """

    def past_runs(self) -> tuple[PastRun, ...]:
        """What is kept of the trainings that restarts have put away, oldest first; of the present run, nothing."""

    def examination(
        self, query: ExamineCommand, *, wish: bool = True, until: int | None = None
    ) -> Examination | None:
        """The newest answer to `query`; by default with the wish for one of this moment. None before the first.

        Its step says which moment it is of: none after step `until`, for who shows a moment of that step.
        """

    def history(self) -> History | None:
        """The curves of the first variant so far, or None before the first snapshot."""

    def moments(self) -> tuple[Moment, ...]:
        """The moments of this run that are kept, oldest first: only those that somebody asked for at the time."""

    def at(self, step: int, variant: str | None = None, level: int = 0) -> Snapshot | None:
        """The newest kept moment at or before `step`, else the oldest; None before the first. No wish for a newer."""

    def status(self) -> Status:
        """What the session does now."""

    def trained_steps(self) -> int:
        """How many steps are trained, without the wish for a snapshot."""

    def last_seen_at(self) -> float:
        """When somebody last asked for a snapshot, in seconds by the session's own clock."""

    def wait(self, until: Callable[[Self], bool], timeout: float = 30.0) -> bool:
        """Whether `until(self)` became true within `timeout` seconds; looks whenever something is published."""
