"""The measures used by claims, from snapshots alone: a live page can compute them from the run that it shows."""

# M held-out vectors, K codes, D features

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics.usage import active_codes, count_codes, perplexity
from vqcore.snapshot import Snapshot

RECENT = 10
"""Steps over which a loss is averaged, since that of a single batch jumps."""


class Moved(NamedTuple):
    """How far P and C moved between two moments, in units of the latent space."""

    p_mean: float
    """Distance between the means of P, on the same held-out inputs."""

    c_mean: float
    median_code: float
    """The distance moved by the median code."""


def usage_now(snapshot: Snapshot) -> NDArray[np.int64]:
    """(K,) assignments of the held-out vectors that the map shows: code usage at this moment.

    Not the usage window, which remembers the last 50 batches.
    """
    return count_codes(snapshot.codes, snapshot.num_codes)


def in_use(snapshot: Snapshot) -> int:
    """How many codes `usage_now` counts at least once."""
    return active_codes(usage_now(snapshot))


def perplexity_now(snapshot: Snapshot) -> float:
    """Perplexity of `usage_now`."""
    return perplexity(usage_now(snapshot))


def recent_loss(snapshot: Snapshot) -> float:
    """Mean task loss over the last `RECENT` steps."""
    return float(snapshot.history.losses["task_loss"][-RECENT:].mean())


def relative_error_now(snapshot: Snapshot) -> float:
    """‖z_e − z_q‖² over the variance of z_e, for the held-out vectors that the map shows."""
    z_q = snapshot.codebook[snapshot.codes]
    return float(np.square(snapshot.z_e - z_q).sum(1).mean() / snapshot.z_e.var(0).sum())


def p_mean_length(snapshot: Snapshot) -> float:
    """‖mean of P‖, for the held-out vectors that the map shows."""
    return float(np.linalg.norm(snapshot.z_e.mean(0)))


def moved(before: Snapshot, after: Snapshot) -> Moved:
    """The movement from one moment of a training to a later one."""
    return Moved(
        p_mean=float(np.linalg.norm(after.z_e.mean(0) - before.z_e.mean(0))),
        c_mean=float(np.linalg.norm(after.codebook.mean(0) - before.codebook.mean(0))),
        median_code=float(np.median(np.linalg.norm(after.codebook - before.codebook, axis=1))),
    )


def of(snapshot: Snapshot) -> str:
    """What a number of used codes is out of: "of 512 (N = 1,536)", with no line break inside the brackets."""
    return f"of {snapshot.num_codes:,} (N\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{len(snapshot.codes):,})"
