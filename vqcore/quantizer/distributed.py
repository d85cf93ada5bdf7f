"""Sums and batches over all processes of `torch.distributed`, so that no codebook drifts from its copies.

With one process, everything here returns its arguments. Every process must call it equally often.
"""

import torch
import torch.distributed as dist
from torch import Tensor


def num_ranks() -> int:
    """How many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def summed(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Each tensor summed over all processes, in one exchange; the arguments stay as they are."""
    if num_ranks() == 1:
        return tensors
    together = torch.cat([tensor.flatten().double() for tensor in tensors])
    dist.all_reduce(together)
    parts = together.split([tensor.numel() for tensor in tensors])
    return tuple(part.view_as(tensor).to(tensor.dtype) for part, tensor in zip(parts, tensors, strict=True))


def gathered(rows: Tensor) -> Tensor:
    """The rows of all processes concatenated by rank; each process may contribute a different number."""
    if num_ranks() == 1:
        return rows
    sizes = rank_sizes(rows)
    padded = rows.new_zeros(max(sizes), *rows.shape[1:])
    padded[: len(rows)] = rows
    everyone = [torch.empty_like(padded) for _ in sizes]
    dist.all_gather(everyone, padded)
    return torch.cat([theirs[:size] for theirs, size in zip(everyone, sizes, strict=True)])


def rank_sizes(rows: Tensor) -> list[int]:
    """How many rows each process contributes, by rank."""
    if num_ranks() == 1:
        return [len(rows)]
    own = torch.tensor([len(rows)], device=rows.device)
    sizes = [torch.empty_like(own) for _ in range(num_ranks())]
    dist.all_gather(sizes, own)
    return [int(size) for size in sizes]


def rank() -> int:
    """Which of the processes this is, from 0."""
    return dist.get_rank() if num_ranks() > 1 else 0


def from_first(tensor: Tensor) -> Tensor:
    """The first process's `tensor`, on all of them."""
    if num_ranks() > 1:
        tensor = tensor.contiguous()
        dist.broadcast(tensor, 0)
    return tensor
