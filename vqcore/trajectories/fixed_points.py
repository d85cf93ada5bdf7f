"""The paper's toy of the affine map: points that stay, codes beside them, and how many codes ever move."""

# N points, K codes

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from vqcore.capture import read_only
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.options import Options

POINTS, CODES, UPDATES, RATE = 512, 128, 20, 0.1
P_VARIANCE, C_VARIANCE, C_MEAN = 0.5, 0.3, -1.0
STILL = 1e-9
"""A code that moved less than this has not moved."""


class FixedPoints(NamedTuple):
    """The toy on one seed: where the points are, and where the codes were after each update."""

    points: NDArray[np.float32]
    """(N, 2)"""

    codes: NDArray[np.float32]
    """(1 + `UPDATES`, K, 2), from the start on."""

    def moved(self, updates: int = UPDATES) -> NDArray[np.bool_]:
        """(K,) which codes are elsewhere than at the start after so many updates."""
        ways: NDArray[np.floating] = np.linalg.norm(self.codes[updates].astype(float) - self.codes[0], axis=1)
        return ways > STILL


def fixed_points(seed: int, *, affine: bool) -> FixedPoints:
    """`UPDATES` steps of gradient descent of the codes alone on the commitment loss, with or without a learned map.

    P is N(0, ½·I) and C is N((−1, −1), 0.3·I), as in Huh et al. 2023. The paper writes β = 0 for what is β = 1 here:
    all of the loss goes to the codebook.
    """
    draw = torch.Generator().manual_seed(seed)
    points = P_VARIANCE**0.5 * torch.randn(POINTS, 2, generator=draw)
    codes = C_MEAN + C_VARIANCE**0.5 * torch.randn(CODES, 2, generator=draw)
    options = Options(alpha=1.0, beta=1.0, affine="learned" if affine else "off")
    quantizer = VectorQuantizer(CODES, 2, options, generator=draw)
    quantizer.place_(codes)
    parameters, seen = list(quantizer.parameters()), [read_only(codes)]
    for _ in range(UPDATES):
        gradients = torch.autograd.grad(quantizer(points).commitment_loss, parameters, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if gradient is not None:
                    parameter.sub_(gradient, alpha=RATE)
        seen.append(read_only(quantizer.codebook()))
    return FixedPoints(read_only(points), np.stack(seen))


def share_moved(seed: int, *, affine: bool) -> float:
    """Share of the codes that have moved after all `UPDATES`."""
    return float(fixed_points(seed, affine=affine).moved().mean())
