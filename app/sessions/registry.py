"""What outlives a browser tab: the registry of sessions and the projection worker, one of each per server."""

import secrets
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import streamlit as st
from threadpoolctl import threadpool_limits

from app.sessions.jobs import Kept
from app.sessions.planes import MapMemories
from app.sessions.seed_runs import Plan, SeedRuns
from app.sessions.sweeps import Sweep
from app.sessions.uploads import Uploads
from app.sessions.verdict_memory import VerdictMemories
from app.sessions.watched import WatchedSession
from vqcore.projection.service import ProjectionService, State
from vqcore.training.commands import Command
from vqcore.training.one_variant import OneVariant
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session
from vqcore.trajectories.setting import Setting

OBEY_SECONDS = 0.5
"""How long whoever sends a command waits for it to be obeyed."""

MOST_SESSIONS = 24
"""Sessions kept at once; one more ends the one that has gone unwatched the longest.

That fits a class and a machine with 8 GB: the largest problem takes some 80 MB per session on the CPU, twice that
while a restart can be undone.
"""

MOST_FOLLOWERS = 96
"""Followers of all sessions remembered at once: three classes. A forgotten one that is still there joins again."""

MOST_SEED_RUNS = 2
"""Trainings over seeds remembered at once, including those in progress."""

MOST_SWEEPS = 4
"""Seed sweeps remembered at once; the oldest ends for a new one."""

MOST_CASES = 12
"""Examinations of the Doctor page kept at once, so that a reload shows the same result."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A session with what its pages share."""

    id: str
    session: Session | OneVariant | WatchedSession
    """The session as registered; a page may see it through one variant."""

    maps: MapMemories = field(default_factory=MapMemories)
    verdicts: VerdictMemories = field(default_factory=VerdictMemories)

    shared_maps: MapMemories = field(default_factory=MapMemories)
    """The plane of all variants together."""

    variant: str = ""
    """The variant that it is seen through, if any."""

    watch_id: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    """Another id of the session, with which others may only watch it."""

    in_use: dict[int, int] | None = None
    """Codes in use by step, as read; kept only if the session was begun for the first path."""

    @property
    def is_followed(self) -> bool:
        """Whether this is a follower's entry, which has its own map and cannot change the session."""
        whole = self.session.whole if isinstance(self.session, OneVariant) else self.session
        return isinstance(whole, WatchedSession)

    def send(self, command: Command) -> None:
        """Send, and give the session a moment: what is drawn next then already shows the command obeyed."""
        ticket = self.session.send(command)
        self.session.wait(lambda session: session.status().commands_done >= ticket, timeout=OBEY_SECONDS)

    def stream(self, level: int, *, is_past: bool = False) -> str:
        """Key of the projections of one group or level, for the newest moments or for past ones."""
        return f"{self.id}/{level}/{self.variant}" + ("/past" if is_past else "")


