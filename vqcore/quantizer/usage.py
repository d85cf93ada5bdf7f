"""How evenly codes are used, measured on the device that has counted them."""

# K codes

import torch
from torch import Tensor


def perplexity(counts: Tensor) -> Tensor:
    """`vqcore.diagnostics.usage.perplexity` of counts (K,), as a scalar that no copy to the processor waits for.

    >>> perplexity(torch.tensor([5, 5, 0, 0])).item()
    2.0
    """
    entropy: Tensor = torch.special.entr(counts / counts.sum()).sum()
    return entropy.exp()
