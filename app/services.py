"""What outlives a browser tab: the sessions and the projection worker, one of each for the whole server."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import streamlit as st
from threadpoolctl import threadpool_limits

from app.jobs import Kept
from app.planes import MapMemories
from app.seed_runs import Plan, SeedRuns
from app.sweeps import Sweep
from app.verdict_memory import VerdictMemories
from app.watched_session import WatchedSession
from vqcore.projection.service import ProjectionService, State
from vqcore.training.one_variant import OneVariant
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session
from vqcore.training.trajectory_setting import Setting

MOST_SESSIONS = 24
"""Sessions kept at once; one more ends the one that nobody has looked at for longest.

A class has room, and a machine of 8 GB too: the largest problem takes some 80 MB a session on the CPU, and twice that
while a restart can be undone.
"""

MOST_FOLLOWERS = 96
"""Followers remembered at once, of all sessions: three classes. The earliest joins anew if it is still there."""

MOST_SEED_RUNS = 2
"""Trainings over seeds remembered at once, those under way among them."""

MOST_SWEEPS = 4
"""Seed sweeps remembered at once; the oldest ends for a new one."""

MOST_CASES, MOST_UPLOADS = 12, 4
"""Examinations of the Doctor page, and files dropped on it, kept at once: a reload shows the same result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session with what its pages remember together."""

    id: str
    session: Session | OneVariant | WatchedSession
    """The whole as the registry has it; a page may see it through one variant."""

    maps: MapMemories = field(default_factory=MapMemories)
    verdicts: VerdictMemories = field(default_factory=VerdictMemories)

    shared_maps: MapMemories = field(default_factory=MapMemories)
    """Of all variants in one plane."""

    variant: str = ""
    """The variant it is seen through, if it is."""

    watch_id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    """Another id of the session, by which others may watch it and nothing else."""

    in_use: dict[int, int] | None = None
    """Codes in use by step, as they were read; kept only where the session was begun for the first path."""

    @property
    def is_followed(self) -> bool:
        """Whether this is a follower's, who has a map of his own and can change nothing of the session."""
        whole = self.session.whole if isinstance(self.session, OneVariant) else self.session
        return isinstance(whole, WatchedSession)

    def stream(self, level: int, *, is_past: bool = False) -> str:
        """Names the projections of one group or level: of the newest moments, or of those gone back to."""
        return f"{self.id}/{level}/{self.variant}" + ("/past" if is_past else "")


class Registry:
    """All sessions by an unguessable id, which is in the URL."""

    def __init__(self, projection: ProjectionService | None = None) -> None:
        self.projection = projection or ProjectionService()
        self._entries: dict[str, Entry] = {}
        self._followers: dict[str, Entry] = {}
        self._watched: dict[str, WatchedSession] = {}  # by the id that they are watched by
        self._sweeps: dict[Setting, Sweep] = {}
        self._seed_runs: dict[Plan, SeedRuns] = {}
        self.cases: Kept[Any] = Kept(MOST_CASES)  # what they are is loaded with the Doctor page, not before
        self.uploads: Kept[Any] = Kept(MOST_UPLOADS)

    def begin(
        self,
        recipe: Recipe | Mapping[str, Recipe],
        *,
        paused: bool = False,
        pauses_at: int | None = None,
        steps_per_second: float | None = None,
    ) -> Entry:
        """A new session of one recipe, or of several by the name of their variant, started.

        One that pauses by itself has a first path to lead its reader on.
        """
        while len(self._entries) >= MOST_SESSIONS:
            stalest = max(self._entries.values(), key=lambda entry: entry.session.seconds_unseen())
            self.end(stalest.id)
        session = Session(recipe, paused=paused, pause_at=pauses_at, steps_per_second=steps_per_second)
        entry = Entry(secrets.token_urlsafe(9), session, in_use=None if pauses_at is None else {})
        self._entries[entry.id] = entry
        entry.session.start()
        return entry

    def end(self, session_id: str) -> None:
        """Stop the session with this id and forget it; those who follow it are told."""
        entry = self._entries.pop(session_id, None)
        if entry is None:
            return
        entry.session.stop()
        self._watched.pop(entry.watch_id, None)
        self._forget_maps(entry)
        for follower in tuple(self._followers.values()):
            if follower.watch_id == entry.watch_id:
                self._drop_follower(follower)

    def warm_up_projection(self) -> None:
        """Have UMAP compile, which takes seconds. Called after a first chart, that it delays none."""
        if self.projection.status.state is State.STOPPED:
            self.projection.start()

    def find(self, session_id: str | None) -> Entry | None:
        """The session with this id, or None."""
        return self._entries.get(session_id) if session_id else None

    def follow(self, watch_id: str | None) -> Entry | None:
        """One more follower of the session that can be watched by this id, or None where there is none."""
        owner = next((entry for entry in tuple(self._entries.values()) if entry.watch_id == watch_id), None)
        if owner is None or isinstance(owner.session, WatchedSession):
            return None
        while len(self._followers) >= MOST_FOLLOWERS:
            self._drop_follower(next(iter(self._followers.values())))
        watched = self._watched.setdefault(owner.watch_id, WatchedSession(owner.session))
        entry = Entry(secrets.token_urlsafe(9), watched, maps=owner.maps.copied(), watch_id=owner.watch_id)
        self._followers[entry.id] = entry
        return entry

    def find_any(self, entry_id: str | None) -> Entry | None:
        """The session of this id, one's own or one that is followed."""
        return self.find(entry_id) or self.find_follower(entry_id)

    def find_follower(self, entry_id: str | None) -> Entry | None:
        """The follower of this id, which is in no URL, while its session is there; else None."""
        return self._followers.get(entry_id) if entry_id else None

    def _drop_follower(self, follower: Entry) -> None:
        if self._followers.pop(follower.id, None) is not None:
            self._forget_maps(follower)

    def _forget_maps(self, entry: Entry) -> None:
        for level, variant in product(entry.maps.by_level, entry.session.status().variants):
            seen = replace(entry, variant=variant)
            self.projection.forget(seen.stream(level))
            self.projection.forget(seen.stream(level, is_past=True))

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

    def begin_seeds(self, plan: Plan) -> SeedRuns:
        """The trainings of `plan`, begun anew; a browser that asks for the same sees the same."""
        while plan in self._seed_runs or len(self._seed_runs) >= MOST_SEED_RUNS:
            ended = plan if plan in self._seed_runs else next(iter(self._seed_runs))
            self._seed_runs.pop(ended).cancel()
        runs = self._seed_runs[plan] = SeedRuns(plan)
        runs.start()
        return runs

    def seeds_of(self, plan: Plan) -> SeedRuns | None:
        """The trainings begun for this plan, or None."""
        return self._seed_runs.get(plan)

    def close(self) -> None:
        """End every session and the projection worker."""
        for entry in self._entries.values():
            entry.session.stop()
        self._entries.clear()
        self._followers.clear()
        self._watched.clear()
        for sweep in self._sweeps.values():
            sweep.stop()
        self._sweeps.clear()
        for runs in self._seed_runs.values():
            runs.stop()
        self._seed_runs.clear()
        self.cases.close()
        self.uploads.close()
        self.projection.close()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The server's one registry.

    From here on numpy keeps to the thread that calls it: a page's products and eigenvectors are small, and a second
    thread for them costs a refresh many times what it saves while a training has the cores.
    """
    threadpool_limits(1, user_api="blas")
    return Registry()
