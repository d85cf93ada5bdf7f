"""Figures as plain JSON: arrays become Plotly's typed arrays, small on the wire and quick to write."""

import base64
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

PLAIN = frozenset((str, int, bool, type(None)))

LONGEST_PLAIN = 8  # Plotly wants ranges and domains as lists, and short arrays cost nothing as such


def plot_data(figure: Mapping[str, Any]) -> dict[str, Any]:
    """What the browser needs to draw `figure`: its parts ready for JSON, and its sentence for screen readers."""
    parts = {part: figure[part] for part in ("data", "layout", "config") if part in figure}
    return {"figure": encode(parts), "alt": figure.get("alt", "")}


def in_base64(array: npt.NDArray[Any], dtype: str) -> Any:
    """An array as Plotly reads it out of JSON."""
    typed = {"dtype": dtype, "bdata": base64.b64encode(array.tobytes()).decode("ascii")}
    if array.ndim > 1:
        typed["shape"] = ", ".join(map(str, array.shape))
    return typed


def encode(value: Any, pack: Callable[[npt.NDArray[Any], str], Any] = in_base64) -> Any:
    """`value` with every numpy array and number made ready for JSON.

    A non-finite number becomes null, which Plotly draws as a gap. Floats keep 24 bits, whole
    numbers all of theirs. `pack` encodes an array, given with the name of its type.
    """
    if type(value) in PLAIN:  # most of a figure, and quicker asked than whether it is a mapping
        return value
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, np.ndarray):
        return _array(value, pack)
    if isinstance(value, dict | Mapping):
        return {key: encode(item, pack) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [item if type(item) in PLAIN else encode(item, pack) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _array(array: npt.NDArray[Any], pack: Callable[[npt.NDArray[Any], str], Any]) -> Any:
    if array.dtype.kind not in "biuf" or array.size <= LONGEST_PLAIN:
        return encode(array.tolist(), pack)
    if array.ndim > 3:
        raise ValueError(f"An array in a figure has at most 3 dimensions, but one has shape {array.shape}.")
    code = _dtype(array)
    with np.errstate(over="ignore"):  # beyond 24 bits' range a float becomes infinite: a gap, as above
        return pack(np.ascontiguousarray(array, dtype=f"<{code}"), code)


def _dtype(array: npt.NDArray[Any]) -> str:
    """The smallest of Plotly's types that holds every value."""
    if array.dtype.kind == "f":
        return "f4"
    if array.dtype.kind == "b":
        return "u1"
    low, high = int(array.min()), int(array.max())
    for code in ("u1", "i2", "i4"):
        limits = np.iinfo(code)
        if limits.min <= low and high <= limits.max:
            return code
    return "f8"  # browsers hold whole numbers exactly to 2**53
