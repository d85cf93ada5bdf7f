"""The place of the picture on a page: made once, then only repainted with what comes by the live WebSocket."""

from collections.abc import Mapping

import streamlit as st

from app.live_plot.browser_code import PLACED, as_it_stands, javascript
from app.live_plot.component import Grow, told

PICTURE = (
    "palette.js",
    "numbers.js",
    "picture_painting.js",
    "picture_marks.js",
    "picture_file.js",
    "picture_views.js",
    "picture_hand.js",
    "picture.js",
)

_mount = st.components.v2.component(
    "vq_picture",
    js=javascript(*PICTURE, *PLACED),
    css=as_it_stands("picture.css"),
    isolate_styles=False,
)


def picture_place(
    key: str, *, height: int, charts: Mapping[str, str], grow: Grow | None = None, several: bool = False
) -> list[str]:
    """The place of a picture; returns the keys of the parts that it needs. See `component.last_hand` for clicks.

    Args:
        key: names the element and its data; the images themselves come as `key`-given, and where its places lie on
            the map, while a hand is on it, as `key`-places.
        height: in pixels.
        charts: keys of the charts on which a place is marked: `map` and `bars`.
        grow: makes it higher in a high window, and lower in a low one.
        several: whether those charts show several variants.
    """
    data = {
        "road": key,
        "givenKey": f"{key}-given",
        "placesKey": None if several else f"{key}-places",
        "height": height,
        "grow": told(grow),
        "charts": dict(charts),
        "several": several,
    }
    _mount(key=key, data=data, on_selection_change=lambda: None)
    return [key, f"{key}-given"]
