"""From a moment of training to the evidence for its diagnosis."""

# M monitor vectors, K codes, D features

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.diagnostics.evidence import (
    Evidence,
    Floats,
    LatentEvidence,
    ResponseEvidence,
    TrainingEvidence,
    UsageEvidence,
    looked_up,
)
from vqcore.diagnostics.geometry import distinct_rows
from vqcore.snapshot import Snapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """What a snapshot does not say about its training."""

    alpha: float
    beta: float
    options: Mapping[str, Any] | None = None
    """All live options in force, by name."""

    moved_by: str = "gradient"
    replace_every: int = 0
    residual: bool = False
    """Whether the snapshot's level belongs to a residual quantizer."""

    data_vectors: int | None = None
    initial_codebook: Floats | None = None


def evidence_of(snapshot: Snapshot, setting: Setting) -> Evidence:
    """The evidence in `snapshot`: usage over its window of training batches, and P from its monitor sample."""
    batches = snapshot.window_batches
    values_are_finite = np.isfinite(snapshot.z_e)
    is_finite = None if values_are_finite.all() else np.asarray(values_are_finite.all(1))
    return Evidence(
        codebook=snapshot.codebook,
        usage=UsageEvidence(
            snapshot.counts, snapshot.window_vectors, f"at least once in the last {batches} training batches"
        ),
        latents=_latents(snapshot, is_finite) if is_finite is None or is_finite.any() else None,
        broken_latents=0 if is_finite is None else int((~is_finite).sum()),
        response=None if (setting.options or {}).get("bypass") else _response(snapshot),
        training=TrainingEvidence(
            steps=snapshot.step,
            history=snapshot.history,
            options=setting.options,
            alpha=setting.alpha,
            beta=setting.beta,
            moved_by=setting.moved_by,
            gradient_norm=snapshot.gradient_norm if snapshot.step else None,
            initial_codebook=setting.initial_codebook,
            replace_every=setting.replace_every,
            vectors_per_step=snapshot.window_vectors // batches if batches else None,
            placed_at=snapshot.placed_at,
            data_vectors=setting.data_vectors,
        ),
        residual_level=snapshot.level if setting.residual else 0,
    )


def _response(snapshot: Snapshot) -> ResponseEvidence | None:
    """Of the monitor inputs, of which each has as many codes; None where their outputs were not kept."""
    seen = snapshot.monitor_outputs
    num_inputs = 0 if seen is None else len(seen)
    if seen is None or num_inputs < 2 or len(snapshot.codes) % num_inputs:
        return None
    code_vectors = snapshot.codebook[snapshot.codes].reshape(num_inputs, -1)
    outputs = seen.reshape(num_inputs, -1)
    if not (np.isfinite(code_vectors).all() and np.isfinite(outputs).all()):
        return None
    of_codes, of_outputs = (float(each.var(0, dtype=np.float64).sum()) for each in (code_vectors, outputs))
    if not (np.isfinite(of_outputs) and np.isfinite(of_codes) and of_codes > 0):
        return None
    return ResponseEvidence(of_outputs, of_codes, num_inputs)


def _latents(snapshot: Snapshot, is_finite: NDArray[np.bool_] | None) -> LatentEvidence:
    """Mask (M,) of the finite monitor vectors; None where all are."""
    z_e, codes = snapshot.z_e, snapshot.codes
    if is_finite is not None:
        z_e, codes = z_e[is_finite], codes[is_finite]
    apart = np.subtract(z_e, snapshot.codebook[codes], dtype=np.float64)
    return LatentEvidence(
        num_vectors=len(z_e),
        mean=z_e.mean(0, dtype=np.float64),
        variance=z_e.var(0, dtype=np.float64),
        sample=z_e,
        error=float(np.square(apart).sum(1).mean()),
        distinct=distinct_rows(z_e),
        looked_up=looked_up(snapshot.codebook, np.bincount(codes, minlength=snapshot.num_codes)),
    )
