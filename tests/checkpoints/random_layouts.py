"""Checkpoints of quantizers under names drawn at random, and of models that have none.

By themselves: `python tests/checkpoints/random_layouts.py --layouts 500 --models 200` opens as many and says which
were read rightly. Values come from a small training by moving averages.
"""

# K codes, D features, L levels

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

State = dict[str, Tensor]
Generator = np.random.Generator


class Layout(NamedTuple):
    """A state dict and what is in it."""

    family: str
    state: State
    codebooks: tuple[tuple[str, int, int], ...]
    """Key, K and D of every codebook, once for each table of a stack."""


QUANTIZERS = (
    *("quantize", "quantizer", "vq", "vq_layer", "vector_quantizer", "_vq", "rvq", "quantization", "vqvae.quantizer"),
    *("codebook_layer", "vector_quantization", "bottleneck.vq", "VectorQuantizer", "quantizer_module", "vq_embed"),
    *("model.quant", "tokenizer.quantizer", "motion_vq", "quantize_layer", "rq", "discretizer", "residual_quantizer"),
)
TABLES = (
    *("codebook", "embedding", "embeddings", "embed", "codes", "codewords", "code_vectors", "centroids"),
    *("dictionary", "entries", "vectors", "emb", "codebook_vectors", "_codebook", "code_embedding", "e", "w"),
    *("prototypes", "atoms", "codevectors", "centers", "embd", "_embeddings", "code_book", "lut", "codebook_embed"),
)
CALLED_SO = ("codebook", "codes", "codewords", "code_vectors", "codevectors", "_codebook0", "codebook_embeddings")
EMBEDDINGS = ("embedding", "embeddings", "codebook", "emb", "embed", "code_embedding", "_embedding", "codes", "dict")
COUNTS = (
    *("cluster_size", "ema_count", "ema_cluster_size", "usage", "usage_count", "vocab_usage", "codewords_freqs"),
    *("code_count", "counts", "cluster_usage", "code_usage", "embed_prob", "hits", "stale_counter", "code_age", "N"),
)
SUMS = ("ema_w", "embed_avg", "ema_embed", "ema_weight", "embed_sum", "ema_dw", "codebook_avg", "running_sum")
FLAGS = ("inited", "initialized", "initted", "data_initialized", "init_done", "_need_init")
LISTS = ("layers.{}", "quantizers.{}", "codebooks.{}", "levels.{}", "level_{}", "vq{}", "stages.{}.vq", "q_{}")
WRAPPERS = ("", "module.", "model.", "_orig_mod.", "tokenizer.", "autoencoder.model.", "net.generator.")


