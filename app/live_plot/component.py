"""A Plotly figure that stays on the page: new data moves it, and zoom and selection outlive the update."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import streamlit as st

from app.live_plot.browser_code import LIVE_PLOT, as_it_stands, javascript
from app.live_plot.encoding import plot_data
from app.live_plot.plotly_script import script_name
from app.page_state import said_by, state_of

PNG = "data:image/png;base64,"

Ids = Mapping[str, Sequence[int]]

_mount = st.components.v2.component(
    "vq_live_plot",
    js=as_it_stands("live_plot_place.js"),
    css=as_it_stands("live_plot.css"),
    isolate_styles=False,
)
_mount_preload = st.components.v2.component(
    "vq_preload_plotly",
    js=javascript(*LIVE_PLOT, "stage.js", "preload.js"),
    css=as_it_stands("skip_link.css"),
    isolate_styles=False,
)


@dataclass(frozen=True, slots=True)
class Hand:
    """One action of the reader on a chart."""

    at: int
    """When, in milliseconds of the browser's clock, which tells it from the previous one."""

    ids: Ids
    """Selected ids by role."""

    adds: bool
    """Whether it adds to the previous selection."""

    clears: bool
    """Whether it was a double click, which clears the selection."""


@dataclass(frozen=True, slots=True)
class Grow:
    """Lets a chart grow in a high window, and shrink a little in a low one."""

    above: int
    """Height of the window in pixels above which it grows."""

    share: float
    """Its share of each further pixel."""

    gives: int = 0
    """Pixels that it loses at most, at the same share, in a lower window."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the reader picked: ids by role, as in ``{"P": (3, 17), "Q": (5,)}``; empty: nothing."""

    ids: Mapping[str, tuple[int, ...]]

    def of(self, role: str) -> tuple[int, ...]:
        """The picked ids of one role."""
        return self.ids.get(role, ())

    def __bool__(self) -> bool:
        return any(self.ids.values())


def live_plot(
    figure: Mapping[str, Any],
    *,
    key: str,
    height: int,
    grow: Grow | None = None,
    revision: int | str | None = None,
    selectable: bool | Literal["box", "click"] = False,
    selected: Ids | None = None,
    file_name: str = "",
    on_hand: Callable[[], Any] = lambda: None,
) -> Selection:
    """Draw `figure` in place and return what the reader has selected in it. The page has called `preload_plotly`.

    Passing the same unchanged dict again costs next to nothing.

    Args:
        figure: a plain dict of ``data`` and ``layout``, numpy arrays and colour roles (`app.theme.role`)
            welcome; ``alt`` is a sentence for screen readers. A trace whose points can be selected
            carries their ids, whole numbers, in ``customdata`` and says what they are in
            ``meta={"role": "P"}``. A heat map of bytes that stand for numbers on a log scale says how to read
            them in ``meta={"logCells": {"low", "high", "shades", "zero", "unit"}}``: shade 1 is 10^low, the last
            10^high, and hovering tells the number. A ``scattergl``, for clouds of thousands, is painted on a
            canvas above everything else: linear axes, ``markers`` or ``lines``, the symbols of painting.js.
        key: names the element; the same key keeps the same chart.
        height: in pixels.
        grow: makes it higher in a high window; None: the same height everywhere.
        revision: an unchanged one tells the browser that there is nothing to draw.
        file_name: name of the saved PNG, SVG or CSV, without an extension; `key` by
            default. A CSV has a row for each point of the traces that have a name (of all, where none
            has); ``meta={"columns": {"customdata": "code", "text": "times used"}}`` names its columns.
        selectable: whether lasso, box and click select points; or box and click, or click alone. An outline, which
            has no points that Plotly selects, gives the rows that lie between the sides of a box.
        selected: what the page treats as selected; it replaces what this chart shows as selected when it
            changes, but not before the page knows what the reader last did here. None: the reader's own selection.
        on_hand: called, as a widget's callback, when the reader has selected.
    """
    data = {
        "script": script_name(),
        "fileName": file_name or key,
        "height": height,
        "grow": told(grow),
        "revision": revision,
        "selectable": "all" if selectable is True else selectable,
        "selected": _plain(selected),
        "kept": _kept(key).get("ids"),
        "answered": _kept(key).get("hand", {}).get("at"),
    }
    state = _mount(key=key, data=_written(figure, key, data), on_selection_change=on_hand)
    chosen = (state.get("selection") or {}).get("ids", {})
    return Selection({role: tuple(map(int, ids)) for role, ids in chosen.items()})


