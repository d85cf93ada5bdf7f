"""A session as its followers see it: everything can be read, and nothing can be sent."""

import threading
import time
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Self

from vqcore.history import History
from vqcore.snapshot import Snapshot
from vqcore.training.commands import Command, ExamineCommand
from vqcore.training.examination import Examination
from vqcore.training.live_session import LiveSession, Repeatable, Together
from vqcore.training.past_run import PastRun
from vqcore.training.published import MOST_EXAMINATIONS
from vqcore.training.recipe import Recipe
from vqcore.training.status import Status
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


class WatchedSession(LiveSession):
    """Answers as the session does, and refuses what would change it: one for all followers of a session.

    A look keeps the session awake, as its owner's does: a session that paused because nobody looked goes on.

    Args:
        session: the session to follow.
        clock: seconds, monotonic.
    """

    def __init__(self, session: LiveSession, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._session = session
        self._asking = threading.Lock()
        self._next_look = Pace(LOOKS_A_SECOND, clock)
        self._next_card = Pace(CARDS_A_SECOND, clock)
        self._waiting: dict[ExamineCommand, None] = {}  # first come, first examined

    @property
    def recipes(self) -> Mapping[str, Recipe]:
        """The recipe that each variant began with."""
        return MappingProxyType(dict(self._session.recipes))

    def send(self, *commands: Command) -> int:
        """Refuse every command.

        Raises:
            PermissionError: always.
        """
        raise PermissionError(REFUSAL.format(command=type(commands[0]).__name__))

    def commands_pending(self) -> int:
        """Always empty for a follower; the owner's commands show once they are obeyed."""
        return 0

    def latest(self, variant: str | None = None, level: int = 0, *, wish: bool = True) -> Snapshot | None:
        """See `LiveSession.latest`; wishes for a newer one only as often as `LOOKS_A_SECOND` says."""
        return self._session.latest(variant, level, wish=wish and self._may_look())

    def latest_of_all(self, level: int = 0, *, wish: bool = True) -> dict[str, Snapshot]:
        """See `LiveSession.latest_of_all`; wishes no more often than `latest`."""
        return self._session.latest_of_all(level, wish=wish and self._may_look())

    def together(self, *, wish: bool = True) -> Together:
        """See `LiveSession.together`; wishes no more often than `latest`."""
        return self._session.together(wish=wish and self._may_look())

    def _may_look(self) -> bool:
        with self._asking:
            return self._next_look.has_come()

    def moments_left_alone(self) -> tuple[Moment, ...]:
        """See `LiveSession.moments_left_alone`."""
        return self._session.moments_left_alone()

    def want_picture(self) -> None:
        """See `LiveSession.want_picture`; the session's own pace holds for followers, too."""
        self._session.want_picture()

    def repeatable_of_all(self) -> Mapping[str, Repeatable]:
        """See `LiveSession.repeatable_of_all`."""
        return self._session.repeatable_of_all()

    def past_runs(self) -> tuple[PastRun, ...]:
        """See `LiveSession.past_runs`."""
        return self._session.past_runs()

    def examination(
        self, query: ExamineCommand, *, wish: bool = True, until: int | None = None
    ) -> Examination | None:
        """See `LiveSession.examination`; looks closer at a pace that the followers share, which changes nothing."""
        if wish:
            self._examine(query)
        return self._session.examination(query, wish=False, until=until)

    def _examine(self, query: ExamineCommand) -> None:
        """Have `query` wait for its turn, and send the first of those that wait if the next may be."""
        with self._asking:
            if len(self._waiting) < MOST_EXAMINATIONS:  # else its follower's next look asks again
                self._waiting.setdefault(query)
            if self._waiting and self._next_card.has_come():
                first = next(iter(self._waiting))
                del self._waiting[first]
                self._session.examination(first)

    def history(self) -> History | None:
        """See `LiveSession.history`."""
        return self._session.history()

    def moments(self) -> tuple[Moment, ...]:
        """See `LiveSession.moments`."""
        return self._session.moments()

    def at(self, step: int, variant: str | None = None, level: int = 0) -> Snapshot | None:
        """See `LiveSession.at`."""
        return self._session.at(step, variant, level)

    def status(self) -> Status:
        """See `LiveSession.status`."""
        return self._session.status()

    def trained_steps(self) -> int:
        """See `LiveSession.trained_steps`."""
        return self._session.trained_steps()

    def last_seen_at(self) -> float:
        """See `LiveSession.last_seen_at`."""
        return self._session.last_seen_at()

    def wait(self, until: Callable[[Self], bool], timeout: float = 30.0) -> bool:
        """See `LiveSession.wait`; `until` is shown this, not the session itself."""
        return self._session.wait(lambda _: until(self), timeout)
