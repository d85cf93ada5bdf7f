"""How much memory tensors take, and its way back to the system."""

import ctypes
import gc
from collections.abc import Iterable

from torch import Tensor


def bytes_of(tensors: Iterable[Tensor | None]) -> int:
    """Of all their storages; one that several share counts once."""
    storages = [tensor.untyped_storage() for tensor in tensors if tensor is not None]
    return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())


def give_back() -> None:
    """Return to the system what is free. The C library, where it is glibc, keeps it for the thread that frees it."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
