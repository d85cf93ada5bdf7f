"""A session seen through one of its variants: its holder reads and changes only that one."""

from collections.abc import Callable
from dataclasses import replace

from vqcore.history import History
from vqcore.snapshot import Snapshot
from vqcore.training.commands import ChangeCommand, Command, ExamineCommand, ForkCommand
from vqcore.training.examination import Examination
from vqcore.training.recipe import Recipe
from vqcore.training.session import Repeatable, Session, Status
from vqcore.training.timeline import Moment


class OneVariant:
    """The interface of `Session` for `variant`; commands that name a variant go to this one, others to the whole.

    The whole may be anything with the interface of a session.
    """

    def __init__(self, whole: Session, variant: str) -> None:
        self.whole = whole
        self.variant = variant

    @property
    def recipe(self) -> Recipe:
        """The recipe it began with; for a fork, that of the training it was copied from."""
        recipes = self.whole.recipes
        return recipes.get(self.variant) or next(iter(recipes.values()))

    def latest(self, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """See `Session.latest`."""
        return self.whole.latest(self.variant, level, wish=wish)

    def repeatable(self) -> Repeatable | None:
        """See `Session.repeatable`."""
        return self.whole.repeatable().get(self.variant)

    def history(self) -> History | None:
        """The curves so far, or None before the first step."""
        snapshot = self.latest()
        return None if snapshot is None else snapshot.history

    def at(self, step: int, level: int = 0) -> Snapshot | None:
        """See `Session.at`."""
        return self.whole.at(step, self.variant, level)

    def moments(self) -> tuple[Moment, ...]:
        """The moments of this run that are kept of the variant, oldest first."""
        return tuple(moment for moment in self.whole.moments() if self.variant in moment.snapshots)

    def examination(self, query: ExamineCommand) -> Examination | None:
        """See `Session.examination`."""
        return self.whole.examination(replace(query, variant=self.variant))

    def status(self) -> Status:
        """The session's current status, with the recipe of the variant."""
        status = self.whole.status()
        present = dict(zip(status.variants, status.recipes, strict=False))
        return replace(status, recipe=present.get(self.variant, status.recipe))

    def send(self, command: Command) -> int:
        """See `Session.send`."""
        if isinstance(command, ChangeCommand | ForkCommand | ExamineCommand):
            command = replace(command, variant=self.variant)
        return self.whole.send(command)

    def commands_pending(self) -> int:
        """See `Session.commands_pending`."""
        return self.whole.commands_pending()

    def trained_steps(self) -> int:
        """See `Session.trained_steps`."""
        return self.whole.trained_steps()

    def seconds_unseen(self) -> float:
        """See `Session.seconds_unseen`."""
        return self.whole.seconds_unseen()

    def wait(self, until: Callable[["OneVariant"], bool], timeout: float = 30.0) -> bool:
        """See `Session.wait`."""
        return self.whole.wait(lambda _: until(self), timeout)