def live_place(key: str, *, height: int, grow: Grow | None = None, behind: str = "", inputs: str = "") -> None:
    """The place of a chart whose data, from `plot_part` under the same key, come by the live WebSocket.

    Args:
        key: names the element.
        height: in pixels.
        grow: as in `live_plot`.
        behind: the key of `traces` that lie behind those of every moment and come by themselves; empty: none.
        inputs: the key of the inputs that the vectors of role P come from, shown to a hand on one; empty: none.
    """
    rest = {
        "script": script_name(),
        "road": key,
        "behind": behind,
        "inputs": inputs,
        "height": height,
        "grow": told(grow),
        "kept": _kept(key).get("ids"),
    }
    _mount(key=key, data=f"[null, {json.dumps(rest)}]".encode(), on_selection_change=lambda: None)


def plot_part(
    figure: Mapping[str, Any],
    *,
    revision: str,
    file_name: str,
    selectable: str | bool = False,
    selected: Ids | None = None,
    is_late: bool = False,
) -> dict[str, Any]:
    """What is sent to a chart's place, with its arrays; the arguments are those of `live_plot`.

    One that `is_late` shows an earlier moment than the page does, and is dimmed.
    """
    parts = {part: figure[part] for part in ("data", "layout", "config") if part in figure}
    return {
        "figure": {**parts, "data": [_with_picture(trace) for trace in figure["data"]]},
        "alt": figure.get("alt", ""),
        "revision": revision,
        "fileName": file_name,
        "selectable": selectable,
        "selected": _plain(selected),
        "late": is_late,
    }


def told(grow: Grow | None) -> dict[str, float] | None:
    """`grow` as the browser reads it."""
    return None if grow is None else {"from": grow.above, "share": grow.share, "gives": grow.gives}


def _with_picture(trace: Mapping[str, Any]) -> Mapping[str, Any]:
    """`trace` with its picture as bytes, a quarter smaller than base64. The browser undoes it."""
    source = trace.get("source", "")
    if not source.startswith(PNG):
        return trace
    return {**trace, "source": np.frombuffer(base64.b64decode(source.removeprefix(PNG)), np.uint8)}


def _plain(selected: Ids | None) -> dict[str, list[int]] | None:
    return None if selected is None else {role: [*map(int, ids)] for role, ids in selected.items()}


@dataclass(slots=True)
class WrittenPlots:
    """The last figure of each element, by its key, and what was written of it. Changed in place."""

    by_key: dict[str, tuple[Mapping[str, Any], str]] = field(default_factory=dict)


def _written(figure: Mapping[str, Any], key: str, rest: Mapping[str, Any]) -> bytes:
    """Everything that the browser needs, as JSON. The same figure object is not encoded again.

    As bytes, because Streamlit passes those on as they are, but checks each value of a mapping for tables.
    """
    kept = state_of(WrittenPlots).by_key
    if key not in kept or kept[key][0] is not figure:
        kept[key] = figure, json.dumps(plot_data(figure))
    return f"[{kept[key][1]}, {json.dumps(rest)}]".encode()


def last_hand(key: str) -> Hand | None:
    """What the reader last did on this element, known before it is drawn again; None: nothing yet."""
    hand = _kept(key).get("hand")
    return None if hand is None else Hand(hand["at"], hand["ids"], hand["adds"], hand["clears"])


def _kept(key: str) -> Mapping[str, Any]:
    return said_by(key, {}).get("selection") or {}


def preload_plotly() -> None:
    """Give the browser, once per page, what every chart needs: its code and Plotly's 5 MB of script."""
    _mount_preload(key="preload-plotly", data={"script": script_name()})
