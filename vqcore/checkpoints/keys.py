"""What a key tells: wrappers to strip, words that name a quantizer, and a codebook's place among others."""

import re
from typing import Literal, NamedTuple

Structure = Literal[
    "single",
    "residual",
    "groups",
    "grouped residual",
    "heads",
    "stacked levels",
    "separate levels",
    "groups or levels",
]

WRAPPERS = frozenset({"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"})
"""Path parts that DDP, AveragedModel, torch.compile, FSDP and activation checkpointing insert into keys."""

AVERAGES = frozenset({"ema_model", "model_ema", "autoencoder_ema", "ema", "teacher_ema"})
"""Path parts that hold an average of the weights."""

QUANTIZER_WORD = re.compile(r"quant(?!ile|it|um)|codebook|codevec|(?<![a-z])r?vq(?!a)|(^|_)rq(_|$)", re.IGNORECASE)

LEVEL_LISTS = frozenset(
    {"layers", "quantizers", "codebooks", "vq_layers", "level_blocks", "quantization_layer_list", "quantizer_layers"}
)

EARLIER_STAGES = ("rvq_first", "semantic", "quantize_t", "vq_t")
LATER_STAGES = ("rvq_rest", "acoustic", "quantize_b", "vq_b")


NEAREST = 3
"""A level's number is among this many last path parts; further up, numbers count layers of the model."""


class Place(NamedTuple):
    """A codebook's place among others, from its key."""

    structure: Structure = "single"
    level: int | None = None
    group: int | None = None
    stage: str = ""
    """The path part that distinguishes first from rest, semantic from acoustic, top from bottom."""


def stripped(key: str) -> str:
    """`key` without the prefixes of model wrappers.

    >>> stripped("module.encoder._orig_mod.quantize.embedding.weight")
    'encoder.quantize.embedding.weight'
    """
    if not any(wrapper in key for wrapper in WRAPPERS):
        return key
    return ".".join(part for part in key.split(".") if part not in WRAPPERS)


def skeleton(key: str) -> str:
    """`key` with `#` for every number, wherever it stands.

    >>> skeleton("vq2.levels.0.codebook_1")
    'vq#.levels.#.codebook_#'
    """
    return re.sub(r"\d+", "#", key)


def names_quantizer(path: str) -> bool:
    """Whether the last part of a module's path, but for an index, names a quantizer.

    >>> names_quantizer("model.quantize"), names_quantizer("vq_layers.0"), names_quantizer("vqa_head")
    (True, True, False)
    """
    parts = [part for part in path.split(".") if not part.isdecimal()]
    return bool(parts) and QUANTIZER_WORD.search(parts[-1]) is not None


def any_names_quantizer(path: str) -> bool:
    """Whether any part of a module's path names a quantizer."""
    return any(QUANTIZER_WORD.search(part) for part in path.split("."))


def place_of(path: str) -> Place:
    """The place of the module at `path` among others of its kind.

    >>> place_of("rvqs.1.layers.2._codebook")
    Place(structure='grouped residual', level=2, group=1, stage='')
    """
    parts = path.split(".")
    indexed = [(parts[at - 1], int(part)) for at, part in enumerate(parts) if at and _is_index(part)]
    near = any(_is_index(part) for part in parts[-NEAREST:])
    stage = next((part for part in parts if part.startswith(EARLIER_STAGES + LATER_STAGES)), "")
    if stage and not indexed:
        return Place("separate levels", int(stage.startswith(LATER_STAGES)), None, stage)
    name, index = indexed[-1] if indexed else ("", 0)
    if name in ("quantizer_modules", "quantizer_modules2"):  # HiFi-Codec: the list is the level
        return Place("grouped residual", int(name.endswith("2")), index)
    if name not in LEVEL_LISTS or not near:
        return Place(stage=stage)
    if name == "level_blocks":
        return Place("separate levels", index)
    if len(indexed) > 1 and indexed[-2][0] == "rvqs":
        return Place("grouped residual", index, indexed[-2][1], stage)
    return Place("residual", index, None, stage)


def _is_index(part: str) -> bool:
    return part.isdecimal() and part.isascii() and len(part) < 7
