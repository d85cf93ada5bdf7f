"""What outlives a browser tab: the registry of sessions and the projection worker, one of each per server."""

import secrets
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any, NamedTuple

import streamlit as st

from app.sessions.data_guard import check_data
from app.sessions.entry import Entry
from app.sessions.jobs import Kept
from app.sessions.seed_runs import Plan, SeedRuns
from app.sessions.sweeps import Sweep
from app.sessions.uploads import Uploads
from app.sessions.watched import WatchedSession
from vqcore.projection.service import ProjectionService, State
from vqcore.starts.start import Start
from vqcore.training.cores import keep_numpy_to_its_thread
from vqcore.training.memory import give_back
from vqcore.training.recipe import Recipe
from vqcore.training.session import Session
from vqcore.trajectories.setting import Setting

WARM_UP_AFTER_SECONDS = 20.0
"""Seconds from the first chart until UMAP is compiled unasked."""

MOST_SESSIONS = 24
"""Sessions kept at once; one more ends the one that has gone unwatched the longest.

That fits a class and a machine with 8 GB: the largest problem takes some 80 MB per session on the CPU, twice that
while a restart can be undone.
"""

LEFT_SECONDS = 15 * 60.0
"""After so long without a look a session ends and its memory is free; until then a reload finds it again."""

TEND_SECONDS = 60.0
"""Between two looks for sessions that have been left."""

MOST_FOLLOWERS = 96
"""Followers of all sessions remembered at once: three classes. A forgotten one that is still there joins again."""

MOST_SEED_RUNS = 2
"""Trainings over seeds remembered at once, including those in progress."""

MOST_SWEEPS = 4
"""Seed sweeps remembered at once; the oldest ends for a new one."""

MOST_CASES = 12
"""Examinations of the Doctor page kept at once, so that a reload shows the same result."""


class Owned(NamedTuple):
    """A session with the two ways in to it: its owner's, and that of all who follow it."""

    session: Session
    entry: Entry
    watched: WatchedSession


