"""Evidence from trainings on the embedded problems, and from their codebooks and latents when altered."""

# N vectors, K codes, D features

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from vqcore.capture import read_only
from vqcore.diagnostics.evidence import Evidence, Floats, TrainingEvidence, UsageEvidence
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


def trained(problem: str, steps: int, seed: int, *, level: int = 0, **changes: Any) -> Evidence:
    """The trainer after this many steps on the CPU; `changes` are settings or live options by name."""
    start, trainer = begun(problem, seed, level, changes)
    for _ in range(steps):
        trainer.step()
    return examined(trainer, level, start)


def at_its_start(problem: str, seed: int) -> Evidence:
    """The trainer before its first step, as a file shows it that does not tell how long it was trained."""
    return replace(trained(problem, 0, seed), training=TrainingEvidence())


def switched(problem: str, steps: int, then: int, options: Mapping[str, Any], seed: int, **changes: Any) -> Evidence:
    """As `trained`, with other live options in force for `then` more steps."""
    start, trainer = begun(problem, seed, 0, changes)
    for step in range(steps + then):
        if step == steps:
            trainer.apply(options)
        trainer.step()
    return examined(trainer, 0, start)


def begun(problem: str, seed: int, level: int, changes: Mapping[str, Any]) -> tuple[Floats, Trainer]:
    """The codebook at the start, and the trainer there."""
    trainer = Trainer(default_recipe(problem, seed=seed, device="cpu", **changes))
    return read_only(trainer.quantizer.parts[trainer.quantizer.part_of_level[level]].codebook()), trainer


def examined(trainer: Trainer, level: int, start: Floats) -> Evidence:
    """The trainer now, whose level had the codebook (K, D) `start` at first."""
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
    return with_latents(evidence_of(snapshot, setting), vectors)


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


def with_latents(evidence: Evidence, vectors: Floats) -> Evidence:
    """`evidence` with these latents assigned to its codebook now."""
    measured = measure([vectors], len(vectors), evidence.codebook)
    usage = UsageEvidence(measured.counts, len(vectors), "at least once by these latents")
    latents = with_attainable(measured.latents, evidence.num_codes, cosine=False)
    return replace(evidence, latents=latents, usage=usage)


def deafened(seed: int) -> Evidence:
    """The sound classifier, but every ReLU behind its quantizer is dead, as a step that was too large leaves them."""
    start, trainer = begun("digits-classifier", seed, 0, SOUND)
    for _ in range(150):
        trainer.step()
    convolution = next(layer for layer in trainer.model.decoder.modules() if isinstance(layer, torch.nn.Conv2d))
    with torch.no_grad():
        assert convolution.bias is not None
        convolution.bias.fill_(-1e3)
    trainer.step()
    return examined(trainer, 0, start)


def altered(seed: int, alter: Callable[[Floats, Floats, np.random.Generator], tuple[Floats, Floats]]) -> Evidence:
    """A healthy run of digits as a checkpoint shows it, with altered (codebook, latents)."""
    evidence = sound_digits(seed)
    assert evidence.latents is not None
    codebook, vectors = alter(evidence.codebook, evidence.latents.sample, np.random.default_rng(seed))
    return with_latents(Evidence(codebook=codebook.astype(np.float32)), vectors.astype(np.float32))


@lru_cache(maxsize=1)
def sound_digits(seed: int) -> Evidence:
    """A healthy run, made once for all that alter it."""
    return trained("digits", 100, seed, **SOUND)
