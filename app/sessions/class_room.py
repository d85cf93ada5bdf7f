"""A class that follows a reader: its guesses, what the reader points at, and whether the reader is there.

No names are asked for: a seat is a random id, counted once, and whoever has one can change nothing but its own guess.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from vqcore.training.status import State

MOST_SEATS = 1000
"""Guesses counted in one class; whoever comes later sees everything and guesses for themselves alone."""

HERE_SECONDS = 45.0
"""A follower whose page asked for nothing in so long has left. A hidden page asks twice a minute."""

AWAY_SECONDS = 8.0
"""A reader whose page has asked for nothing in so long has closed or hidden it."""

SAID_SECONDS = 20.0
"""For how long the class is told that the reader is back or has begun again."""

BACK = "Your teacher is back."
ANEW = "Your teacher has begun another run: {what}."


class Question(NamedTuple):
    """A question of one run of a lesson."""

    run: str
    """The run's watch id: a lesson that is begun again asks again."""

    number: int
    """The step's."""


@dataclass(frozen=True, eq=False, slots=True)
class News:
    """Another object once something in the class has changed: see `Watchable.published`."""

    state: State = State.PAUSED


class ClassRoom:
    """Any thread may call anything.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.id = secrets.token_urlsafe(9)
        """By which others follow, and can do nothing else."""

        self.news = News()
        self.pointed: tuple[Question, str] | None = None
        """What the reader points at: the key of an element, and the step that it is of."""

        self._clock = clock
        self._seats: dict[str, float] = {}  # when each was last seen
        self._guesses: dict[Question, dict[str, int]] = {}
        self._shown: set[Question] = set()
        self._reader_at = clock()
        self._said, self._said_until = "", clock()
        self._lock = Lock()

    def sit(self, seat: str | None) -> str:
        """The seat of a follower who comes, and `seat` again for one who comes back; empty if there is none left."""
        with self._lock:
            if seat not in self._seats:
                if len(self._seats) >= MOST_SEATS:
                    return ""
                seat = secrets.token_urlsafe(9)
                self.news = News()
            assert seat is not None
            self._seats[seat] = self._clock()
            return seat

    def has(self, seat: str) -> bool:
        """Whether somebody sits there; counts as being seen."""
        with self._lock:
            if seat not in self._seats:
                return False
            self._seats[seat] = self._clock()
            return True

    def here(self) -> int:
        """How many followers are there."""
        since = self._clock() - HERE_SECONDS
        with self._lock:
            return sum(seen >= since for seen in self._seats.values())

    @property
    def is_open(self) -> bool:
        """Whether anybody has ever come."""
        return bool(self._seats)

    def guess(self, seat: str, question: Question, index: int) -> bool:
        """Count a guess, in place of the seat's last one; whether there is such a seat."""
        with self._lock:
            if seat not in self._seats:
                return False
            self._guesses.setdefault(question, {})[seat] = index
            self.news = News()
            return True

    def guess_of(self, seat: str, question: Question) -> int | None:
        """The seat's own guess, if it has made one."""
        return self._guesses.get(question, {}).get(seat)

    def tally(self, question: Question, choices: int) -> list[int]:
        """How often each of so many choices was guessed."""
        with self._lock:
            made = tuple(self._guesses.get(question, {}).values())
        return [made.count(index) for index in range(choices)]

    def show(self, question: Question) -> None:
        """Let the class see how it has guessed."""
        self._shown.add(question)
        self.news = News()

    def shows(self, question: Question) -> bool:
        """Whether it may."""
        return question in self._shown

    def point(self, question: Question, key: str | None) -> None:
        """Point at the element of this key; None: at nothing."""
        self.pointed = None if key is None else (question, key)
        self.news = News()

    def reader_is_here(self) -> None:
        """The reader's page has asked for something."""
        now, before = self._clock(), self._reader_at
        self._reader_at = now
        if now - before > AWAY_SECONDS and self.is_open:
            self.tell(BACK)

    def reader_is_away(self) -> bool:
        """Whether the reader's page has been closed or hidden."""
        return self._clock() - self._reader_at > AWAY_SECONDS

    def tell_of_step(self) -> None:
        """The reader has gone on, back, or shown an answer."""
        self.news = News()

    def tell(self, sentence: str) -> None:
        """Tell the class, for a while."""
        self._said, self._said_until = sentence, self._clock() + SAID_SECONDS
        self.news = News()

    def told(self) -> str:
        """What the class is told now; mostly nothing."""
        return self._said if self._clock() < self._said_until else ""
