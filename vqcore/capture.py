"""The one place where tensors become what a snapshot holds. Knows no training."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor


def read_only(tensor: Tensor) -> NDArray[Any]:
    """A copy of `tensor` in the CPU's memory that cannot be written to; floats become float32."""
    tensor = tensor.detach()
    array = (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy().copy()
    array.flags.writeable = False
    return array
