"""What was assigned to each code, over all processes."""

from torch import Tensor

from vqcore.quantizer.distributed import summed


def assigned_sums(vectors: Tensor, codes: Tensor, num_codes: int) -> tuple[Tensor, Tensor]:
    """How many of `vectors` (N, D) have each code, (K, 1), and their sums, (K, D)."""
    ones = vectors.new_ones(len(vectors), 1)
    counts = vectors.new_zeros(num_codes, 1).index_add_(0, codes, ones)
    sums = vectors.new_zeros(num_codes, vectors.shape[1]).index_add_(0, codes, vectors)
    counts, sums = summed(counts, sums)
    return counts, sums
