"""A grid for a codebook: what finite scalar quantization rounds to."""

# K codes, D features, L values of each feature

import torch
from torch import Tensor


def grid(num_codes: int, dim: int) -> Tensor:
    """All (K, D) points of which every feature is one of L equally spaced values from −1 to 1, K = L^D.

    The nearest of them to a vector within ±1 is that vector with each feature rounded by itself. With z_e bounded by
    tanh and codes that stay, that is FSQ (Mentzer et al., arXiv 2309.15505, section 3.1) with its values placed
    symmetrically for any L (Parker et al., arXiv 2411.19842, section 3.2): there is no codebook to learn.

    Raises:
        ValueError: if K is not L^D for an L of at least 2.
    """
    values = torch.linspace(-1, 1, values_of_grid(num_codes, dim))
    return torch.cartesian_prod(*[values] * dim).view(num_codes, dim)


def values_of_grid(num_codes: int, dim: int) -> int:
    """L, how many values each feature has.

    Raises:
        ValueError: as `grid`.
    """
    values: int = round(num_codes ** (1 / dim))
    if values < 2 or values**dim != num_codes:
        possible = [f"{base**dim:,}" for base in (2, 3, 4)] if dim <= 16 else []
        those = f", for example {', '.join(possible)}" if possible else ""
        raise ValueError(
            f"`num_codes` must be L^{dim} for code_init=grid, with L of at least 2 values for each of its {dim} "
            f"features{those}, but got {num_codes}. More groups make fewer features."
        )
    return values
