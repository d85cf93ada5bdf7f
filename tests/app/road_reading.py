"""The road of live data as the tests read it: written by hand from the description of the wire, not with its code."""

import json
import re
import struct
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
from page_runs import page_data
from streamlit.testing.v1 import AppTest

from app.sessions.registry import registry
from app.stream.asking import Ask, read_ask
from app.stream.frames import Frame, afterwards, frame_of

PADDING = 8


def read_headed(data: bytes, at: int) -> tuple[Any, int]:
    """The JSON that begins at `at`, and where what follows it begins."""
    (length,) = struct.unpack_from("<I", data, at)
    end = at + 4 + length
    return json.loads(data[at + 4 : end]), end + -end % PADDING


Arrays = dict[str, list[Any]]
"""The arrays of each part, by its key."""


def read_message(
    data: bytes, then: Mapping[int, Arrays] = MappingProxyType({})
) -> tuple[dict[str, Any], dict[str, Any], dict[str, str], Arrays]:
    """Header, and by key parts, revisions and arrays, given what the browser had at each of its requests."""
    header, begins = read_headed(data, 0)
    before = then.get(header["n"], {})
    places = {key: begins + at for key, _, at in header["parts"]}
    parts = {key: read_piece(data, at, before=before.get(key)) for key, at in places.items()}
    arrays = {key: read_arrays(data, at, before=before.get(key)) for key, at in places.items()}
    return header, parts, {key: revision for key, revision, _ in header["parts"]}, arrays


def read_piece(data: bytes, at: int = 0, *, before: list[Any] | None = None) -> Any:
    """The value of the piece at `at`, for a browser that has the arrays `before`."""
    told, _ = read_headed(data, at)
    return _with_arrays(told["value"], read_arrays(data, at, before=before))


def read_arrays(data: bytes, at: int = 0, *, before: list[Any] | None = None) -> list[Any]:
    """All arrays of the piece at `at`."""
    told, begins = read_headed(data, at)
    return [
        before[-1 - offset]
        if offset < 0
        else np.frombuffer(data, f"<{dtype}", int(np.prod(shape)), begins + offset).reshape(shape)
        for dtype, offset, shape in told["arrays"]
    ]


def _with_arrays(value: Any, arrays: list[Any]) -> Any:
    if isinstance(value, list):
        return [_with_arrays(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "$" in value:
        return arrays[value["$"]]
    return {key: _with_arrays(item, arrays) for key, item in value.items()}


def request(told: dict[str, Any], **changes: Any) -> str:
    """What a browser asks on behalf of a page that gave its conductor `told`."""
    asked = {name: told[name] for name in ("session", "view", "wanted")}
    return json.dumps({"n": 1, "have": {}, "controls": "", "hands": {}, "now": True} | asked | changes)


def ask_of(page: AppTest, conductor: str = "conductor", **changes: Any) -> Ask:
    return read_ask(request(page_data(page, conductor), **changes))


def frame(page: AppTest, conductor: str = "conductor", **changes: Any) -> Frame:
    """The frame that a browser with this page would be sent."""
    ask = ask_of(page, conductor, **changes)
    entry = registry().find_any(ask.session)
    assert entry is not None
    return frame_of(entry, ask)


def parts(page: AppTest, conductor: str = "conductor") -> dict[str, Any]:
    """What every element of the page shows, the verdict read."""
    ask = ask_of(page, conductor)
    entry = registry().find_any(ask.session)
    assert entry is not None
    afterwards(entry, ask)
    return {key: read_piece(data) for key, _, data in frame_of(entry, ask).parts}


def words(page: AppTest) -> str:
    """All that is said below the charts, without its markup."""
    told = " ".join(part["html"] for key, part in parts(page).items() if key.endswith("said"))
    return re.sub("<[^>]*>", "", told).replace("&#x27;", "'")
