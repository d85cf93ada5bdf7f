"""A session as its followers see it: everything can be read, and nothing can be sent."""

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType

from vqcore.history import History
from vqcore.snapshot import Snapshot
from vqcore.training.commands import Command, ExamineCommand
from vqcore.training.examination import Examination
from vqcore.training.recipe import Recipe
from vqcore.training.session import MOST_EXAMINATIONS, Repeatable, Session, Status
from vqcore.training.timeline import Moment

LOOKS_A_SECOND = CARDS_A_SECOND = 2.0
"""How often per second all followers of a session together may request a snapshot, or examine a code: as often as one
reader's page does, so that a class costs the training no more."""

REFUSAL = "You follow this session and can only watch it: `{command}` was refused. Begin a run of your own."


class Pace:
    """Rate limiter: allows something a fixed number of times per second. Callers hold a lock."""

    def __init__(self, a_second: float, clock: Callable[[], float]) -> None:
        self._seconds, self._clock = 1 / a_second, clock
        self._next_at = clock()

    def has_come(self) -> bool:
        """Whether it is allowed now; if so, the next one is allowed later."""
        now = self._clock()
        if now < self._next_at:
            return False
        self._next_at = now + self._seconds
        return True


class WatchedSession:
    """Read-only view of a `Session`, which refuses commands: one for all followers of a session.

    A look keeps the session awake, as its owner's does: a session that paused because nobody looked goes on.

    Args:
        session: the session to follow.
        clock: seconds, monotonic.
    """

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._asking = threading.Lock()
        self._next_look = Pace(LOOKS_A_SECOND, clock)
        self._next_card = Pace(CARDS_A_SECOND, clock)
        self._waiting: dict[ExamineCommand, None] = {}  # first come, first examined

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The recipe that each variant began with."""
        return MappingProxyType(dict(self._session.recipes))

    def send(self, command: Command) -> int:
        """Refuse every command.

        Raises:
            PermissionError: always.
        """
        raise PermissionError(REFUSAL.format(command=type(command).__name__))

    def commands_pending(self) -> int:
        """Always empty for a follower; the owner's commands show once they are obeyed."""
        return 0

    def latest(self, variant: str = "main", level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """As `Session.latest`, but requests a newer one only as often as `LOOKS_A_SECOND` allows."""
        with self._asking:
            may_wish = wish and self._next_look.has_come()
        return self._session.latest(variant, level, wish=may_wish)

    def repeatable(self) -> Mapping[str, Repeatable]:
        """As `Session.repeatable`."""
        return self._session.repeatable()

    def examination(self, query: ExamineCommand) -> Examination | None:
        """As `Session.examination`, which changes nothing, at a rate that the followers share."""
        with self._asking:
            if len(self._waiting) < MOST_EXAMINATIONS:  # else its follower's next look asks again
                self._waiting.setdefault(query)
            if self._waiting and self._next_card.has_come():
                first = next(iter(self._waiting))
                del self._waiting[first]
                self._session.examination(first)
        return self._session.examination(query, wish=False)

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
