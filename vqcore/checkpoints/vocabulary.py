"""Words that training code calls codebooks, their statistics and other tables by."""

import re
from collections.abc import Iterable
from functools import lru_cache

from vqcore.checkpoints.keys import QUANTIZER_WORD

NEVER = re.compile(
    r"tok\w*_emb|wte|wpe|embed_tokens|pos\w*_?emb|class_emb|label_emb|token_type|word_emb|lm_head|time_emb|speaker|"
    r"lvl_embed|patch_embed|text_emb|speech_emb|mel_emb|generation_embeddings|relative|rotary|item_|user_|register|"
    r"weight_[ih]h|weight_integer|weight_[gv]$|original[01]$|lora_|router|gate\b|experts?\b|moe\b|\bivf|"
    r"mem(?:ory)?_?(?:keys|values|bank)|\bkeys?$|\bvalues?$|lang\w*_|position|segment|token(?!iz)"
)
"""Tables of tokens, positions and labels, gates and key-value memories; recurrent and quantized weights."""

QUANTIZER_TOO = frozenset({"discretizer", "discretiser", "discretize", "discretization", "pq", "dvae"})
"""Words of modules that hold a codebook, besides those that `QUANTIZER_WORD` finds."""

STRONG = frozenset({"codebook", "codebooks", "codes"})
CODE_VECTORS = re.compile(r"code_?(vector|word|book|vec)", re.IGNORECASE)
MEDIUM = frozenset(
    {
        *("embed", "embeds", "embedding", "embeddings", "emb", "embs", "embd", "code", "vectors", "entries", "atoms"),
        *("centroid", "centroids", "center", "centers", "centre", "centres", "dictionary", "dict", "lut", "table"),
        *("prototypes", "means", "cb"),
    }
)
WEAK = frozenset({"weight", "w", "e", "data", "c", "values"})
"""Words of a table, by how much they say. The last count only in a module that is called a quantizer."""

SUMMED = frozenset(
    {"ema", "avg", "average", "averages", "sum", "sums", "dw", "momentum", "running", "accum", "acc", "moving", "old"}
)
COUNTED = frozenset(
    {
        *("count", "counts", "cnt", "counter", "usage", "usages", "used", "use", "freq", "freqs", "frequency"),
        *("hits", "hit", "size", "sizes", "prob", "probs", "n", "histogram", "hist", "utilization", "occupancy"),
    }
)
AGED = frozenset({"age", "ages", "stale", "staleness", "since", "idle", "unused", "last"})
OTHERWISE = frozenset({"mean", "var", "variance", "std", "mask", "grad", "scale", "bias", "shift", "temperature"})
"""Words of statistics, none of which is ever a codebook: sums, counts, ages, and what is about neither."""

LAYER = frozenset(
    {
        *("proj", "projs", "projection", "projector", "linear", "lin", "fc", "conv", "convs", "norm", "attn", "mlp"),
        *("attention", "query", "key", "value", "q", "k", "v", "ffn", "dense", "encoder", "decoder", "head", "gate"),
        *("classifier", "logits", "bn", "ln", "rnn", "lstm", "gru", "transformer", "blocks", "block", "upsample"),
        *("downsample", "mask", "query", "queries", "transform", "affine", "pre", "post", "to", "lookup"),
    }
)
"""Words of layers, whose weights are no codebooks even within a quantizer."""

LATENTS = frozenset(
    {"z", "ze", "latent", "latents", "features", "activations", "hidden", "x", "inputs", "outputs", "samples"}
)
"""Words of what goes into a quantizer, and not of its table."""

INITIALIZED = re.compile(r"init")

MOST_KEPT = 1 << 12
"""Path parts whose words are kept: a file of 100,000 tensors repeats a few hundred."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


@lru_cache(MOST_KEPT)
def words(part: str) -> frozenset[str]:
    """The words of one path part, in lower case.

    >>> sorted(words("_emaCluster_size2"))
    ['cluster', 'ema', 'size']
    """
    return frozenset(word.lower() for word in _WORD.findall(part))


@lru_cache(MOST_KEPT)
def is_quantizer(part: str) -> bool:
    """Whether a path part names a quantizer."""
    return QUANTIZER_WORD.search(part) is not None or not QUANTIZER_TOO.isdisjoint(words(part))


def is_statistic(leaf: str) -> bool:
    """Whether a tensor of that name is about a codebook, and none itself."""
    return any(not group.isdisjoint(words(leaf)) for group in (SUMMED, COUNTED, AGED, OTHERWISE))


def named(path: Iterable[str]) -> list[str]:
    """The parts of a path that are names and not numbers."""
    return [part for part in path if not part.isdecimal()]
