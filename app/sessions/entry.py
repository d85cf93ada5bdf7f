"""A session with what its pages remember together."""

import secrets
from dataclasses import dataclass, field
from threading import Lock

from app.sessions.planes import MapMemories
from app.sessions.verdict_memory import VerdictMemories
from app.sessions.watched import WatchedSession
from vqcore.training.commands import Command
from vqcore.training.live_session import LiveSession
from vqcore.training.one_variant import OneVariant
from vqcore.training.status import Status

OBEY_SECONDS = 0.5
"""How long whoever sends a command waits for it to be obeyed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session as one of its pages has it: its owner's, or a follower's."""

    id: str
    session: LiveSession
    """With all its variants; `one` is the one that is seen."""

    maps: MapMemories = field(default_factory=MapMemories)
    verdicts: VerdictMemories = field(default_factory=VerdictMemories)

    shared_maps: MapMemories = field(default_factory=MapMemories)
    """Of all variants in one plane."""

    variant: str = ""
    """The variant it is seen through; empty where a page shows all of them."""

    watch_id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    """Another id of the session, by which others may watch it and nothing else."""

    start: str = ""
    """The start that it was begun from, by its name; empty for none."""

    @property
    def one(self) -> OneVariant:
        """The session seen through `variant`, and through its first variant where none is chosen."""
        return OneVariant(self.session, self.variant or next(iter(self.session.recipes)))

    @property
    def is_followed(self) -> bool:
        """Whether this is a follower's, who has a map of his own and can change nothing of the session."""
        return isinstance(self.session, WatchedSession)

    @property
    def drawing(self) -> Lock:
        """See `Watchable`."""
        return self.maps.drawing

    def published(self) -> tuple[Status, ...]:
        """See `Watchable`."""
        return (self.session.status(),)

    def look(self) -> None:
        """See `Watchable`."""
        self.session.latest()

    def send(self, *commands: Command) -> None:
        """Send together, to the variant that is seen if one is, and give the session a moment to obey.

        What is drawn next then already shows them obeyed.
        """
        ticket = self.one.send(*commands) if self.variant else self.session.send(*commands)
        self.session.wait(lambda session: session.status().commands_done >= ticket, timeout=OBEY_SECONDS)

    def stream(self, level: int, *, is_past: bool = False) -> str:
        """Names the projections of one group or level: of the newest moments, or of those gone back to."""
        return f"{self.id}/{level}/{self.variant}" + ("/past" if is_past else "")

    def shared_stream(self, level: int) -> str:
        """Names the projection of all variants together."""
        return f"{self.id}/{level}//all"
