"""A session seen through one of its variants: its holder reads and changes only that one."""

from dataclasses import replace

from vqcore.history import History
from vqcore.snapshot import Snapshot, SnapshotSource
from vqcore.training.commands import ChangeCommand, Command, ExamineCommand, ForkCommand
from vqcore.training.examination import Examination
from vqcore.training.live_session import LiveSession, Repeatable
from vqcore.training.recipe import Recipe
from vqcore.training.status import State, Status
from vqcore.training.timeline import Moment


class OneVariant(SnapshotSource):
    """What `whole` answers, of `variant`; commands that name a variant go to this one, others to the whole."""

    def __init__(self, whole: LiveSession, variant: str) -> None:
        self.whole = whole
        self.variant = variant

    @property
    def recipe(self) -> Recipe:
        """The recipe it began with; for a fork, that of the training it was copied from."""
        recipes = self.whole.recipes
        return recipes.get(self.variant) or next(iter(recipes.values()))

    def latest(self, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """See `LiveSession.latest`."""
        return self.whole.latest(self.variant, level, wish=wish)

    def repeatable(self) -> Repeatable | None:
        """See `LiveSession.repeatable_of_all`; None before the first moment."""
        return self.whole.repeatable_of_all().get(self.variant)

    def history(self) -> History | None:
        """The curves so far, or None before the first snapshot."""
        snapshot = self.latest()
        return None if snapshot is None else snapshot.history

    def at(self, step: int, level: int = 0) -> Snapshot | None:
        """See `LiveSession.at`."""
        return self.whole.at(step, self.variant, level)

    def moments(self) -> tuple[Moment, ...]:
        """The moments of this run that are kept of the variant, oldest first; of a broken one, until it broke."""
        return tuple(
            moment
            for moment in self.whole.moments()
            if self.variant in moment.snapshots and moment.snapshots[self.variant][0].step == moment.step
        )

    def examination(self, query: ExamineCommand, *, until: int | None = None) -> Examination | None:
        """See `LiveSession.examination`."""
        return self.whole.examination(replace(query, variant=self.variant), until=until)

    def status(self) -> Status:
        """The session's current status, with the recipe of the variant; broken where the variant is."""
        status = self.whole.status()
        present = dict(zip(status.variants, status.recipes, strict=False))
        status = replace(status, recipe=present.get(self.variant, status.recipe))
        mine = [broken for broken in status.broken if broken.variant == self.variant]
        if not mine or status.state is State.BROKEN:
            return status
        said = f"{mine[0].reason} The last good snapshot stays, and the other variants train on."
        return replace(status, state=State.BROKEN, steps_per_second=0.0, message=status.message or said)

    def send(self, *commands: Command) -> int:
        """See `LiveSession.send`."""
        return self.whole.send(*map(self._of_variant, commands))

    def _of_variant(self, command: Command) -> Command:
        if isinstance(command, ChangeCommand | ForkCommand | ExamineCommand):
            return replace(command, variant=self.variant)
        return command
