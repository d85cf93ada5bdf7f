"""A session with what its pages remember together."""

import secrets
from dataclasses import dataclass, field
from threading import Lock

from app.sessions.data_guard import check_data
from app.sessions.jobs import Kept
from app.sessions.planes import MapMemories
from app.sessions.unquantized import Unquantized
from app.sessions.verdict_memory import VerdictMemories
from app.sessions.watched import WatchedSession
from vqcore.training.commands import Command, RestartCommand
from vqcore.training.live_session import LiveSession
from vqcore.training.one_variant import OneVariant
from vqcore.training.status import Status

OBEY_SECONDS = 0.5
"""How long whoever sends a command waits for it to be obeyed."""


MOST_UNQUANTIZED = 2
"""Networks without quantization remembered for a session, in training or done."""


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

    unquantized: Kept[Unquantized] = field(default_factory=lambda: Kept(MOST_UNQUANTIZED, Unquantized.cancel))
    """By run and variant, the same network without quantization, where somebody wanted to know."""

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

    def look(self, *, at_picture: bool = False) -> None:
        """See `Watchable`."""
        self.session.latest()
        if at_picture:
            self.session.want_picture()

    @property
    def without_quantization(self) -> Unquantized | None:
        """The network of the run and variant that are seen, without quantization; None unless somebody wanted it."""
        return self.unquantized.find(self._seen)

    def train_without_quantization(self) -> None:
        """Train that network for as many steps as the run that is seen has now."""
        run = self.one.repeatable()
        if run is None:
            return
        self.unquantized.drop(self._seen)
        session, number = self.session, self.session.status().run
        work = Unquantized(run.recipe, run.snapshot.events, run.snapshot.step, lambda: session.status().run == number)
        self.unquantized.find_or_make(self._seen, work.start)

    def stop_without_quantization(self) -> None:
        """Give that training up."""
        self.unquantized.drop(self._seen)

    @property
    def _seen(self) -> tuple[int, str]:
        return self.session.status().run, self.variant

    def send(self, *commands: Command) -> None:
        """Send together, to the variant that is seen if one is, and give the session a moment to obey.

        What is drawn next then already shows them obeyed.
        """
        for command in commands:
            if isinstance(command, RestartCommand):
                check_data(command.recipe)
        ticket = self.one.send(*commands) if self.variant else self.session.send(*commands)
        self.session.wait(lambda session: session.status().commands_done >= ticket, timeout=OBEY_SECONDS)

    def stream(self, level: int, *, is_past: bool = False) -> str:
        """Names the projections of one group or level: of the newest moments, or of those gone back to."""
        return f"{self.id}/{level}/{self.variant}" + ("/past" if is_past else "")

    def shared_stream(self, level: int) -> str:
        """Names the projection of all variants together."""
        return f"{self.id}/{level}//all"
