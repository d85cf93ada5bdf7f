"""Pooling of feature maps that keeps whole vectors."""

# B samples, D features, H × W positions, S = kernel_size² positions of a window, L windows

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.quantizer.options import check_whole


class _VecPool2d(nn.Module):
    def __init__(self, kernel_size: int = 3, stride: int = 2, padding: int = 2, dilation: int = 1) -> None:
        """Raise ValueError for a size below 1 or padding below 0."""
        super().__init__()
        for name, value, low in (
            ("kernel_size", kernel_size, 1),
            ("stride", stride, 1),
            ("padding", padding, 0),
            ("dilation", dilation, 1),
        ):
            check_whole(name, value, low, 1_000_000)
        self.kernel_size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation

    def forward(self, x: Tensor) -> Tensor:
        """Pool `x` (B, D, H, W) to (B, D, H', W'), with sizes as in `torch.nn.MaxPool2d`.

        Raises:
            ValueError: if `x` does not have four dimensions, or is smaller than one window.
        """
        reach = self.dilation * (self.kernel_size - 1) + 1
        if x.ndim != 4 or min(x.shape[2:]) + 2 * self.padding < reach:
            raise ValueError(
                f"`x` must be (B, D, H, W) with H and W at least {max(1, reach - 2 * self.padding)}, but has shape "
                f"{tuple(x.shape)}. Pad it, or use a smaller `kernel_size`."
            )
        height, width = ((size + 2 * self.padding - reach) // self.stride + 1 for size in x.shape[2:])
        with torch.no_grad():
            lengths = self._windows(x.norm(dim=1, keepdim=True))  # (B, S, L)
            weights = self._weights(lengths).unsqueeze(1)
        vectors = self._windows(x).unflatten(1, (x.shape[1], -1))  # (B, D, S, L)
        pooled: Tensor = (weights * vectors).sum(2).unflatten(-1, (height, width))
        return pooled

    def _windows(self, x: Tensor) -> Tensor:
        return F.unfold(x, self.kernel_size, self.dilation, self.padding, self.stride)

    def _weights(self, lengths: Tensor) -> Tensor:
        raise NotImplementedError


class MaxVecPool2d(_VecPool2d):
    """The longest vector of each window; the first in a tie."""

    def _weights(self, lengths: Tensor) -> Tensor:
        return torch.zeros_like(lengths).scatter_(1, lengths.argmax(1, keepdim=True), 1)


class SoftMaxVecPool2d(_VecPool2d):
    """The mean of each window's vectors, weighted by the softmax of their lengths; padding has length 0.

    No gradient goes through the weights.
    """

    def _weights(self, lengths: Tensor) -> Tensor:
        return lengths.softmax(1)
