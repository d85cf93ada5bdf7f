"""Exact nearest-code search that never holds all N · K distances."""

# N vectors, K codes, D features; a block has b chunks of n vectors, and k codes

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

FEW = 2**12
"""N · K · D up to which all scores are formed one by one, in float64: preparing blocks would take longer."""


class Block(NamedTuple):
    """The most that is scored at once: `chunks` · `vectors` against `codes`."""

    chunks: int
    vectors: int
    codes: int


SCORES_PER_CORE = 32_768
"""Less work than this is not worth another core; torch's own grain size."""


def nearest_codes(vectors: Tensor, codebook: Tensor) -> Tensor:
    """The code nearest to each vector in Euclidean distance; among equal codes the lowest index.

    Two other codes whose distances differ by less than float32's rounding may change places. The product runs in full
    float32 even if TF32 or bfloat16 products are allowed: its factors are then split into parts that those
    formats hold exactly, and no global setting is touched. Autocast changes nothing.

    Args:
        vectors: (N, D), any float dtype; the search runs in float32 at least.
        codebook: (K, D).

    Returns:
        (N,) int64 codes in 0…K−1, also for non-finite vectors. Memory beyond that is O(block · block)
        and one copy of the codebook, whatever N. On an accelerator nothing waits for the device.

    Raises:
        ValueError: if the widths differ or the codebook is empty.
    """
    if codebook.ndim != 2 or len(codebook) == 0 or vectors.ndim != 2 or vectors.shape[1] != codebook.shape[1]:
        raise ValueError(
            "`vectors` must be (N, D) and `codebook` (K, D) with K ≥ 1, but got shapes "
            f"{tuple(vectors.shape)} and {tuple(codebook.shape)}."
        )
    codes: Tensor = torch.ops.vqcore.nearest_codes(vectors.detach(), codebook.detach())
    return codes


def block_for(device: torch.device) -> Block:
    """How much to score at once: what stays in cache on the CPU (4 MB on up to four cores), else 256 MB.

    A core scores and reduces one chunk after the other, so its scores never leave its own cache. On an accelerator
    the blocks are large so that their launches cost little.
    """
    if device.type == "cpu":
        return Block(max(4, torch.get_num_threads()), 512, 512)
    return Block(1, 8192, 8192)