def trained(
    generator: Generator, num_codes: int, dim: int, *, unit: bool = False
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A codebook (K, D) after 12 steps of moving averages on a mixture, with its counts (K,) and sums (K, D)."""
    centres = 2 * generator.standard_normal((num_codes // 2 + 2, dim))

    def batch() -> np.ndarray:
        chosen = centres[generator.integers(len(centres), size=4 * num_codes)]
        vectors = chosen + 0.4 * generator.standard_normal(chosen.shape)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True) if unit else vectors

    table = batch()[:num_codes]
    counts, sums = np.ones(num_codes), table.copy()
    for _ in range(12):
        vectors = batch()
        codes = (np.square(table).sum(1) - 2 * vectors @ table.T).argmin(1)
        hits, totals = np.bincount(codes, minlength=num_codes), np.zeros_like(table)
        np.add.at(totals, codes, vectors)
        counts, sums = 0.8 * counts + 0.2 * hits, 0.8 * sums + 0.2 * totals
        table = sums / np.maximum(counts, 1e-5)[:, None]
        if unit:
            table /= np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-12)
    return table, counts, sums


def one_of(generator: Generator, names: tuple[str, ...]) -> str:
    return names[generator.integers(len(names))]


def _size(generator: Generator) -> tuple[int, int]:
    return int(generator.choice([32, 48, 64, 100, 128, 256])), int(generator.choice([4, 6, 8, 16, 24]))


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))


def _count(generator: Generator, name: str, counts: np.ndarray) -> Tensor:
    if name in ("stale_counter", "code_age"):
        return torch.from_numpy(generator.integers(0, 40, counts.shape))
    if name in ("usage_count", "code_count", "hits") and generator.random() < 0.5:
        return torch.from_numpy(np.round(100 * counts).astype(np.int64))
    return _tensor(counts / counts.sum() if name == "embed_prob" else counts)


def _parameter(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    key = f"{where}.{one_of(generator, TABLES)}"
    return Layout("parameter", {key: _tensor(trained(generator, size, dim)[0])}, ((key, size, dim),))


def _embedding(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    key = f"{where}.{one_of(generator, EMBEDDINGS)}.weight"
    return Layout("embedding", {key: _tensor(trained(generator, size, dim)[0])}, ((key, size, dim),))


def _averages(generator: Generator) -> Layout:
    """With counts, sums and a flag, in a module that need not be called a quantizer if the table is."""
    (size, dim), named = _size(generator), generator.random() < 0.75
    where = one_of(generator, QUANTIZERS) if named else one_of(generator, ("bottleneck", "tokenizer", "latent"))
    table, counts, sums = trained(generator, size, dim)
    key = f"{where}.{one_of(generator, TABLES if named else CALLED_SO)}"
    count = one_of(generator, (*COUNTS[:3], "N"))
    state = {
        key: _tensor(table),
        f"{where}.{count}": _count(generator, count, counts),
        f"{where}.{one_of(generator, SUMS)}": _tensor(sums),
    }
    if generator.random() < 0.6:
        state[f"{where}.{one_of(generator, FLAGS)}"] = torch.tensor([1.0])
    return Layout("averages", state, ((key, size, dim),))


def _counted(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    table, counts, _ = trained(generator, size, dim)
    is_embedding, count = generator.random() < 0.5, one_of(generator, COUNTS)
    leaf = f"{one_of(generator, EMBEDDINGS)}.weight" if is_embedding else one_of(generator, TABLES)
    key = f"{where}.{leaf}"
    return Layout(
        "counted",
        {key: _tensor(table), f"{where}.{count}": _count(generator, count, counts)},
        ((key, size, dim),),
    )


def _projected(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    key = f"{where}.{one_of(generator, TABLES)}"
    before, after = ("in_proj", "out_proj") if generator.random() < 0.5 else ("project_in", "project_out")
    state = {
        f"{where}.{before}.weight": torch.randn(dim, 4 * dim + 1),
        f"{where}.{before}.bias": torch.randn(dim),
        key: _tensor(trained(generator, size, dim)[0]),
        f"{where}.{after}.weight": torch.randn(4 * dim + 1, dim),
        f"{where}.{after}.bias": torch.randn(4 * dim + 1),
    }
    return Layout("projected", state, ((key, size, dim),))


def _levels(generator: Generator) -> Layout:
    """A number for each level, in any place of the key."""
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    place, leaf, is_embedding = one_of(generator, LISTS), one_of(generator, TABLES[:8]), generator.random() < 0.5
    count = one_of(generator, COUNTS[:8]) if generator.random() < 0.5 else ""
    state: State = {}
    found = []
    for level in range(int(generator.integers(2, 6))):
        inside = f"{where}.{place.format(level)}"
        key = f"{inside}.{leaf}.weight" if is_embedding else f"{inside}.{leaf}"
        table, counts, _ = trained(generator, size, dim)
        state[key] = _tensor(table)
        found.append((key, size, dim))
        if count:
            state[f"{inside}.{count}"] = _count(generator, count, counts)
    return Layout("levels", state, tuple(found))


def _numbered(generator: Generator) -> Layout:
    """Tables of one module with numbers at the end of their names, or in a list of parameters."""
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    leaf = one_of(generator, ("codebook_{}", "codebook{}", "embedding{}", "codebooks.{}", "embeds.{}", "codes_{}"))
    keys = [f"{where}.{leaf.format(level)}" for level in range(int(generator.integers(2, 5)))]
    state = {key: _tensor(trained(generator, size, dim)[0]) for key in keys}
    return Layout("numbered", state, tuple((key, size, dim) for key in keys))


def _stack(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    levels = int(generator.integers(2, 9))
    drawn = [trained(generator, size, dim) for _ in range(levels)]
    key = f"{where}.{one_of(generator, TABLES[:12])}"
    state = {key: _tensor(np.stack([one[0] for one in drawn]))}
    if generator.random() < 0.5:
        state[f"{where}.{one_of(generator, COUNTS[:3])}"] = _tensor(np.stack([one[1] for one in drawn]))
    return Layout("stack", state, ((key, size, dim),) * levels)


def _leading_one(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    key = f"{where}.{one_of(generator, TABLES)}"
    return Layout("leading one", {key: _tensor(trained(generator, size, dim)[0][None])}, ((key, size, dim),))


def _codes_first(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    size, groups = max(size, 100), int(generator.integers(2, 5))
    drawn = [trained(generator, size, dim)[0] for _ in range(groups)]
    key = f"{where}.{one_of(generator, TABLES[:12])}"
    return Layout("codes first", {key: _tensor(np.stack(drawn, 1))}, ((key, size, dim),) * groups)


def _turned(generator: Generator) -> Layout:
    """Codes as columns; with something that tells, or more codes than features."""
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    table, counts, _ = trained(generator, size, dim)
    key, count = f"{where}.{one_of(generator, TABLES)}", one_of(generator, COUNTS[:8])
    state = {key: _tensor(table.T)}
    if generator.random() < 0.5:
        state[f"{where}.{count}"] = _count(generator, count, counts)
    return Layout("turned", state, ((key, size, dim),))


def _keys_and_values(generator: Generator) -> Layout:
    (size, dim), leaf = _size(generator), one_of(generator, TABLES[:10])
    ways = ("k_quantizer", "v_quantizer") if generator.random() < 0.5 else ("key_vq", "value_vq")
    keys = [f"blocks.{block}.attn.{way}.{leaf}" for block in range(2) for way in ways]
    state = {key: _tensor(trained(generator, size, dim)[0]) for key in keys}
    return Layout("keys and values", state, tuple((key, size, dim) for key in keys))


def _unit(generator: Generator) -> Layout:
    (size, dim), where = _size(generator), one_of(generator, QUANTIZERS)
    key = f"{where}.{one_of(generator, TABLES)}"
    return Layout("cosine", {key: _tensor(trained(generator, size, dim, unit=True)[0])}, ((key, size, dim),))


def _at_the_root(generator: Generator) -> Layout:
    """Without a module around it, beside an encoder or alone."""
    (size, dim), key = _size(generator), one_of(generator, CALLED_SO)
    return Layout("root", {key: _tensor(trained(generator, size, dim)[0])}, ((key, size, dim),))


FAMILIES: tuple[Callable[[Generator], Layout], ...] = (
    *(_parameter, _embedding, _averages, _counted, _projected, _levels, _numbered, _stack),
    *(_leading_one, _codes_first, _turned, _keys_and_values, _unit, _at_the_root),
)


def _encoder(generator: Generator) -> State:
    """Layers before and after, of the kinds that hold no codebook."""
    width = int(generator.choice([12, 20, 40]))
    layers: State = {}
    for name in ("encoder", "decoder"):
        for index in range(int(generator.integers(1, 4))):
            layers[f"{name}.layers.{index}.conv.weight"] = torch.randn(width, width, 3)
            layers[f"{name}.layers.{index}.conv.bias"] = torch.randn(width)
            layers[f"{name}.layers.{index}.norm.weight"] = torch.ones(width)
            layers[f"{name}.layers.{index}.attn.qkv.weight"] = torch.randn(3 * width, width)
            layers[f"{name}.layers.{index}.mlp.fc1.weight"] = torch.randn(4 * width, width)
    layers["decoder.pos_embedding"] = torch.randn(1, 16, width)
    return layers


def wrapped(generator: Generator, state: State, prefix: str) -> State:
    """In another order, under the wrapper's `prefix`, in a dtype of its own."""
    dtype = (torch.float32, torch.float32, torch.float16, torch.bfloat16, torch.float64)[generator.integers(5)]
    keys = [str(key) for key in generator.permutation(list(state))]
    return {f"{prefix}{key}": state[key].to(dtype) if state[key].is_floating_point() else state[key] for key in keys}


def random_layout(seed: int) -> Layout:
    """The layout of that number: families take turns, all else is drawn."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    family, state, codebooks = FAMILIES[seed % len(FAMILIES)](generator)
    prefix = "" if family == "root" else one_of(generator, WRAPPERS)
    others = {} if family == "root" and generator.random() < 0.5 else _encoder(generator)
    state = wrapped(generator, state | others, prefix)
    return Layout(family, state, tuple((f"{prefix}{key}", size, dim) for key, size, dim in codebooks))


def random_model(seed: int) -> State:
    """Tables of many kinds, none of which is a codebook."""
    generator = np.random.default_rng(seed)
    torch.manual_seed(seed)
    width, many = int(generator.choice([8, 16, 32])), int(generator.choice([40, 100, 300]))
    table, column = (lambda: torch.randn(many, width)), (lambda: torch.rand(many))
    kinds: tuple[State, ...] = (
        {"embedding.weight": table(), "lm_head.weight": table()},
        {"model.embed_tokens.weight": table(), "model.embed_positions.weight": table()},
        {"speaker_embedding.weight": table(), "speaker_counts": column()},
        {"attn.relative_position_bias_table": table(), "attn.rel_pos_emb": table()},
        {"head.prototypes.weight": table(), "head.prototypes_usage": column()},
        {"prototypes": table(), "prototype_counts": column()},
        {"moe.router.weight": table(), "moe.expert_usage": column()},
        {"layers.0.ffn.gate.weight": table(), "layers.0.ffn.expert_counts": column()},
        {"memory.keys": table(), "memory.values": table(), "memory.usage": column(), "memory.age": column()},
        {"ivf.centroids": table(), "ivf.list_sizes": column()},
        {"index.centroids": table(), "index.counts": column()},
        {"kmeans.cluster_centers_": table(), "kmeans.cluster_counts": column()},
        {"vit.register_tokens": torch.randn(1, 8, width), "vit.cls_token": torch.randn(1, 1, width)},
        {"pool.centroids": table(), "pool.conv.weight": torch.randn(many, width, 1, 1)},
        {"user_embedding.weight": table(), "item_embedding.weight": table(), "item_counts": column()},
        {"queue": table().T, "queue_ptr": torch.zeros(1)},
        {"class_embed.weight": table(), "label_emb.weight": table()},
        {"center_loss.centers": table(), "center_loss.count": column()},
        {"quant_model.fc.weight": table(), "quant_model.act_scale": column()},
        {"word_embeddings.weight": table(), "token_type_embeddings.weight": table()},
        {"detr.query_embed.weight": table(), "detr.class_head.weight": table()},
        {"ema_model.embedding.weight": table(), "ema_model.fc.weight": table()},
        {"codec.decoder.embedding.weight": table(), "language_codes_embed.weight": table()},
        {"nca.bank": table(), "nca.bank_age": column()},
        {"vq_free.encoder.layers.0.linear.weight": table(), "vqa.answer_embedding.weight": table()},
    )
    state: State = {}
    for index in generator.permutation(len(kinds))[: int(generator.integers(2, 6))]:
        state |= kinds[index]
    return wrapped(generator, state | _encoder(generator), one_of(generator, WRAPPERS))


def save(state: State, path: Path, generator: Generator) -> Path:
    """Bare, or as training code keeps it."""
    kind = int(generator.integers(3))
    torch.save(state if kind == 0 else {"state_dict" if kind == 1 else "model": state, "epoch": 3}, path)
    return path


def misread(layout: Layout, path: Path) -> str:
    """What is wrong with how the file at `path` is read; empty if nothing is."""
    from vqcore.checkpoints.reader import open_checkpoint

    found = Counter((book.key, book.num_codes, book.dim) for book in open_checkpoint(path).codebooks)
    return "" if found == Counter(layout.codebooks) else f"{dict(found)} for {dict(Counter(layout.codebooks))}"


def invented(path: Path) -> str:
    """The keys of codebooks that are examined in the file at `path`, which has none."""
    from vqcore.checkpoints.reader import open_checkpoint

    return ", ".join(book.key for book in open_checkpoint(path).codebooks)


def main() -> int:
    """Read the layouts and models that are asked for, and say which were read wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layouts", type=int, default=500)
    parser.add_argument("--models", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="seed of the first")
    options = parser.parse_args()
    wrong: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.pt"
        for seed in range(options.first, options.first + options.layouts):
            layout = random_layout(seed)
            if said := misread(layout, save(layout.state, path, np.random.default_rng(seed))):
                wrong[layout.family] += 1
                print(f"layout {seed} ({layout.family}): {said}", flush=True)
        false = 0
        for seed in range(options.first, options.first + options.models):
            if said := invented(save(random_model(seed), path, np.random.default_rng(seed))):
                false += 1
                print(f"model {seed}: {said}", flush=True)
    right = options.layouts - wrong.total()
    print(f"{right} of {options.layouts} layouts read rightly; wrong: {dict(wrong)}")
    print(f"{false} of {options.models} models without a codebook have one examined")
    return int(right < 0.95 * options.layouts or false > 0)


if __name__ == "__main__":
    sys.exit(main())
