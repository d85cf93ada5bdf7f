"""What outlives a browser tab: the sessions and the projection worker, one of each for the whole server."""

import secrets
from dataclasses import dataclass, field

import streamlit as st

from app.planes import MapMemories
from vqcore.projection.service import ProjectionService, State
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session

MOST_SESSIONS = 8
"""Sessions kept at once; one more ends the one that nobody has looked at for longest."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session with what its pages remember together."""

    id: str
    session: Session
    maps: MapMemories = field(default_factory=MapMemories)

    def stream(self, level: int) -> str:
        """Names the projections of one group or level."""
        return f"{self.id}/{level}"


class Registry:
    """All sessions by an unguessable id, which is in the URL."""

    def __init__(self, projection: ProjectionService | None = None) -> None:
        self.projection = projection or ProjectionService()
        self._entries: dict[str, Entry] = {}

    def begin(self, recipe: Recipe, *, paused: bool = False) -> Entry:
        """A new session, started."""
        while len(self._entries) >= MOST_SESSIONS:
            stalest = max(self._entries.values(), key=lambda entry: entry.session.seconds_unseen())
            del self._entries[stalest.id]
            stalest.session.stop()
            for level in stalest.maps.by_level:
                self.projection.forget(stalest.stream(level))
        entry = Entry(secrets.token_urlsafe(9), Session(recipe, paused=paused))
        self._entries[entry.id] = entry
        entry.session.start()
        return entry

    def warm_up_projection(self) -> None:
        """Have UMAP compile, which takes seconds. Called after a first chart, that it delays none."""
        if self.projection.status.state is State.STOPPED:
            self.projection.start()

    def find(self, session_id: str | None) -> Entry | None:
        """The session with this id, or None."""
        return self._entries.get(session_id) if session_id else None

    def close(self) -> None:
        """End every session and the projection worker."""
        for entry in self._entries.values():
            entry.session.stop()
        self._entries.clear()
        self.projection.close()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The server's one registry."""
    return Registry()