class Registry:
    """All sessions by their unguessable ids, which are in the URLs.

    Safe to call from any thread. Nobody waits for a thread to end while holding the lock.
    """

    def __init__(
        self, projection: ProjectionService | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.projection = projection or ProjectionService()
        self._clock = clock
        self._first_chart_at: float | None = None
        self._closed = threading.Event()
        # Not `Kept`: the two change together, and which session goes is said by when it was last looked at.
        self._lock = threading.Lock()
        self._sessions: dict[str, Owned] = {}
        self._followers: dict[str, Entry] = {}
        self._browsers: dict[str, str] = {}  # whose each session is, by its id
        self._sweeps: Kept[Sweep] = Kept(MOST_SWEEPS, Sweep.cancel)
        self._seed_runs: Kept[SeedRuns] = Kept(MOST_SEED_RUNS, SeedRuns.cancel)
        # What they are is loaded with the Doctor page, not before.
        self.cases: Kept[Any] = Kept(MOST_CASES, lambda case: case.close())
        self.uploads = Uploads(self.cases)

    def begin(
        self,
        recipe: Recipe | Mapping[str, Recipe],
        *,
        paused: bool = False,
        start: Start | None = None,
    ) -> Entry:
        """Start a new session of one recipe, or of several by the name of their variant.

        One that is begun from a `start` pauses by itself, and can be experimented with from there.
        """
        check_data(recipe)
        plan = None if start is None else start.plan()
        session = Session(recipe, paused=paused, plan=plan, clock=self._clock)
        entry = Entry(secrets.token_urlsafe(9), session, start="" if start is None else start.name)
        taken: list[Owned | Entry] = []
        with self._lock:
            while len(self._sessions) >= MOST_SESSIONS:
                stalest = min(self._sessions.values(), key=lambda owned: owned.session.last_seen_at())
                taken += self._take(stalest.entry.id)
            self._sessions[entry.id] = Owned(session, entry, WatchedSession(session))
            session.start()
        self._let_go(taken)
        return entry

    def end(self, session_id: str) -> None:
        """Stop the session with this id and forget it; those who follow it are told."""
        with self._lock:
            taken = self._take(session_id)
        self._let_go(taken)

    def end_left(self) -> None:
        """End every session that nobody has looked at for `LEFT_SECONDS`: an open page looks, hidden or not."""
        with self._lock:
            left_before = self._clock() - LEFT_SECONDS
            left = [one.entry.id for one in self._sessions.values() if one.session.last_seen_at() < left_before]
            taken = [one for session_id in left for one in self._take(session_id)]
        self._let_go(taken)
        if taken:
            give_back()

    def keep_ending_left(self) -> None:
        """Call `end_left` now and then, in a thread of its own, until this is closed."""

        def tend() -> None:
            while not self._closed.wait(TEND_SECONDS):
                self.end_left()

        threading.Thread(target=tend, name="vq-scope-left-sessions", daemon=True).start()

    def _take(self, session_id: str) -> list[Owned | Entry]:
        """The session with this id and its followers, kept no longer. Whoever calls holds the lock."""
        owned = self._sessions.pop(session_id, None)
        self._browsers.pop(session_id, None)
        if owned is None:
            return []
        followers = [one for one in self._followers.values() if one.watch_id == owned.entry.watch_id]
        for follower in followers:
            del self._followers[follower.id]
        return [owned, *followers]

    def _let_go(self, taken: Iterable[Owned | Entry]) -> None:
        """Stop and forget what is no longer kept. Waits for threads, so never under the lock."""
        for one in taken:
            if isinstance(one, Owned):
                one.session.stop()
                one.entry.unquantized.close()
            self._forget_maps(one.entry if isinstance(one, Owned) else one)

    def warm_up_projection(self) -> None:
        """Start compiling UMAP some time after the first call, which comes with the first chart.

        It takes a core for seconds, for which the first minute of a training has better use. Whoever chooses UMAP
        before has it start at once.
        """
        with self._lock:
            self._first_chart_at = self._clock() if self._first_chart_at is None else self._first_chart_at
            is_early = self._clock() - self._first_chart_at < WARM_UP_AFTER_SECONDS
        if not is_early and self.projection.status.state is State.STOPPED:
            self.projection.start()

    def find(self, session_id: str | None) -> Entry | None:
        """The session with this id, or None."""
        with self._lock:
            owned = self._sessions.get(session_id) if session_id else None
        return None if owned is None else owned.entry

    def owned(self) -> list[Entry]:
        """Every session that is kept, as its owner has it."""
        with self._lock:
            return [one.entry for one in self._sessions.values()]

    def follow(self, watch_id: str | None) -> Entry | None:
        """A new follower of the session with this watch id, or None if there is no such session."""
        dropped: list[Entry] = []
        with self._lock:
            owned = next((one for one in self._sessions.values() if one.entry.watch_id == watch_id), None)
            if owned is None:
                return None
            while len(self._followers) >= MOST_FOLLOWERS:
                dropped.append(self._followers.pop(next(iter(self._followers))))
            owner = owned.entry
            entry = Entry(
                secrets.token_urlsafe(9),
                owned.watched,
                owner.maps.copied(),
                owner.verdicts,  # the same moments: read once for all
                owner.shared_maps.copied(),
                unquantized=owner.unquantized,
                watch_id=owner.watch_id,
                start=owner.start,
            )
            self._followers[entry.id] = entry
        self._let_go(dropped)
        return entry

    def claim(self, session_id: str, browser: str) -> None:
        """Say whose this session is, unless that is said already."""
        with self._lock:
            if session_id in self._sessions:
                self._browsers.setdefault(session_id, browser)

    def watch_id_for(self, session_id: str | None, browser: str) -> str | None:
        """The watch id of a session that is another browser's; None for one that this browser may have."""
        with self._lock:
            owned = self._sessions.get(session_id) if session_id else None
            if owned is None or self._browsers.get(owned.entry.id, browser) == browser:
                return None
            return owned.entry.watch_id

    def find_any(self, entry_id: str | None) -> Entry | None:
        """The session with this id, owned or followed."""
        return self.find(entry_id) or self.find_follower(entry_id)

    def find_follower(self, entry_id: str | None) -> Entry | None:
        """The follower with this id, which is in no URL, as long as its session is there; else None."""
        with self._lock:
            return self._followers.get(entry_id) if entry_id else None

    def _forget_maps(self, entry: Entry) -> None:
        for level in tuple(entry.shared_maps.by_level):
            self.projection.forget(entry.shared_stream(level))
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
        check_data(recipe for _, recipe in plan.recipes)
        self._seed_runs.drop(plan)
        return self._seed_runs.find_or_make(plan, lambda: SeedRuns(plan).start())

    def seeds_of(self, plan: Plan) -> SeedRuns | None:
        """The trainings begun for this plan, or None."""
        return self._seed_runs.find(plan)

    def seeds_by_id(self, seeds_id: str) -> SeedRuns | None:
        """The trainings over seeds with this id, or None."""
        return next((runs for runs in self._seed_runs.values() if runs.id == seeds_id), None)

    def close(self) -> None:
        """End every session and the projection worker."""
        self._closed.set()
        with self._lock:
            sessions = tuple(self._sessions.values())
            self._sessions.clear()
            self._followers.clear()
        for owned in sessions:
            owned.session.stop(0)  # all at once: each would wait for the turns of those that still train
        for owned in sessions:
            owned.session.stop()
            owned.entry.unquantized.close()
        for job in (*self._sweeps.close(), *self._seed_runs.close()):
            job.stop()
        self.cases.close()
        self.uploads.close()
        self.projection.close()


@st.cache_resource(show_spinner=False)
def registry() -> Registry:
    """The server's one registry; with it, the cores are shared as a server shares them."""
    keep_numpy_to_its_thread()
    made = Registry()
    made.keep_ending_left()
    return made
