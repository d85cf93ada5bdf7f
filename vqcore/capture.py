"""The one place where tensors become the arrays of a snapshot."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor


def read_only(tensor: Tensor) -> NDArray[Any]:
    """A read-only copy of `tensor` in CPU memory; floats become float32."""
    tensor = tensor.detach()
    array = (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy().copy()
    array.flags.writeable = False
    return array
