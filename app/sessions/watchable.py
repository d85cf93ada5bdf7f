"""What the road of live data can follow: a session, the trainings of a lesson, or runs on disk."""

from threading import Lock
from typing import Protocol

from vqcore.training.status import State


class Published(Protocol):
    """What is known of one training; another object once there is more."""

    @property
    def state(self) -> State:
        """Where it is running, a request waits a moment for news of it."""


class Watchable(Protocol):
    """Any thread may call anything, and is answered at once."""

    @property
    def watch_id(self) -> str:
        """Names what is shown, the same for all who may share a drawing of it."""

    @property
    def drawing(self) -> Lock:
        """Held while a frame of it is made."""

    def published(self) -> tuple[Published, ...]:
        """The state of each training; other objects once one of them has published more."""

    def look(self, *, at_picture: bool = False) -> None:
        """Wish for a newer moment, which keeps it training; with pictures of whole images if one looks at those."""
