"""How fast steps are trained: measured over a window, and limited where that is wanted. Knows no training."""

from collections import deque
from collections.abc import Callable

RATE_SECONDS = 2.0
"""Window over which steps a second are counted."""


class Speed:
    """Of one session's steps.

    Args:
        limit: steps a second that are not exceeded; None for as many as there is time for.
        clock: seconds, monotonic.
    """

    def __init__(self, limit: float | None, clock: Callable[[], float]) -> None:
        self._limit, self._clock = limit, clock
        self._next_step_at = 0.0
        self._marks: deque[tuple[float, int]] = deque()

    def limit_to(self, limit: float | None) -> None:
        """Keep to `limit` from here on."""
        self._limit = limit
        self.wait_no_longer()

    def wait_no_longer(self) -> None:
        """Have the next step come at once."""
        self._next_step_at = self._clock()

    def seconds_to_wait(self) -> float:
        """Until the next step; 0 or less where it is due."""
        return 0.0 if self._limit is None else self._next_step_at - self._clock()

    def step_done(self) -> None:
        """A step has been trained: the next is due a step's time after this one was."""
        if self._limit is not None:
            self._next_step_at = max(self._next_step_at + 1 / self._limit, self._clock())

    def measure_again(self) -> None:
        """Forget the steps counted until now, and the pause that follows them."""
        self._marks.clear()

    def measured(self, steps_done: int) -> float:
        """Steps a second over the window that ends now, with so many done."""
        now = self._clock()
        self._marks.append((now, steps_done))
        while len(self._marks) > 2 and self._marks[1][0] < now - RATE_SECONDS:
            self._marks.popleft()
        seconds, steps = now - self._marks[0][0], steps_done - self._marks[0][1]
        return steps / seconds if seconds > 0 else 0.0
