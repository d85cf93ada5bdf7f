"""How the codes of a training move apart from gradients: by EMA, by replacement, and onto k-means centres."""

# N vectors, K codes, D features

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vqcore.problems.problem import Model, Part
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.kmeans import VECTORS_PER_CODE, kmeans_start_
from vqcore.quantizer.layer import Quantizer, VectorQuantizer
from vqcore.quantizer.replacement import replace_unused_
from vqcore.training.construction import cpu_generator
from vqcore.training.evaluation import as_in_training, evaluating
from vqcore.training.kmeans_memory import remembered_codebook
from vqcore.training.step import Step

INPUTS_AT_ONCE = 64


def count_and_average_(quantizer: Quantizer, done: Step, counts: list[Tensor]) -> None:
    """Count the codes that the step `done` left unused, by its `counts` (K,) of each level, and average by EMA."""
    for part, levels in _levels_of_parts(quantizer):
        part.count_unused_(torch.stack([counts[level] for level in levels]).sum(0))
        if quantizer.options.codebook_update == "ema":
            found = [done.levels[level] for level in levels]
            vectors = torch.cat([level.z_e for level in found])
            ema_update_(part, vectors, torch.cat([level.codes for level in found]))


def replace_on_each_part_(
    quantizer: Quantizer, done: Step, unused_for: int, generator: torch.Generator
) -> Iterator[tuple[VectorQuantizer, Tensor]]:
    """Move codes unused for so many steps onto latents of the step `done`; yields each part with which moved (K,)."""
    for part, levels in _levels_of_parts(quantizer):
        vectors = torch.cat([done.levels[level].z_e for level in levels])
        yield part, replace_unused_(part, vectors, unused_for, generator=generator)


@torch.no_grad()
def place_by_kmeans_(
    model: Model, quantizer: Quantizer, train_data: Part, *, seed: int, raise_if_stopped: Callable[[], None]
) -> None:
    """Set all code vectors to k-means centres of latents of `train_data`, which are drawn by `seed`.

    Raises:
        ValueError: if there are fewer distinct vectors than codes; nothing is changed in that case.
    """

    def seek(vectors: NDArray[np.float32], num_codes: int, *, seed: int) -> NDArray[np.float32]:
        raise_if_stopped()  # between two levels, each of which may take long
        return remembered_codebook(vectors, num_codes, seed=seed)

    wanted = VECTORS_PER_CODE * quantizer.num_codes
    order = torch.randperm(train_data.num_inputs, generator=cpu_generator(seed)).to(
        quantizer.parts[0].raw_codebook.device
    )
    vectors: list[Tensor] = []
    with evaluating(quantizer), as_in_training(model):
        for index in order.split(INPUTS_AT_ONCE):
            raise_if_stopped()
            vectors.append(model.encode(train_data.batch(index).inputs).flatten(0, -2))
            if sum(map(len, vectors)) >= wanted:
                break
        kmeans_start_(quantizer, torch.cat(vectors)[:wanted], seed=seed, seek=seek)


def _levels_of_parts(quantizer: Quantizer) -> Iterator[tuple[VectorQuantizer, list[int]]]:
    """Each codebook with the levels that search it."""
    for index, part in enumerate(quantizer.parts):
        yield part, [level for level, own in enumerate(quantizer.part_of_level) if own == index]