@torch.no_grad()
def search(vectors: Tensor, codebook: Tensor) -> Tensor:
    """What the operator runs; arguments are taken to be valid."""
    if len(vectors) == 0:
        return vectors.new_empty(0, dtype=torch.int64)
    if vectors.is_cpu and len(vectors) * codebook.numel() <= FEW:
        return _nearest_of_few(vectors.double(), codebook.double())
    dtype = torch.promote_types(torch.promote_types(vectors.dtype, codebook.dtype), torch.float32)
    split = dtype == torch.float32 and _products_are_shortened(vectors.device)
    centre, weights = _weights(codebook.to(dtype))  # (D,), (K, D + 1)
    if split:
        high, middle, low = _parts(weights)
        weights = torch.cat([high, middle, high, middle, low, high], 1)
    block = block_for(vectors.device)
    blocks = math.ceil(len(vectors) / (block.chunks * block.vectors))
    even = math.ceil(len(vectors) / (block.chunks * blocks))  # so that no chunk is mostly padding
    n = min(block.vectors, len(vectors), max(even, SCORES_PER_CORE // len(weights)))
    rows, k = block.chunks * n, min(block.codes, len(weights))
    buffer = weights.new_empty(rows * k)
    extended = weights.new_ones(rows, len(centre) + 1)  # [z − m, 1]
    codes = vectors.new_empty(len(vectors), dtype=torch.int64)
    for start in range(0, len(vectors), rows):
        some = vectors[start : start + rows]
        torch.sub(some, centre, out=extended[: len(some), :-1])
        inputs = extended
        if split:
            high, middle, low = _parts(extended)
            inputs = torch.cat([high, high, middle, middle, high, low], 1)
        chunks = inputs.view(block.chunks, n, -1)[: math.ceil(len(some) / n)]
        codes[start : start + rows] = _search_block(chunks, weights, buffer, k)[: len(some)]
    first = _first_of_equals(weights) if vectors.is_cpu else None
    return codes if first is None else first[codes]


def _nearest_of_few(vectors: Tensor, codebook: Tensor) -> Tensor:
    centre = codebook.mean(0)  # as in `_weights`
    codebook = codebook - centre
    half_norms = codebook.square().sum(1).mul_(0.5)
    products = (vectors - centre)[:, None] * codebook  # no matrix product: equal codes are to score equal
    return products.sum(2).sub_(half_norms).max(1).indices


def _first_of_equals(weights: Tensor) -> Tensor | None:
    """For each code the first one equal to it, (K,); None if all codes differ.

    On the CPU the scores of equal codes may differ in their last digit, by where they lie in a block. A sum along a
    row does not depend on the row's place: only codes of equal norms can be equal. Those are told apart by a sum in
    float64 in which every feature weighs differently.
    """
    norms, order = weights[:, -1].sort()
    is_next_same = norms[1:] == norms[:-1]
    if not is_next_same.any():
        return None
    suspects = order[F.pad(is_next_same, (1, 0)) | F.pad(is_next_same, (0, 1))].sort().values
    unlike = torch.arange(1, weights.shape[1] + 1, dtype=torch.float64).sqrt()
    _, group = (weights[suspects] * unlike).sum(1).unique(return_inverse=True)
    first = torch.full_like(suspects, len(weights)).scatter_reduce_(0, group, suspects, "amin")[group]
    return torch.arange(len(weights)).index_copy_(0, suspects, first)


def _weights(codebook: Tensor) -> tuple[Tensor, Tensor]:
    """The centre m, and weights so that weights @ [z − m, 1] is largest at the nearest code.

    argmin ‖z − c‖² = argmax z·c − ½‖c‖². Centred first: far from the origin the difference loses digits. The
    score is taken s² times, with s the power of two that brings the codebook to about 1, so that no square
    overflows or vanishes where the distance itself would not.
    """
    largest = codebook.abs().amax().clamp(2.0**-125, 2.0**125)
    scale = torch.exp2(-torch.log2(largest).floor())
    scaled = codebook * scale
    centre = scaled.mean(0)
    scaled = scaled - centre
    return centre / scale, torch.cat([scaled * scale, -0.5 * scaled.square().sum(1, keepdim=True)], 1)


def _search_block(chunks: Tensor, weights: Tensor, buffer: Tensor, k: int) -> Tensor:
    b, n, _ = chunks.shape
    best, where = [], []
    for some in weights.split(k):
        scores = buffer[: b * len(some) * n].view(b, len(some), n)
        torch.bmm(some.expand(b, -1, -1), chunks.mT, out=scores)  # `out` also keeps autocast away
        values, indices = _largest(scores)
        best.append(values)
        where.append(indices)
    if len(best) == 1:
        return where[0]
    winner = torch.stack(best).max(0, keepdim=True).indices
    return (torch.stack(where).gather(0, winner) + k * winner)[0]


def _largest(scores: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of each vector's scores (b, k, n) and the first code that has it, both (b · n,).

    On the CPU `max` along a dimension is scalar code. Pooling in channels-last order compares many vectors at a
    time and carries their indices along: seen as b images, codes are the height and vectors the channels.
    """
    b, k, n = scores.shape
    if scores.is_cpu:
        images = scores.as_strided((b, n, k, 1), (k * n, 1, n, n))
        values, indices = F.max_pool2d(images, (k, 1), return_indices=True)
    else:
        values, indices = scores.max(1)
    return values.flatten(), indices.flatten()


def _products_are_shortened(device: torch.device) -> bool:
    backend = torch.backends.cuda if device.type == "cuda" else torch.backends.mkldnn
    return backend.matmul.fp32_precision in ("tf32", "bf16")


def _parts(values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three bfloat16 numbers that add up to each float32; the products left out are below its rounding."""
    high = values.bfloat16().float()
    middle = (values - high).bfloat16().float()
    return high, middle, values - high - middle


def _search_fake(vectors: Tensor, codebook: Tensor) -> Tensor:
    return vectors.new_empty(len(vectors), dtype=torch.int64)


# An operator, so that `torch.compile` calls the search and does not look into it. `torch.library.custom_op` would
# import all of torch._dynamo at the first call, 3 seconds. A second import of this module keeps the first operator.
_library = torch.library.Library("vqcore", "FRAGMENT")
if not hasattr(torch.ops.vqcore, "nearest_codes"):
    _library.define("nearest_codes(Tensor vectors, Tensor codebook) -> Tensor")
    _library.impl("nearest_codes", search, "CompositeExplicitAutograd")
    torch.library.register_fake("vqcore::nearest_codes", _search_fake, lib=_library)
