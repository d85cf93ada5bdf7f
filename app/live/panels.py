"""The four panels of the Live page: heads, and below them the places of the live data."""

import streamlit as st

from app.live.film import film_places
from app.live.heads import bars_head, curves_head, examples_head, map_head
from app.live.view_controls import view_key
from app.live_plot.code_card import card_place
from app.live_plot.component import Grow, live_place
from app.live_plot.layout_progress import progress_place
from app.live_plot.picture import picture_place
from app.live_plot.words import words_place
from app.page_state import set_control
from app.panels.chart import LOWER, UPPER
from app.panels.scene import Scene
from app.sessions.registry import registry

LOWEST_WINDOW = 900
"""Height in pixels at which the whole page is in view; a higher window gives its charts more."""

SAID = 38
"""Height in pixels of the lines below a chart, which the picture has within it."""

GROWS = {UPPER: Grow(LOWEST_WINDOW, 0.56, gives=58), LOWER: Grow(LOWEST_WINDOW, 0.44, gives=35)}
GIVES = {UPPER: 62, LOWER: 48}
"""What a chart gives to the experiments of a start, so that the page is still in view whole."""


def panels(scene: Scene) -> list[str]:
    """Draw them; returns the keys of the places."""
    kinds = ((map_panel, bars_panel), (curves_panel, examples_panel))
    placed: list[str] = []
    for row, names in zip(kinds, (("map", "bars"), ("curves", "examples")), strict=True):
        columns = st.columns([0.56, 0.44], gap="small")
        for panel, name, column in zip(row, names, columns, strict=True):
            with column.container(border=True, height="stretch", key=f"panel-{name}"):
                placed += panel(scene)
    return placed


def map_panel(scene: Scene) -> list[str]:
    """P, C and Q of the level shown, in one plane."""
    map_head(scene)
    progress_place("map-progress", cancel=_show_pca, start=registry().projection.start)
    return ["map-progress", *_chart(scene, "map", UPPER, inputs="map-inputs")]


def bars_panel(scene: Scene) -> list[str]:
    """How codes are used."""
    bars_head(scene)
    return _chart(scene, "bars", UPPER)


def curves_panel(scene: Scene) -> list[str]:
    """Curves through time."""
    curves_head(scene)
    return [*_chart(scene, "curves", LOWER, behind="curves-behind"), "curves-behind"]


def examples_panel(scene: Scene) -> list[str]:
    """The card of the chosen code, or held-out inputs with the model's outputs and the codes in between."""
    examples_head(scene)
    if scene.shows_card:
        card_place("code-card", height=_height(scene, LOWER))
        words_place("card-said", look="said")
        return ["code-card", "card-said"]
    if scene.shows_picture:
        charts = {"map": "map-plot", "bars": "bars-plot"}
        return [
            *picture_place("picture", height=_height(scene, LOWER) + SAID, grow=GROWS[LOWER], charts=charts),
            *film_places(scene),
        ]
    if scene.problem.task == "plane":
        words_place("examples-table", height=_height(scene, LOWER))
        return ["examples-table"]
    return _chart(scene, "examples", LOWER)


def _height(scene: Scene, height: int) -> int:
    return height - GIVES[height] if scene.status.experiments else height


def _chart(scene: Scene, name: str, height: int, behind: str = "", inputs: str = "") -> list[str]:
    keys = [f"{name}-plot", f"{name}-said"]
    live_place(keys[0], height=_height(scene, height), grow=GROWS[height], behind=behind, inputs=inputs)
    words_place(keys[1], look="said")
    return keys


def _show_pca() -> None:
    """Cancel a layout that the map no longer needs."""
    set_control(view_key("map"), "PCA")
