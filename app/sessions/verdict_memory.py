"""The doctor's verdict on moments of a running session: of each moment its own, read once however many watch."""

# M monitor vectors

import math
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

CHEAP_SECONDS = 0.005
"""CPU time of a reading up to which a frame makes it itself; a longer one is made after the frame has been sent."""

FIRST_STEPS = 20
"""Steps before the first verdict: until then any codebook is about as initialized, and far from P."""

SAMPLED = 256
"""Monitor vectors whose distances are used, evenly spaced."""

MOST_MOMENTS = 32
"""Moments of one level whose verdicts are kept: a reader who plays the past goes through them again."""

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
    """The verdicts on the moments of one level of one variant.

    Args:
        read: maps a moment to its verdict.
        cost: CPU seconds of this thread.
    """

    def __init__(
        self,
        read: "Callable[[Snapshot, Recipe, Snapshot | None], Verdict] | None" = None,
        cost: Callable[[], float] = time.thread_time,
    ) -> None:
        self._read, self._cost = read or examined, cost
        self._verdicts: Kept[Verdict] = Kept(MOST_MOMENTS)
        self._last: Verdict | None = None
        self._settled: tuple[int, Verdict] | None = None
        self._reading = Lock()  # a session has several watchers
        self._least_cost = math.inf  # of all readings: others may have had to wait for memory that many use

    @property
    def is_cheap(self) -> bool:
        """Whether a reading costs no more than a frame can wait for; not known before the first."""
        return self._least_cost <= CHEAP_SECONDS

    def known(self, run: int, snapshot: Snapshot) -> Verdict | None:
        """The verdict on this very moment of `run`, if it has been read."""
        return self._verdicts.find(_moment(run, snapshot))

    def settled(self, run: int) -> Verdict | None:
        """The newest verdict of `run` that two readings in a row agreed on, or the first: it does not flicker."""
        return self._settled[1] if self._settled is not None and self._settled[0] == run else None

    def read(self, snapshot: Snapshot, recipe: Recipe, run: int, start: Start, *, is_newest: bool = True) -> Verdict:
        """The verdict on this moment; `start` returns the moment at step 0, if it is kept."""
        with self._reading:
            found = self.known(run, snapshot)
            if found is None:
                found = self._timed(snapshot, recipe, start)
                self._verdicts.find_or_make(_moment(run, snapshot), lambda: found)
                if is_newest:
                    self._settle(run, found)
            return found

    def _settle(self, run: int, verdict: Verdict) -> None:
        before, self._last = self._last, verdict
        if self.settled(run) is None or (before is not None and before.what == verdict.what):
            self._settled = run, verdict

    def _timed(self, snapshot: Snapshot, recipe: Recipe, start: Start) -> Verdict:
        began = self._cost()
        verdict = self._read(snapshot, recipe, start())
        self._least_cost = min(self._least_cost, self._cost() - began)
        return verdict


def _moment(run: int, snapshot: Snapshot) -> tuple[int, int, int]:
    return run, snapshot.step, len(snapshot.events)  # a switch can change the codes within a step


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
