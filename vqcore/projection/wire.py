"""The messages between the server and the UMAP process, and their encoding on a pipe; never pickle.

A message is eight bytes (the lengths of header and body, little-endian), a JSON header that names the
message and holds its plain fields, and a body: its float32 arrays one after the other.
"""

# N points, D features

import json
import math
import struct
from dataclasses import dataclass, fields
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]

_LENGTHS = struct.Struct("<II")
_HEADER_LIMIT = 1 << 16
_BODY_LIMIT = 1 << 30


class WireError(Exception):
    """What came through the pipe is not a message."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FitRequest:
    """Lay these points out; with `n_epochs` None the worker chooses the length of the fit.

    Attributes:
        points: (N, D).
        start: The layout to begin from, (N, 2), rows in the order of `points`; None for a cold start.
        resettle: The start has other parameters: begin from it, but with a cold start's number of epochs and rate.
    """

    id: int
    points: Float32
    start: Float32 | None = None
    n_neighbors: int = 15
    min_dist: float = 0.1
    seed: int = 0
    n_epochs: int | None = None
    resettle: bool = False


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FitResult:
    """The layout of request `id`: `coordinates` (N, 2), the seconds it took, and where it began.

    Attributes:
        trust: The fields of a `Trust`; None for too few points.
    """

    id: int
    coordinates: Float32
    seconds: float
    warm: bool
    trust: tuple[float, int, int, int] | None = None


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class FitError:
    """Why request `id` got no layout."""

    id: int
    sentence: str


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Cancel:
    """Nobody waits for request `id` any more; it is answered with `Cancelled` unless it is finished already."""

    id: int


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Cancelled:
    """Request `id` was cancelled on request."""

    id: int


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Progress:
    """Progress of request `id`: `done` of `total` epochs; 0 while neighbours are being searched."""

    id: int
    done: int
    total: int


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Ready:
    """The worker has compiled what it needs and now answers requests."""

    seconds: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Alive:
    """The worker runs, whatever it is doing; said every `ALIVE_EVERY` seconds."""


ALIVE_EVERY = 1.0

Answer = FitResult | FitError | Cancelled
Message = FitRequest | Cancel | Progress | Answer | Ready | Alive
_KINDS: dict[str, type[Message]] = {
    kind.__name__: kind for kind in (FitRequest, FitResult, FitError, Cancel, Cancelled, Progress, Ready, Alive)
}


def write_message(stream: BinaryIO, message: Message) -> None:
    """Write `message` completely, even to an unbuffered pipe that accepts it in parts."""
    values = {field.name: getattr(message, field.name) for field in fields(message)}
    arrays = {name: value for name, value in values.items() if isinstance(value, np.ndarray)}
    plain = {name: value for name, value in values.items() if name not in arrays}
    shapes = {name: array.shape for name, array in arrays.items()}
    header = json.dumps({"kind": type(message).__name__, "plain": plain, "shapes": shapes}).encode()
    body = b"".join(array.astype("<f4").tobytes() for array in arrays.values())
    left = memoryview(_LENGTHS.pack(len(header), len(body)) + header + body)
    while left:
        left = left[stream.write(left) or 0 :]
    stream.flush()


def read_message(stream: BinaryIO) -> Message | None:
    """The next message, its arrays read-only; None if the stream ends between two messages.

    Raises:
        WireError: if the bytes are not a message, are too many, or end inside one.
    """
    start = _read(stream, _LENGTHS.size)
    if not start:
        return None
    header_length, body_length = _LENGTHS.unpack(_whole(start, _LENGTHS.size))
    if header_length > _HEADER_LIMIT or body_length > _BODY_LIMIT:
        raise WireError(f"A message of {header_length} + {body_length} bytes is beyond the limit.")
    header = _whole(_read(stream, header_length), header_length)
    body = _whole(_read(stream, body_length), body_length)
    try:
        return _decode(json.loads(header), body)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WireError(f"A message could not be read: {error}") from error


def _decode(header: dict[str, Any], body: bytes) -> Message:
    kind = _KINDS[header["kind"]]
    values: dict[str, Any] = dict(header["plain"])
    offset = 0
    for name, shape in header["shapes"].items():
        values[name] = np.frombuffer(body, "<f4", math.prod(shape), offset).reshape(shape)
        offset += values[name].nbytes
    return kind(**values)


def _read(stream: BinaryIO, count: int) -> bytes:
    parts, missing = [], count
    while missing and (part := stream.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _whole(part: bytes, count: int) -> bytes:
    if len(part) != count:
        raise WireError(f"The pipe closed after {len(part)} of {count} bytes.")
    return part
