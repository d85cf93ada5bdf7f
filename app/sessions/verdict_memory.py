"""The doctor's verdict on a running session, read seldom and held until it has changed for good."""

# M monitor vectors

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from app.sessions.jobs import Kept
from vqcore.snapshot import Snapshot
from vqcore.training.recipe import Recipe

if TYPE_CHECKING:
    from vqcore.diagnostics.evidence import Evidence
    from vqcore.diagnostics.finding import Finding

LEAST_SECONDS = 3.0
"""Least seconds between two readings."""

MOST_SECONDS = 15.0

SHARE_OF_TIME = 0.006
"""Share of a thread's time for readings: 3 ms of the half second between two refreshes."""

FIRST_STEPS = 20
"""Steps before the first verdict: until then any codebook is about as initialized, and far from P."""

SAMPLED = 512
"""Monitor vectors whose distances are used, evenly spaced."""


MOST_MEMORIES = 64
"""Of one session: all levels of all variants that it can have at once, and more."""

Start = Callable[[], Snapshot | None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found in one moment of training."""

    findings: "tuple[Finding, ...]"
    """Findings; the first is the verdict."""

    step: int

    @property
    def what(self) -> tuple[str, str]:
        """Condition and severity: if these differ it is another verdict, otherwise the same with newer numbers."""
        return self.findings[0].condition, self.findings[0].severity


class VerdictMemory:
    """The verdict on one level of one session.

    A reading costs some 50 ms, so there is one every few seconds at most, and fewer if it costs more. What is
    shown changes to another condition once two readings in a row have found it.

    Args:
        read: maps a moment to its verdict.
        clock: seconds, monotonic.
        cost: CPU seconds of this thread.
    """

    def __init__(
        self,
        read: "Callable[[Snapshot, Recipe, Snapshot | None], Verdict] | None" = None,
        clock: Callable[[], float] = time.monotonic,
        cost: Callable[[], float] = time.thread_time,
    ) -> None:
        self._read, self._clock, self._cost = read or examined, clock, cost
        self._run: int | None = None
        self._shown: Verdict | None = None
        self._last: Verdict | None = None
        self._due = 0.0
        self._past: tuple[int, int, Verdict] | None = None
        self._reading = Lock()  # a session has several watchers

    def known(self, run: int) -> Verdict | None:
        """The verdict shown with the newest moments of `run`, if one has been read."""
        return self._shown if run == self._run else None

    def known_past(self, run: int, step: int) -> Verdict | None:
        """The verdict on this past moment, if it was the last one read."""
        past = self._past
        return past[2] if past is not None and past[:2] == (run, step) else None

    def of_newest(self, snapshot: Snapshot, recipe: Recipe, run: int, start: Start) -> Verdict:
        """The verdict to show with `snapshot`, the newest of `run`; `start` returns the moment at step 0, if kept."""
        with self._reading:
            return self._of_newest(snapshot, recipe, run, start)

    def _of_newest(self, snapshot: Snapshot, recipe: Recipe, run: int, start: Start) -> Verdict:
        if run != self._run or self._last is None or snapshot.step < self._last.step or self._shown is None:
            self._run = run
            self._shown = self._last = self._timed(snapshot, recipe, start)
            return self._shown
        if self._clock() < self._due:
            return self._shown
        before = self._last
        if snapshot.step != before.step:
            self._last = self._timed(snapshot, recipe, start)
        if self._last.what in (self._shown.what, before.what):
            self._shown = self._last
        return self._shown

    def of_past(self, snapshot: Snapshot, recipe: Recipe, run: int, start: Start) -> Verdict:
        """The verdict on a moment that the reader went back to."""
        with self._reading:
            if self._past is None or self._past[:2] != (run, snapshot.step):
                self._past = (run, snapshot.step, self._read(snapshot, recipe, start()))
            return self._past[2]

    def _timed(self, snapshot: Snapshot, recipe: Recipe, start: Start) -> Verdict:
        began = self._cost()
        verdict = self._read(snapshot, recipe, start())
        wait = max(LEAST_SECONDS, (self._cost() - began) / SHARE_OF_TIME)
        self._due = self._clock() + min(wait, MOST_SECONDS)
        return verdict


class VerdictMemories:
    """One memory a variant and level of a session; of forks that have ended they go for those of others."""

    def __init__(self) -> None:
        self._memories: Kept[VerdictMemory] = Kept(MOST_MEMORIES)

    def of(self, snapshot: Snapshot) -> VerdictMemory:
        """The memory of this snapshot's variant and level, begun where there is none."""
        return self._memories.find_or_make((snapshot.variant, snapshot.level), VerdictMemory)


def examined(snapshot: Snapshot, recipe: Recipe, start: Snapshot | None) -> Verdict:
    """Diagnose one moment of a session."""
    from vqcore.diagnostics.diagnosis import diagnose  # late: scipy must not hold up the first charts

    return Verdict(diagnose(evidence(snapshot, recipe, start)), snapshot.step)


def evidence(snapshot: Snapshot, recipe: Recipe, start: Snapshot | None) -> "Evidence":
    """The evidence in a moment of a session, with fewer monitor vectors for distances than for everything else."""
    from vqcore.diagnostics.snapshot_evidence import Setting, evidence_of

    options = recipe.options
    setting = Setting(
        options=asdict(options),
        alpha=options.alpha,
        beta=options.beta,
        moved_by=options.codebook_update,
        replace_every=options.replace_every,
        residual=recipe.structure == "residual",
        initial_codebook=start.codebook if start is not None and start.step == 0 < snapshot.step else None,
    )
    found = evidence_of(snapshot, setting)
    if found.latents is None or len(found.latents.sample) <= SAMPLED:
        return found
    rows = np.linspace(0, len(found.latents.sample) - 1, SAMPLED).astype(int)
    return replace(found, latents=replace(found.latents, sample=found.latents.sample[rows]))
