"""What a recipe describes, built: the model and its quantizer, with weights that its seed alone decides."""

import torch

from vqcore.problems.building import built
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.grid import grid
from vqcore.quantizer.grouped import GroupedQuantizer
from vqcore.quantizer.layer import Quantizer, VectorQuantizer
from vqcore.quantizer.residual import ResidualQuantizer
from vqcore.training.recipe import Recipe


def model_and_quantizer(recipe: Recipe, problem: Problem, device: torch.device) -> tuple[Model, Quantizer]:
    """Both on `device`; their weights are drawn on the CPU, and so are the same on every device."""
    generator = cpu_generator(recipe.seed)
    model = built(problem, generator)
    quantizer = _quantizer(recipe, problem.dim, generator)
    return model.to(device), quantizer.to(device)


def cpu_generator(seed: int) -> torch.Generator:
    """A generator whose numbers are the same whatever device is trained on."""
    return torch.Generator().manual_seed(seed)


def _quantizer(recipe: Recipe, dim: int, generator: torch.Generator) -> Quantizer:
    quantizer = _structured(recipe, dim, generator)
    if recipe.code_init == "grid":
        for part in quantizer.parts:
            part.place_(grid(part.num_codes, part.dim))
    return quantizer


def _structured(recipe: Recipe, dim: int, generator: torch.Generator) -> Quantizer:
    num_codes, levels, options, share = recipe.num_codes, recipe.levels, recipe.options, recipe.share
    if recipe.structure == "grouped":
        return GroupedQuantizer(num_codes, dim, levels, options, share=share, generator=generator)
    if recipe.structure == "residual":
        return ResidualQuantizer(num_codes, dim, levels, options, share=share, generator=generator)
    return VectorQuantizer(num_codes, dim, options, generator=generator)
