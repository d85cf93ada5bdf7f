"""The failure gallery: recipes that bring about each condition on purpose, on the embedded problems.

What training can produce is trained. The rest is constructed from a trained codebook, and says so.
"""

# N vectors, K codes, D features

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache, partial
from typing import Any, NamedTuple

import numpy as np
import torch

from vqcore.capture import read_only
from vqcore.diagnostics.evidence import AverageEvidence, Evidence, Floats, UsageEvidence
from vqcore.diagnostics.finding import Condition
from vqcore.diagnostics.snapshot_evidence import Setting, evidence_of
from vqcore.doctor.attainable import with_attainable
from vqcore.doctor.measuring import measure
from vqcore.training.evaluation import INPUTS_AT_ONCE, evaluating
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

VECTORS = 24_000
"""Most training latents that are used."""

SOUND: dict[str, Any] = {"code_init": "kmeans", "replace_every": 20}
"""The settings of a healthy run."""


class Exhibit(NamedTuple):
    """One recipe of the gallery."""

    name: str
    condition: Condition
    """The condition it produces, which a diagnosis should name first."""

    trained: bool
    """Whether training alone produces it; otherwise it is constructed, from a trained codebook if latents matter."""

    make: Callable[[int], Evidence]
    """The evidence for a seed."""


def trained(problem: str, steps: int, seed: int, *, level: int = 0, **changes: Any) -> Evidence:
    """The trainer after this many steps on the CPU; `changes` are settings or live options by name."""
    start, trainer = _begun(problem, seed, level, changes)
    for _ in range(steps):
        trainer.step()
    return _examined(trainer, level, start)


def _begun(problem: str, seed: int, level: int, changes: Mapping[str, Any]) -> tuple[Floats, Trainer]:
    """The codebook at the start, and the trainer there."""
    trainer = Trainer(default_recipe(problem, seed=seed, device="cpu", **changes))
    return read_only(trainer.quantizer.parts[trainer.quantizer.part_of_level[level]].codebook()), trainer


def _examined(trainer: Trainer, level: int, start: Floats) -> Evidence:
    snapshot, options = trainer.snapshots()[level], trainer.options
    vectors = _latents(trainer, level)
    positions = snapshot.code_maps[0].size
    setting = Setting(
        options=asdict(options),
        alpha=options.alpha,
        beta=options.beta,
        moved_by=options.codebook_update,
        replace_every=options.replace_every,
        residual=trainer.recipe.structure == "residual",
        data_vectors=trainer.train_data.num_inputs * positions,
        initial_codebook=start,
    )
    return _with_latents(evidence_of(snapshot, setting), vectors)


def _latents(trainer: Trainer, level: int) -> Floats:
    """Up to `VECTORS` of what the level quantizes of the training data, (N, D)."""
    found: list[Floats] = []
    with evaluating(trainer.model, trainer.quantizer):
        for batch in trainer.train_data.batches(INPUTS_AT_ONCE):
            _, levels = trainer.quantizer.quantize(trainer.model.encode(batch.inputs))
            found.append(read_only(levels[level].z_e))
            if sum(map(len, found)) >= VECTORS:
                break
    return np.concatenate(found)[:VECTORS]


def _with_latents(evidence: Evidence, vectors: Floats) -> Evidence:
    """`evidence` with these latents assigned to its codebook now."""
    measured = measure([vectors], len(vectors), evidence.codebook)
    usage = UsageEvidence(measured.counts, len(vectors), "at least once by these latents")
    latents = with_attainable(measured.latents, evidence.num_codes, cosine=False)
    return replace(evidence, latents=latents, usage=usage)


