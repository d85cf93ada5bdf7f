"""The four panels of the side-by-side page: heads, and the places of the live data."""

from typing import Any

import streamlit as st

from app.compare.chosen import PLOTS, choose, choose_nothing, seeds_dropped, view_key, view_of
from app.links import compare as comparison
from app.live_plot.component import Grow, live_place
from app.live_plot.layout_progress import progress_place
from app.live_plot.picture import picture_place
from app.live_plot.words import words_place
from app.page_state import set_control
from app.panels.compare_parts import CURVES_HEIGHT
from app.panels.compare_scene import CompareScene
from app.panels.head import bar
from app.sessions.registry import registry

LOWEST_WINDOW = 900
"""Height in pixels at which the whole page is in view; a higher window gives its charts more."""

MAP_HEIGHT, BARS_HEIGHT = 164, 104
PICTURE_HEIGHT = CURVES_HEIGHT + 38
"""With the lines that stand below the curves."""

MAP_GROWS, BARS_GROW, CURVES_GROW = (
    Grow(LOWEST_WINDOW, share, gives) for share, gives in ((0.4, 30), (0.2, 8), (0.4, 26))
)

SEEDS_DROPPED = (
    "The trainings over {seeds} seeds have ended: newer ones took their place, or the server was restarted. "
    "*Train seeds* in the sidebar begins them again."
)


def map_panel(scene: CompareScene) -> list[str]:
    """The variants' P, C and Q in one plane, on axes with one scale; returns the keys of its places."""
    head = bar("compare-map")
    head.html("<div class='vq-panel'><h2>P · C · Q</h2></div>", width="content")
    with head.container(width="stretch", key="map-heading"):
        words_place(f"{PLOTS[0]}-legend")
    if scene.view.choice:
        head.button(
            "Clear the selection",
            icon=":material/close:",
            key="compare-clear",
            type="tertiary",
            help="Clear the selection; a double click on a chart does the same",
            on_click=choose_nothing,
        )
    has_planes = scene.first.codebook.shape[1] > 2
    if has_planes:
        head.button(
            "Fit the plane again",
            icon=":material/center_focus_strong:",
            key="compare-refit",
            type="tertiary",
            help="The plane is kept from turning under you. Fit it again to all variants at this moment.",
            on_click=scene.memory.ask_for_refit,
        )
    _colour_choice(head, scene)
    if has_planes:
        choose(head, "map", comparison.VIEWS["map"])
    choose(head, "aspect", comparison.VIEWS["aspect"])
    projection = registry().projection
    progress_place("compare-map-progress", cancel=_show_pca, start=projection.start)
    return [f"{PLOTS[0]}-legend", "compare-map-progress", *_chart(PLOTS[0], MAP_HEIGHT, MAP_GROWS)]


def _colour_choice(head: Any, scene: CompareScene) -> None:
    colours = [by for by in comparison.VIEWS["colour"] if by != "class" or scene.first.labels is not None]
    head.selectbox(
        "Colour by",
        colours,
        index=colours.index(chosen) if (chosen := view_of("colour")) in colours else 0,
        key=view_key("colour"),
        format_func="colour by {}".format,
        label_visibility="collapsed",
        width=150,
        persist_state="page",
    )


def _show_pca() -> None:
    """Give up a layout that the reader cancels."""
    set_control(view_key("map"), "PCA")


def bars_panel() -> list[str]:
    """How often each code of each variant was assigned; returns the keys of its places."""
    head = bar("compare-bars")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Code usage</h2></div>")
    choose(head, "scale", comparison.VIEWS["scale"])
    return _chart(PLOTS[1], BARS_HEIGHT, BARS_GROW)


def curves_panel(scene: CompareScene) -> list[str]:
    """One quantity of all variants through time, of this run or over seeds; returns the keys of its places."""
    runs = scene.seeds
    head = bar("compare-curves")
    head.container(width="stretch").html("<div class='vq-panel'><h2>Through time</h2></div>")
    choose(head, "curve", comparison.CURVES)
    placed = []
    if runs is not None:
        choose(head, "of", comparison.VIEWS["of"])
        placed.append("compare-seeds-progress")
        progress = bar("compare-seeds")
        with progress.container(width="stretch"):
            words_place("compare-seeds-progress", look="said")
        if runs.is_running:
            progress.button("Cancel", icon=":material/close:", key="compare-seeds-cancel", on_click=runs.cancel)
    if (plan := seeds_dropped()) is not None:
        st.caption(SEEDS_DROPPED.format(seeds=plan.seeds))
    return placed + _chart("compare-curves", CURVES_HEIGHT, CURVES_GROW)


def examples_panel(scene: CompareScene) -> list[str]:
    """What each variant makes of the same inputs; returns the keys of its places."""
    head = bar("compare-examples")
    heading = head.container(width="stretch")
    shows_picture = choose(head, "examples", comparison.VIEWS["examples"]) == "picture"
    outputs = "Answers" if scene.problem.task == "classification" else "Reconstructions"
    title = "Picture" if shows_picture else outputs
    heading.html(f"<div class='vq-panel'><h2>{title}</h2><span>held-out</span></div>")
    if not shows_picture:
        return _chart("compare-examples", CURVES_HEIGHT, CURVES_GROW)
    charts = {"map": PLOTS[0], "bars": PLOTS[1]}
    return picture_place(PLOTS[2], height=PICTURE_HEIGHT, grow=CURVES_GROW, charts=charts, several=True)


def table_panel() -> list[str]:
    """The newest numbers of all variants, and their differences from the first's; returns the keys of its places."""
    words_place("compare-table")
    words_place("compare-table-said", look="said")
    return ["compare-table", "compare-table-said"]


def _chart(key: str, height: int, grow: Grow) -> list[str]:
    live_place(key, height=height, grow=grow)
    words_place(f"{key}-said", look="said")
    return [key, f"{key}-said"]