class Registry:
    """All sessions by their unguessable ids, which are in the URLs.

    Safe to call from any thread. Nobody waits for a thread to end while holding the lock.
    """

    def __init__(self, projection: ProjectionService | None = None) -> None:
        self.projection = projection or ProjectionService()
        self._lock = threading.Lock()  # guards the three below, which change together
        self._entries: dict[str, Entry] = {}
        self._followers: dict[str, Entry] = {}
        self._watched: dict[str, WatchedSession] = {}  # by the id that they are watched by
        self._sweeps: Kept[Sweep] = Kept(MOST_SWEEPS)
        self._seed_runs: Kept[SeedRuns] = Kept(MOST_SEED_RUNS)
        self.cases: Kept[Any] = Kept(MOST_CASES)  # what they are is loaded with the Doctor page, not before
        self.uploads = Uploads(self.cases)

    def begin(
        self,
        recipe: Recipe | Mapping[str, Recipe],
        *,
        paused: bool = False,
        pauses_at: int | None = None,
        steps_per_second: float | None = None,
    ) -> Entry:
        """Start a new session of one recipe, or of several by the name of their variant.

        A session that pauses by itself has a first path that guides its reader.
        """
        session = Session(recipe, paused=paused, pause_at=pauses_at, steps_per_second=steps_per_second)
        entry = Entry(secrets.token_urlsafe(9), session, in_use=None if pauses_at is None else {})
        ended: list[Entry] = []
        with self._lock:
            while len(self._entries) >= MOST_SESSIONS:
                stalest = max(self._entries.values(), key=lambda entry: entry.session.seconds_unseen())
                ended += self._take(stalest.id)
            self._entries[entry.id] = entry
            session.start()  # in here: it could otherwise be ended before it has begun
        self._let_go(ended)
        return entry

    def end(self, session_id: str) -> None:
        """Stop the session with this id and forget it; those who follow it are told."""
        with self._lock:
            ended = self._take(session_id)
        self._let_go(ended)

    def _take(self, session_id: str) -> list[Entry]:
        """Remove and return the session with this id and its followers. The caller holds the lock."""
        entry = self._entries.pop(session_id, None)
        if entry is None:
            return []
        self._watched.pop(entry.watch_id, None)
        followers = [follower for follower in self._followers.values() if follower.watch_id == entry.watch_id]
        for follower in followers:
            del self._followers[follower.id]
        return [entry, *followers]

    def _let_go(self, taken: Iterable[Entry]) -> None:
        """Stop what is no longer kept. Waits for threads, so never call it under the lock."""
        for entry in taken:
            if not entry.is_followed:
                entry.session.stop()
            self._forget_maps(entry)

    def warm_up_projection(self) -> None:
        """Start compiling UMAP, which takes seconds. Called after the first chart, so that it delays none."""
        if self.projection.status.state is State.STOPPED:
            self.projection.start()

    def find(self, session_id: str | None) -> Entry | None:
        """The session with this id, or None."""
        with self._lock:
            return self._entries.get(session_id) if session_id else None

    def follow(self, watch_id: str | None) -> Entry | None:
        """A new follower of the session with this watch id, or None if there is no such session."""
        dropped: list[Entry] = []
        with self._lock:
            owner = next((entry for entry in self._entries.values() if entry.watch_id == watch_id), None)
            if owner is None:
                return None
            while len(self._followers) >= MOST_FOLLOWERS:
                dropped.append(self._followers.pop(next(iter(self._followers))))
            watched = self._watched.setdefault(owner.watch_id, WatchedSession(owner.session))
            entry = Entry(secrets.token_urlsafe(9), watched, maps=owner.maps.copied(), watch_id=owner.watch_id)
            self._followers[entry.id] = entry
        self._let_go(dropped)
        return entry

    def find_any(self, entry_id: str | None) -> Entry | None:
        """The session with this id, owned or followed."""
        return self.find(entry_id) or self.find_follower(entry_id)

    def find_follower(self, entry_id: str | None) -> Entry | None:
        """The follower with this id, which is in no URL, as long as its session is there; else None."""
        with self._lock:
            return self._followers.get(entry_id) if entry_id else None

    def _forget_maps(self, entry: Entry) -> None:
        for level, variant in product(entry.maps.by_level, entry.session.status().variants):
            seen = replace(entry, variant=variant)
            self.projection.forget(seen.stream(level))
            self.projection.forget(seen.stream(level, is_past=True))

    def begin_sweep(self, setting: Setting) -> Sweep:
        """Start the seeds of `setting`; other browsers that ask for the same setting see them too."""
        self._sweeps.drop(setting)
        return self._sweeps.find_or_make(setting, lambda: Sweep(setting).start())

    def sweep_of(self, setting: Setting) -> Sweep | None:
        """The sweep begun for this setting, or None."""
        return self._sweeps.find(setting)

    def begin_seeds(self, plan: Plan) -> SeedRuns:
        """Start the trainings of `plan`; other browsers that ask for the same plan see them too."""
        self._seed_runs.drop(plan)
        return self._seed_runs.find_or_make(plan, lambda: SeedRuns(plan).start())

    def seeds_of(self, plan: Plan) -> SeedRuns | None:
        """The trainings begun for this plan, or None."""
        return self._seed_runs.find(plan)

    def close(self) -> None:
        """End every session and the projection worker."""
        with self._lock:
            entries = tuple(self._entries.values())
            for kept in (self._entries, self._followers, self._watched):
                kept.clear()
        for entry in entries:
            entry.session.stop()
        for jobs in (self._sweeps, self._seed_runs):
            ended = jobs.values()
            jobs.close()
            for job in ended:
                job.stop()
        self.cases.close()
        self.uploads.close()
        self.projection.close()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The single registry of the server.

    From here on numpy runs on the calling thread only: a page's products and eigenvectors are small, and a second
    thread for them costs a refresh far more than it saves while a training uses the cores.
    """
    threadpool_limits(1, user_api="blas")
    return Registry()