def _deafened(seed: int) -> Evidence:
    """The sound classifier, but every ReLU behind its quantizer is dead, as a step that was too large leaves them."""
    start, trainer = _begun("digits-classifier", seed, 0, SOUND)
    for _ in range(150):
        trainer.step()
    convolution = next(layer for layer in trainer.model.decoder.modules() if isinstance(layer, torch.nn.Conv2d))
    with torch.no_grad():
        assert convolution.bias is not None
        convolution.bias.fill_(-1e3)
    trainer.step()
    return _examined(trainer, 0, start)


def _altered(seed: int, alter: Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]]) -> Evidence:
    """A healthy run of digits as a checkpoint shows it, with altered (codebook, latents)."""
    evidence = _sound_digits(seed)
    assert evidence.latents is not None
    codebook, vectors = alter(evidence.codebook, evidence.latents.sample, np.random.default_rng(seed))
    return _with_latents(Evidence(codebook=codebook.astype(np.float32)), vectors.astype(np.float32))


@lru_cache(maxsize=1)
def _sound_digits(seed: int) -> Evidence:
    return trained("digits", 100, seed, **SOUND)


def _untouched(draw: Callable[[np.random.Generator, tuple[int, ...]], Floats]) -> Callable[[int], Evidence]:
    """An untrained codebook beside the latents of a healthy run."""
    return partial(_altered, alter=lambda codebook, z_e, generator: (draw(generator, codebook.shape), z_e))


