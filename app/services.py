"""What outlives a browser tab: the sessions and the projection worker, one of each for the whole server."""

import secrets
from dataclasses import dataclass, field

import streamlit as st

from app.planes import MapMemories
from app.sweeps import Sweep
from app.verdict_memory import VerdictMemories
from vqcore.projection.service import ProjectionService, State
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session
from vqcore.training.trajectory_setting import Setting

MOST_SESSIONS = 24
"""Sessions kept at once; one more ends the one that nobody has looked at for longest.

A class has room, and a machine of 8 GB too: the largest problem takes some 80 MB a session on the CPU, and twice that
while a restart can be undone.
"""

MOST_SWEEPS = 4
"""Seed sweeps remembered at once; the oldest ends for a new one."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session with what its pages remember together."""

    id: str
    session: Session
    maps: MapMemories = field(default_factory=MapMemories)
    verdicts: VerdictMemories = field(default_factory=VerdictMemories)

    def stream(self, level: int, *, is_past: bool = False) -> str:
        """Names the projections of one group or level: of the newest moments, or of those gone back to."""
        return f"{self.id}/{level}" + ("/past" if is_past else "")


class Registry:
    """All sessions by an unguessable id, which is in the URL."""

    def __init__(self, projection: ProjectionService | None = None) -> None:
        self.projection = projection or ProjectionService()
        self._entries: dict[str, Entry] = {}
        self._sweeps: dict[Setting, Sweep] = {}

    def begin(self, recipe: Recipe, *, paused: bool = False) -> Entry:
        """A new session, started."""
        while len(self._entries) >= MOST_SESSIONS:
            stalest = max(self._entries.values(), key=lambda entry: entry.session.seconds_unseen())
            del self._entries[stalest.id]
            stalest.session.stop()
            for level in stalest.maps.by_level:
                self.projection.forget(stalest.stream(level))
                self.projection.forget(stalest.stream(level, is_past=True))
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

    def begin_sweep(self, setting: Setting) -> Sweep:
        """The seeds of `setting`, begun anew; a browser that asks for the same sees the same."""
        while setting in self._sweeps or len(self._sweeps) >= MOST_SWEEPS:
            ended = setting if setting in self._sweeps else next(iter(self._sweeps))
            self._sweeps.pop(ended).cancel()
        sweep = self._sweeps[setting] = Sweep(setting)
        sweep.start()
        return sweep

    def sweep_of(self, setting: Setting) -> Sweep | None:
        """The sweep begun for this setting, or None."""
        return self._sweeps.get(setting)

    def close(self) -> None:
        """End every session and the projection worker."""
        for entry in self._entries.values():
            entry.session.stop()
        self._entries.clear()
        for sweep in self._sweeps.values():
            sweep.stop()
        self._sweeps.clear()
        self.projection.close()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The server's one registry."""
    return Registry()
