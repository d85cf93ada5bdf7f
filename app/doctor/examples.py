"""Example checkpoints for the Doctor page, from short trainings run on request."""

# N vectors, D features

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from app.sessions.jobs import Progress
from vqcore.capture import read_only
from vqcore.storage import save_results
from vqcore.training.evaluation import INPUTS_AT_ONCE, evaluating
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

MOST_VECTORS = 32_768
SEED = 0
TRAINING_SHARE = 0.9
"""Share of the time that an example takes."""


class Example(NamedTuple):
    """One short training."""

    title: str
    about: str
    icon: str
    problem: str
    steps: int
    changes: dict[str, Any]


EXAMPLES: dict[str, Example] = {
    "default-start": Example(
        "Codes drawn at random",
        "Photographs; 512 codes drawn from N(0, 1).",
        ":material/south_east:",
        "patches",
        150,
        {},
    ),
    "kmeans-and-replacement": Example(
        "K-means and replacement",
        "The same photographs; 64 codes start at k-means centres, and unused ones move every 20 steps.",
        ":material/spa:",
        "patches",
        150,
        {"num_codes": 64, "code_init": "kmeans", "replace_every": 20},
    ),
    "levels": Example(
        "Three residual levels",
        "Handwritten digits; codes move by EMA, and each level quantizes what the levels before it left over.",
        ":material/stacks:",
        "digits",
        500,
        {"structure": "residual", "levels": 3, "codebook_update": "ema"},
    ),
}
"""By the name in a link. What they show is for the doctor to say."""


class Made(NamedTuple):
    """The files of an example."""

    checkpoint: Path
    latents: Path


def make(name: str, folder: Path, progress: Progress) -> Made:
    """Train the example `name` on the CPU and save its weights and training latents in `folder`.

    Raises:
        ValueError: if there is no such example.
    """
    if name not in EXAMPLES:
        raise ValueError(f"`example` must be one of {', '.join(EXAMPLES)}, but is {name[:40]!r}.")
    example = EXAMPLES[name]
    trainer = Trainer(default_recipe(example.problem, seed=SEED, device="cpu", **example.changes))
    for step in range(example.steps):
        progress(f"training {example.problem}, step {step} of {example.steps}", TRAINING_SHARE * step / example.steps)
        trainer.step()
    run = folder / name
    weights = {**trainer.model.state_dict(prefix="model."), **trainer.quantizer.state_dict(prefix="quantizer.")}
    options = {"problem": example.problem, "steps": example.steps, "seed": SEED, "options": asdict(trainer.options)}
    save_results(run, options, trainer.snapshot().history, weights)
    latents = run / "latents.npy"
    np.save(latents, _latents(trainer))
    return Made(run / "weights.pt", latents)


def _latents(trainer: Trainer) -> np.ndarray:
    """Up to `MOST_VECTORS` of the quantizer's inputs on the training data, (N, D)."""
    found: list[np.ndarray] = []
    with evaluating(trainer.model, trainer.quantizer):
        for batch in trainer.train_data.batches(INPUTS_AT_ONCE):
            z_e = read_only(trainer.model.encode(batch.inputs))
            found.append(z_e.reshape(-1, z_e.shape[-1]))
            if sum(map(len, found)) >= MOST_VECTORS:
                break
    return np.concatenate(found)[:MOST_VECTORS]
