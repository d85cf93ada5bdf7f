"""Evidence with what files keep beside a codebook: counts, averages, flags, copies of it; sound or with a fault."""

# N vectors, K codes, D features

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from vqcore.checkpoints.search_order import Arrangement
from vqcore.diagnostics.evidence import (
    AverageEvidence,
    Evidence,
    Floats,
    InputEvidence,
    TrainingEvidence,
    UsageEvidence,
)
from vqcore.diagnostics.geometry import nearest_rows
from vqcore.doctor.attainable import with_attainable
from vqcore.doctor.inputs import of_items
from vqcore.doctor.measuring import measure_arranged
from vqcore.gallery.making import VECTORS, altered, with_latents
from vqcore.quantizer.kmeans import kmeans_codebook


def pending(seed: int) -> Evidence:
    """Like `initted` layouts saved before their first batch: zeros, and a flag that says so."""
    zeros = np.zeros((128, 16), dtype=np.float32)
    return replace(altered(seed, lambda _, z_e, __: (zeros, z_e)), initialized=False)


def apart(seed: int) -> Evidence:
    """A healthy codebook of which another process moved a quarter of the rows."""
    evidence = healthy(seed)
    other = evidence.codebook.copy()
    other[: len(other) // 4] *= 1.01
    return replace(evidence, training=replace(evidence.training, other_ranks=(other,)))


def together(seed: int) -> Evidence:
    """Its sound twin: another process has the same rows, up to the rounding of a sum."""
    evidence = healthy(seed)
    other = (evidence.codebook * (1 + 1e-6)).astype(np.float32)
    return replace(evidence, training=replace(evidence.training, other_ranks=(other,)))


def too_few(seed: int) -> Evidence:
    """A healthy codebook seen through 100 latents, as in one small batch."""
    return altered(seed, lambda codebook, z_e, _: (codebook, z_e[:100]))


def zipf(seed: int) -> Evidence:
    """Clusters of a power law, each with the code at its centre: uneven, and as good as codes can be."""
    generator = np.random.default_rng(seed)
    centres = 2.5 * generator.standard_normal((64, 8)).repeat(4, 0) + 0.7 * generator.standard_normal((256, 8))
    shares = np.arange(1, 257) ** -1.5
    vectors = centres[generator.choice(256, VECTORS, p=shares / shares.sum())]
    vectors = vectors + 0.2 * generator.standard_normal(vectors.shape)
    return with_latents(Evidence(codebook=centres.astype(np.float32)), vectors.astype(np.float32))


def outgrown(seed: int, *, factor: float) -> Evidence:
    """Tight clusters that are so many times as large as the codebook of their centres."""
    generator = np.random.default_rng(seed)
    centres = 2.5 * generator.standard_normal((64, 8)).repeat(4, 0) + 0.7 * generator.standard_normal((256, 8))
    vectors = centres[generator.integers(256, size=VECTORS)] + 0.2 * generator.standard_normal((VECTORS, 8))
    return with_latents(Evidence(codebook=centres.astype(np.float32)), (factor * vectors).astype(np.float32))


def whitened(seed: int) -> Evidence:
    """Codes drawn from whitened latents: they look like a start from N(0, 1), and serve well."""
    vectors = np.random.default_rng(seed).standard_normal((VECTORS, 8)).astype(np.float32)
    return with_latents(Evidence(codebook=vectors[:256]), vectors)


def averaged(seed: int, *, times_counts: bool = True, forgotten: float = 0.0, threshold: float = 0.0) -> Evidence:
    """A healthy codebook with the moving averages that files keep beside it, sound or with a fault."""
    codes = int(forgotten * 128)

    def shrink(codebook: Floats, z_e: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
        return np.concatenate([0.02 * codebook[:codes], codebook[codes:]]), z_e

    evidence = altered(seed, shrink)
    assert evidence.usage is not None
    counts = np.where(np.arange(evidence.num_codes) < codes, 0, evidence.usage.counts) / 10
    sums = evidence.codebook * (counts[:, None] if times_counts else 1)
    training = replace(evidence.training, threshold=threshold * float(counts.mean()) if threshold else None)
    return replace(evidence, averages=AverageEvidence(counts, sums), training=training)


def written_twice(seed: int, *, step: float) -> Evidence:
    """A codebook that its moving average wrote, and an optimizer moved by so much of its length afterwards."""
    evidence = averaged(seed)
    generator = np.random.default_rng(seed)
    beside = generator.standard_normal(evidence.codebook.shape)
    beside *= step * np.linalg.norm(evidence.codebook, axis=1, keepdims=True) / evidence.dim**0.5
    return replace(evidence, codebook=(evidence.codebook + beside).astype(np.float32))


def in_bfloat16(seed: int) -> Evidence:
    """A codebook that its moving average alone wrote, kept in half precision."""
    return replace(written_twice(seed, step=2e-3), stored_dtype="bfloat16")


def frozen(seed: int, *, drift: float) -> Evidence:
    """A healthy codebook that was meant to stay, beside what it was before it drifted by a share of its spread."""
    evidence = healthy(seed)
    noise = drift * evidence.codebook.std() * np.random.default_rng(seed).standard_normal(evidence.codebook.shape)
    before = (evidence.codebook + noise).astype(np.float32)
    return replace(evidence, training=TrainingEvidence(steps=400, initial_codebook=before, frozen=True))


def seen_twice(seed: int, *, still: float) -> Evidence:
    """A codebook in two checkpoints, between which a share of the codes stood still; nothing counts their use."""
    codebook = healthy(seed).codebook
    generator = np.random.default_rng(seed)
    moved = generator.random(len(codebook)) >= still
    before = codebook + 0.1 * moved[:, None] * codebook.std() * generator.standard_normal(codebook.shape)
    training = TrainingEvidence(steps=500, initial_codebook=before.astype(np.float32))
    return Evidence(codebook=codebook, training=training)


def counted_and_seen(seed: int, *, dead: float) -> Evidence:
    """Counts in a file that prove a share of the codes dead, beside latents that are too few to."""
    evidence = healthy(seed, vectors=300)
    order = np.random.default_rng(seed).permutation(evidence.num_codes)
    counts = np.where(order < dead * evidence.num_codes, 0, 80.0)
    in_file = UsageEvidence(counts, 10_000, "a moving average in the file")
    return replace(evidence, more_usage=(in_file,))


def by_input(seed: int, *, distinct: int) -> Evidence:
    """A healthy codebook, and the codes of 1,000 inputs, of which so many differ."""
    return replace(healthy(seed), inputs=InputEvidence(1000, distinct, 1001 - distinct, 16))


def by_item(seed: int, *, own: float) -> Evidence:
    """A healthy codebook, the first of three levels by which 10,000 items are told apart.

    Each level is used evenly; a share `own` of the codes of later levels does not follow from the first.
    """
    evidence, generator = healthy(seed), np.random.default_rng(seed)
    num_codes = evidence.num_codes
    first, *later = generator.integers(num_codes, size=(3, 10_000))
    levels = [first]
    for drawn in later:
        follows = generator.permutation(num_codes)[first]
        levels.append(np.where(generator.random(len(first)) < own, drawn, follows))
    return replace(evidence, inputs=of_items(np.stack(levels, 1), [num_codes] * 3))


def of_codes(seed: int, draw: Callable[[np.random.Generator], Floats]) -> Evidence:
    """20,000 codes of K = 128, and no latents."""
    counts = np.bincount(draw(np.random.default_rng(seed)).astype(int), minlength=128)
    usage = UsageEvidence(counts, int(counts.sum()), "at least once in the given codes", of_codes=True)
    return Evidence(codebook=healthy(seed).codebook, usage=usage)


def with_broken_latents(seed: int) -> Evidence:
    """A healthy codebook of whose latents 3% hold NaN."""
    return replace(healthy(seed), broken_latents=VECTORS * 3 // 100, first_broken_latent=7)


def second_level(seed: int, *, scale: float) -> Evidence:
    """The second of two residual levels, whose table is `scale` times that which k-means fits to its residuals."""
    first, z_e = _first_level(seed)
    residuals = _left_by(first, z_e)
    table = scale * kmeans_codebook(residuals[::2], 64, seed=seed)
    return replace(with_latents(Evidence(codebook=table.astype(np.float32)), residuals), residual_level=1)


def shared_table(seed: int, *, fits_both: bool) -> Evidence:
    """A table that two residual levels share, fitted to what both get or to what the first alone gets."""
    first, z_e = _first_level(seed)
    table = np.concatenate([first, kmeans_codebook(_left_by(first, z_e), 64, seed=seed)]) if fits_both else first
    searched = measure_arranged([z_e], len(z_e), Arrangement(((0, 0),), (False,)), [table], searched=len(z_e))[0]
    usage = UsageEvidence(searched.counts, 2 * len(z_e), "at least once by these latents")
    latents = with_attainable(searched.latents, len(table), cosine=False)
    return Evidence(codebook=table.astype(np.float32), usage=usage, latents=latents)


def _first_level(seed: int) -> tuple[Floats, Floats]:
    """Centres of latents (N, D) around a mean that is far from 0, and the latents."""
    evidence = healthy(seed)
    assert evidence.latents is not None
    z_e = (evidence.latents.sample + 3 * evidence.latents.spread / evidence.dim**0.5).astype(np.float32)
    return kmeans_codebook(z_e[::2], 64, seed=seed), z_e


def _left_by(table: Floats, z_e: Floats) -> Floats:
    return np.asarray(z_e - table[nearest_rows(z_e, table)], dtype=np.float32)


def healthy(seed: int, vectors: int = VECTORS) -> Evidence:
    """A healthy run of digits as a checkpoint and so many latents show it."""
    return altered(seed, lambda codebook, z_e, _: (codebook, z_e[:vectors]))
