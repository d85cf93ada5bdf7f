"""The one place where tensors become a snapshot. Knows no training."""

from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from vqcore.snapshot import Event, History, Metrics, Snapshot


def read_only(tensor: Tensor) -> NDArray[Any]:
    """A copy of `tensor` in the CPU's memory that cannot be written to; floats become float32."""
    tensor = tensor.detach()
    array = (tensor.float() if tensor.is_floating_point() else tensor).cpu().numpy().copy()
    array.flags.writeable = False
    return array


def capture(
    *,
    variant: str,
    step: int,
    metrics: Metrics,
    history: History,
    events: tuple[Event, ...],
    monitor_of: int,
    window_batches: int,
    **tensors: Tensor,
) -> Snapshot:
    """A snapshot whose array fields are copies of `tensors`, which carry the fields' names."""
    arrays: dict[str, Any] = {name: read_only(tensor) for name, tensor in tensors.items()}

    return Snapshot(
        variant=variant,
        step=step,
        metrics=metrics,
        history=history,
        events=events,
        monitor_of=monitor_of,
        window_batches=window_batches,
        **arrays,
    )
