"""What all other threads want of a session's own: commands, newer moments, and that it ends. Knows no training."""

import queue
import threading
from collections.abc import Callable

from vqcore.training.commands import Command, ExamineCommand, PictureCommand


class Wishes:
    """Any thread wishes, and returns at once; the session's thread takes, one wish after the other.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.stopping = threading.Event()
        """Set once the session is to end: no further step is to begin."""

        self._clock = clock
        self._commands: queue.SimpleQueue[Command | None] = queue.SimpleQueue()
        self._sending = threading.Lock()
        self._sent = 0
        self._asking: set[ExamineCommand | PictureCommand] = set()
        self._moment_wanted = True
        self._picture_wanted = False
        self._looked_at = clock()

    def send(self, *commands: Command) -> int:
        """Have `commands` obeyed, with none between them; returns the number of the last, counted from 1."""
        with self._sending:
            for command in commands:
                self._sent += 1
                self._commands.put(command)
            return self._sent

    def sent(self) -> int:
        """How many commands have been sent."""
        return self._sent

    def send_once(self, query: ExamineCommand | PictureCommand) -> None:
        """Send `query` unless it is on its way; see `answered`."""
        with self._sending:
            is_on_its_way = query in self._asking
            self._asking.add(query)
        if not is_on_its_way:
            self.send(query)

    def answered(self, query: ExamineCommand | PictureCommand) -> None:
        """Say that `query` has been answered or refused, so that it may be sent again."""
        with self._sending:
            self._asking.discard(query)

    def next_command(self, seconds: float | None) -> Command | None:
        """The next command, waited for at most `seconds`; None where there is none, or the session is to end."""
        try:
            if seconds is not None and seconds <= 0:
                return self._commands.get_nowait()
            return self._commands.get(timeout=seconds)
        except queue.Empty:
            return None

    def look(self) -> None:
        """Wish for a moment newer than those published."""
        self._looked_at = self._clock()
        self._moment_wanted = True

    def last_seen_at(self) -> float:
        """When somebody last looked, by the clock given."""
        return self._looked_at

    def is_moment_wanted(self) -> bool:
        """Whether somebody has looked since `take_look`."""
        return self._moment_wanted

    def take_look(self) -> None:
        """Take the wish for a newer moment: the next one published grants it."""
        self._moment_wanted = False

    def want_picture(self) -> None:
        """Wish that a moment comes with pictures."""
        self._picture_wanted = True

    def is_picture_wanted(self) -> bool:
        """Whether somebody has wished for one since `take_picture`."""
        return self._picture_wanted

    def take_picture(self) -> None:
        """Take the wish for pictures: the moment published next grants it."""
        self._picture_wanted = False

    def stop(self) -> None:
        """Have the session end after its step, and wake it where it waits for a command."""
        self.stopping.set()
        self._commands.put(None)
