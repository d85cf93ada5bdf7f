"""Copies from the model's device to the CPU, which the training's thread never waits for."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vqcore.probe.watched import Watched


def sent(tensor: Tensor) -> Tensor:
    """The tensor on the CPU; from CUDA its values arrive later, in pinned memory."""
    return tensor.to("cpu", non_blocking=tensor.device.type == "cuda")


def arrival(watched: Sequence[Watched]) -> Callable[[], None]:
    """What waits, in another thread, until everything sent so far has arrived."""
    devices = {table.device for one in watched for table in one.tables() if table.device.type == "cuda"}
    events = []
    for device in devices:
        event = torch.cuda.Event()
        event.record(torch.cuda.current_stream(device))
        events.append(event)

    def wait() -> None:
        for event in events:
            event.synchronize()

    return wait
