"""What the road of live data can follow: a session, or the trainings of a lesson."""

from threading import Lock
from typing import Protocol

from vqcore.training.status import Status


class Watchable(Protocol):
    """Any thread may call anything, and is answered at once."""

    @property
    def watch_id(self) -> str:
        """Names what is shown, the same for all who may share a drawing of it."""

    @property
    def drawing(self) -> Lock:
        """Held while a frame of it is made."""

    def published(self) -> tuple[Status, ...]:
        """The state of each training; other objects once one of them has published more."""

    def look(self, *, at_picture: bool = False) -> None:
        """Wish for a newer moment, which keeps it training; with pictures of whole images if one looks at those."""
