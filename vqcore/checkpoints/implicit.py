"""Detection of quantizers that store no code vectors, which is an answer, not an error."""

# n bits, 2ⁿ codes

import math
from collections.abc import Iterator

import numpy as np

from vqcore.checkpoints.contents import Implicit
from vqcore.checkpoints.keys import any_names_quantizer
from vqcore.checkpoints.modules import Module, Tree
from vqcore.files.tensors import StoredArray

LEVELS, BASES = ("_levels", "levels"), ("_basis", "basis")
MOST_LEVELS = 1 << 12
"""Of one feature."""

WIDEST_MASK = 64
WIDEST_PROJECTION = 32
"""Most features before finite scalar quantization; a wider projection is something else."""


def implicit_quantizers(tree: Tree) -> Iterator[Implicit]:
    """Lookup-free (LFQ, BSQ), finite scalar (FSQ) and latent quantization, and categorical logits."""
    for name in tree:
        path, _, leaf = name.rpartition(".")
        found = None
        if leaf == "mask":
            found = _lookup_free(tree.module(path))
        elif leaf == "weight" and path.rpartition(".")[2] == "project_in":
            found = _finite_scalar(tree.module(path.rpartition(".")[0]))
        elif leaf in LEVELS:
            found = _finite_scalar_levels(tree.module(path), leaf)
        elif leaf in ("w", "weight") and path.endswith("blocks.output.conv"):
            found = _categorical(tree.module(path), leaf)
        if found is not None:
            yield found


def _lookup_free(module: Module) -> Implicit | None:
    mask = module.get("mask")
    if mask is None or mask.dtype != "int64" or len(mask.shape) != 1 or not 1 <= mask.shape[0] <= WIDEST_MASK:
        return None
    bits = mask.shape[0]
    if not np.array_equal(mask.read(), 2 ** np.arange(bits - 1, -1, -1, dtype=np.int64)):
        return None
    about = (
        f"Lookup-free quantization of {bits} bits: its {2**bits:,} codes are the signs, and no vectors are stored."
    )
    return Implicit(module.path, module.tree.source.container, "lookup-free (LFQ, BSQ)", 2**bits, about)


def _finite_scalar(module: Module) -> Implicit | None:
    shape = module.shape("project_in.weight")
    if shape is None or len(shape) != 2 or not 1 <= shape[0] <= WIDEST_PROJECTION or shape[0] >= shape[1]:
        return None
    values = [name for name in module.tree.leaves(_inside(module, "values_per_latent")) if name.isdecimal()]
    names = [f"project_{way}.{leaf}" for way in ("in", "out") for leaf in ("weight", "bias")]
    if values:
        about = "Latent quantization: each feature is rounded to its own values, and no vectors are stored."
        return Implicit(module.path, module.tree.source.container, "latent quantization", None, about)
    if module.get("project_out.weight") is None or module.get("mask") is not None:
        return None
    if not module.holds_only(*names) or not (any_names_quantizer(module.path) or _is_fsq_name(module)):
        return None
    about = (
        f"Finite scalar quantization of {shape[0]} features, judging by its narrow projection: no vectors are "
        "stored, and neither are the levels of each feature. Only codes can show usage."
    )
    return Implicit(module.path, module.tree.source.container, "finite scalar (FSQ), probably", None, about)


def _finite_scalar_levels(module: Module, leaf: str) -> Implicit | None:
    """By the levels of each feature, where their products stand beside them or a name says what they are."""
    stored, basis = module.get(leaf), module.first(*BASES)
    if stored is None or not stored.is_whole or len(stored.shape) != 1 or not 1 <= stored.size <= WIDEST_PROJECTION:
        return None
    levels = [int(one) for one in stored.read()]
    if not all(2 <= one <= MOST_LEVELS for one in levels):
        return None
    if basis is None:
        if not (any_names_quantizer(module.path) or _is_fsq_name(module)) or (not module.path and leaf != "_levels"):
            return None
    elif not _are_products(module.get(basis), levels):
        return None
    codes = math.prod(levels)
    about = (
        f"Finite scalar quantization of {len(levels)} features with {' × '.join(map(str, levels))} = {codes:,} "
        "codes: "
        "no vectors are stored. Only codes can show usage."
    )
    return Implicit(module.path, module.tree.source.container, "finite scalar (FSQ)", codes, about)


def _are_products(basis: StoredArray | None, levels: list[int]) -> bool:
    """Whether `basis` holds the place value of each feature, 1, L₁, L₁·L₂ and so on."""
    if basis is None or not basis.is_whole or basis.shape != (len(levels),):
        return False
    return [int(one) for one in basis.read()] == [math.prod(levels[:at]) for at in range(len(levels))]


def _is_fsq_name(module: Module) -> bool:
    return module.path == "" or "fsq" in module.path.lower() or "bsq" in module.path.lower()


def _categorical(module: Module, leaf: str) -> Implicit | None:
    shape = module.shape(leaf)
    if shape is None or len(shape) != 4:
        return None
    about = f"Categorical codes: the encoder gives a logit for each of {shape[0]:,} codes, and no vectors are stored."
    return Implicit(module.path, module.tree.source.container, "categorical (DALL-E)", shape[0], about)


def _inside(module: Module, name: str) -> str:
    return f"{module.path}.{name}" if module.path else name