def _moved(scale: float, offset: float) -> Callable[[int], Evidence]:
    """A codebook scaled about its mean and shifted, in spreads of P, as if of another encoder."""

    def alter(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
        direction = generator.standard_normal(codebook.shape[1])
        shift = offset * np.sqrt(z_e.var(0).sum()) * direction / np.linalg.norm(direction)
        return codebook.mean(0) + scale * (codebook - codebook.mean(0)) + shift, z_e

    return partial(_altered, alter=alter)


def _on_a_line(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Latents flattened onto one direction, with codes drawn among them."""
    direction = generator.standard_normal(z_e.shape[1])
    along = (z_e @ direction)[:, None] * direction / np.square(direction).sum()
    flat = along + 0.01 * along.std() * generator.standard_normal(z_e.shape)
    return _drawn(flat, len(codebook), generator), flat


def _on_a_point(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """One latent for every input, up to rounding."""
    point = z_e.mean(0) + 1.0
    near = point + 1e-5 * generator.standard_normal(z_e.shape)
    return _drawn(near, len(codebook), generator), near


def _drawn(vectors: Floats, num_codes: int, generator: np.random.Generator) -> Floats:
    return vectors[generator.choice(len(vectors), num_codes, replace=False)]


def _doubled(codebook: Floats, z_e: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
    """The second half of the codes copied from the first."""
    half = len(codebook) // 2
    return np.concatenate([codebook[:half], codebook[:half]]), z_e


def _with_nan(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    broken = codebook.copy()
    broken[generator.integers(len(codebook)), 0] = np.nan
    return broken, z_e


def _rounded_away(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Kept in bfloat16 around a mean that is large beside the spread."""
    offset = 50 * codebook.std() * generator.choice([-1.0, 1.0], codebook.shape[1])
    kept = torch.from_numpy(codebook + offset).bfloat16().float().numpy()
    return kept, z_e + offset


def _few_different(codebook: Floats, z_e: Floats, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Latents of data with only half as many distinct vectors as there are codes."""
    kept = np.unique(z_e, axis=0)
    kept = kept[generator.choice(len(kept), len(codebook) // 2, replace=False)]
    return codebook, kept[generator.integers(len(kept), size=len(z_e))]


def _pending(seed: int) -> Evidence:
    """Like `initted` layouts saved before their first batch: zeros, and a flag that says so."""
    zeros = np.zeros((128, 16), dtype=np.float32)
    return replace(_altered(seed, lambda _, z_e, __: (zeros, z_e)), initialized=False)


def _too_few(seed: int) -> Evidence:
    """A healthy codebook seen through 100 latents, as in one small batch."""
    return _altered(seed, lambda codebook, z_e, _: (codebook, z_e[:100]))


def _zipf(seed: int) -> Evidence:
    """Clusters of a power law, each with the code at its centre: uneven, and as good as codes can be."""
    generator = np.random.default_rng(seed)
    centres = 2.5 * generator.standard_normal((64, 8)).repeat(4, 0) + 0.7 * generator.standard_normal((256, 8))
    shares = np.arange(1, 257) ** -1.5
    vectors = centres[generator.choice(256, VECTORS, p=shares / shares.sum())]
    vectors = vectors + 0.2 * generator.standard_normal(vectors.shape)
    return _with_latents(Evidence(codebook=centres.astype(np.float32)), vectors.astype(np.float32))


def _whitened(seed: int) -> Evidence:
    """Codes drawn from whitened latents: they look like a start from N(0, 1), and serve well."""
    vectors = np.random.default_rng(seed).standard_normal((VECTORS, 8)).astype(np.float32)
    return _with_latents(Evidence(codebook=vectors[:256]), vectors)


def _averaged(seed: int, *, times_counts: bool = True, forgotten: float = 0.0, threshold: float = 0.0) -> Evidence:
    """A healthy codebook with the moving averages that files keep beside it, sound or with a fault."""
    codes = int(forgotten * 128)

    def shrink(codebook: Floats, z_e: Floats, _: np.random.Generator) -> tuple[Floats, Floats]:
        return np.concatenate([0.02 * codebook[:codes], codebook[codes:]]), z_e

    evidence = _altered(seed, shrink)
    assert evidence.usage is not None
    counts = np.where(np.arange(evidence.num_codes) < codes, 0, evidence.usage.counts) / 10
    sums = evidence.codebook * (counts[:, None] if times_counts else 1)
    training = replace(evidence.training, threshold=threshold * float(counts.mean()) if threshold else None)
    return replace(evidence, averages=AverageEvidence(counts, sums), training=training)


GALLERY: tuple[Exhibit, ...] = (
    Exhibit("Zipf-like use", "healthy", False, _zipf),
    Exhibit("codes drawn from whitened latents", "healthy", False, _whitened),
    Exhibit("EMA sums that are counts × vectors", "healthy", False, partial(_averaged, threshold=0.1)),
    Exhibit("digits, sound", "healthy", True, partial(trained, "digits", 150, **SOUND)),
    Exhibit(
        "digits, moving average", "healthy", True, partial(trained, "digits", 150, codebook_update="ema", **SOUND)
    ),
    Exhibit("classifier, sound", "healthy", True, partial(trained, "digits-classifier", 150, **SOUND)),
    Exhibit("plane, sound", "healthy", True, partial(trained, "plane", 150, **SOUND)),
    Exhibit("patches, sound", "healthy", True, partial(trained, "patches", 120, num_codes=64, **SOUND)),
    Exhibit(
        "digits, second residual level",
        "healthy",
        True,
        partial(trained, "digits", 100, structure="residual", levels=2, level=1, **SOUND),
    ),
    Exhibit("digits, default start", "index-collapse", True, partial(trained, "digits", 150)),
    Exhibit("classifier, default start", "index-collapse", True, partial(trained, "digits-classifier", 150)),
    Exhibit("plane, default start", "dead-codes-far", True, partial(trained, "plane", 150)),
    Exhibit("digits, affine alone", "dead-codes-far", True, partial(trained, "digits", 250, affine="running")),
    Exhibit("digits, k-means alone", "dead-codes-crowded", True, partial(trained, "digits", 150, code_init="kmeans")),
    Exhibit("digits, step 0", "never-trained", True, partial(trained, "digits", 0)),
    Exhibit("±1/K", "never-trained", False, _untouched(lambda g, s: g.uniform(-1 / s[0], 1 / s[0], s))),
    Exhibit("±1/D", "never-trained", False, _untouched(lambda g, s: g.uniform(-1 / s[1], 1 / s[1], s))),
    Exhibit("N(0, 1/D)", "never-trained", False, _untouched(lambda g, s: g.standard_normal(s) / s[1] ** 0.5)),
    Exhibit("N(0, 1/K)", "never-trained", False, _untouched(lambda g, s: g.standard_normal(s) / s[0] ** 0.5)),
    Exhibit("orthogonal", "never-trained", False, _untouched(lambda g, s: np.linalg.qr(g.standard_normal(s))[0])),
    Exhibit("zeros", "never-trained", False, _untouched(lambda _, s: np.zeros(s))),
    Exhibit("digits, β = 0", "no-gradient", True, partial(trained, "digits", 100, beta=0.0)),
    Exhibit("initialization pending", "initialization-pending", False, _pending),
    Exhibit("digits, step 5", "codebook-far", True, partial(trained, "digits", 5)),
    Exhibit("codebook out of place", "codebook-far", False, _moved(1.0, 3.0)),
    Exhibit("codebook out of scale", "codebook-far", False, _moved(8.0, 0.0)),
    Exhibit("codebook a tenth of the size", "codebook-far", False, _moved(0.1, 0.0)),
    Exhibit("codebook a thirtieth of the size", "codebook-far", False, _moved(1 / 30, 0.0)),
    Exhibit("codebook out of both", "codebook-far", False, _moved(0.1, 3.0)),
    Exhibit("classifier, dead ReLUs", "deaf-decoder", False, _deafened),
    Exhibit("latents on a line", "embedding-collapse", False, partial(_altered, alter=_on_a_line)),
    Exhibit("latents at a point", "embedding-collapse", False, partial(_altered, alter=_on_a_point)),
    Exhibit(
        "digits, affine and little commitment",
        "runaway-embeddings",
        True,
        partial(trained, "digits", 300, affine="running", alpha=0.3, code_init="kmeans"),
    ),
    Exhibit(
        "plane, β = 1", "commitment-too-weak", True, partial(trained, "plane", 300, beta=1.0, code_init="kmeans")
    ),
    Exhibit("digits, α = 0.01", "commitment-too-weak", True, partial(trained, "digits", 300, alpha=0.01, **SOUND)),
    Exhibit(
        "digits, α = 1,000",
        "commitment-too-strong",
        True,
        partial(trained, "digits", 150, alpha=1000.0, beta=0.1, **SOUND),
    ),
    Exhibit(
        "digits, α = 1,000, default start",
        "commitment-too-strong",
        True,
        partial(trained, "digits", 150, alpha=1000.0, beta=0.1),
    ),
    Exhibit(
        "digits, replaced every step",
        "recycling-replacement",
        True,
        partial(trained, "digits", 100, code_init="kmeans", replace_every=1, batch_size=4),
    ),
    Exhibit("EMA sums that are centres", "ema-bookkeeping", False, partial(_averaged, times_counts=False)),
    Exhibit("EMA rows that shrank", "ema-bookkeeping", False, partial(_averaged, forgotten=0.5)),
    Exhibit("a threshold of three times the mean", "unreachable-threshold", False, partial(_averaged, threshold=3.0)),
    Exhibit("plane, K = 4,096", "oversized-codebook", True, partial(trained, "plane", 60, num_codes=4096)),
    Exhibit("few different latents", "oversized-codebook", False, partial(_altered, alter=_few_different)),
    Exhibit(
        "digits, second level of a default start",
        "idle-level",
        True,
        partial(trained, "digits", 40, structure="residual", levels=2, level=1),
    ),
    Exhibit("copied codes", "duplicate-codes", False, partial(_altered, alter=_doubled)),
    Exhibit("a NaN", "broken-numbers", False, partial(_altered, alter=_with_nan)),
    Exhibit("bfloat16 far from the origin", "broken-numbers", False, partial(_altered, alter=_rounded_away)),
    Exhibit("100 latents", "not-enough-data", False, _too_few),
)
