"""A session as those who follow it have it: everything can be read, and nothing can be sent."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from vqcore.history import History
from vqcore.snapshot import Snapshot
from vqcore.training.commands import Command, ExamineCommand
from vqcore.training.examination import Examination
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session, Status
from vqcore.training.timeline import Moment

REFUSAL = "This session is followed and can only be watched: `{command}` was refused. Begin a run of your own."


class WatchedSession:
    """Answers what `Session` answers and refuses what would change it.

    A look keeps the session awake, as its owner's does: one that paused because nobody looked goes on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """What each variant began with."""
        return MappingProxyType(dict(self._session.recipes))

    def send(self, command: Command) -> int:
        """Never sends.

        Raises:
            PermissionError: always.
        """
        raise PermissionError(REFUSAL.format(command=type(command).__name__))

    def commands_pending(self) -> int:
        """None of a follower's; those of the owner show when they are obeyed."""
        return 0

    def latest(self, variant: str = "main", level: int = 0) -> Snapshot | None:
        """As `Session.latest`."""
        return self._session.latest(variant, level)

    def examination(self, query: ExamineCommand) -> Examination | None:
        """As `Session.examination`, which looks closer and changes nothing."""
        return self._session.examination(query)

    def history(self) -> History | None:
        """As `Session.history`."""
        return self._session.history()

    def moments(self) -> tuple[Moment, ...]:
        """As `Session.moments`."""
        return self._session.moments()

    def at(self, step: int, variant: str = "main", level: int = 0) -> Snapshot | None:
        """As `Session.at`."""
        return self._session.at(step, variant, level)

    def status(self) -> Status:
        """As `Session.status`."""
        return self._session.status()

    def trained_steps(self) -> int:
        """As `Session.trained_steps`."""
        return self._session.trained_steps()

    def seconds_unseen(self) -> float:
        """As `Session.seconds_unseen`."""
        return self._session.seconds_unseen()

    def wait(self, until: Callable[["WatchedSession"], bool], timeout: float = 30.0) -> bool:
        """As `Session.wait`; `until` is shown this, not the session itself."""
        return self._session.wait(lambda _: until(self), timeout)
