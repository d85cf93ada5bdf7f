"""The cards of the start page: one for each start, with a picture of what will be seen."""

import base64
from collections.abc import Callable
from functools import cache
from pathlib import Path

import streamlit as st

from app.live.experiments import recorded_table
from app.live.state import FIRST_VIEW, live_state
from app.live.your_images import your_images_card
from app.panels.markup import markup
from app.sessions.entry import Entry
from app.sessions.registry import registry
from vqcore.starts.catalogue import STARTS
from vqcore.starts.recorded import recorded
from vqcore.starts.start import Start
from vqcore.training.recipe import Recipe

PHOTOGRAPHS = Path(__file__).with_name("photograph.jpg")
"""A held-out strip of the two photographs, of the start's own seed: original, at the pause, after *Affine*."""

CREDIT = (
    "Photographs: china.jpg by danielbuechele and flower.jpg by vultilion, on Flickr, CC BY 2.0, as they come with "
    "scikit-learn."
)


def begin_start(start: Start, recipe: Recipe | None = None) -> Entry:
    """Begin a session from `start`, which will pause itself; usage is shown through time."""
    state = live_state()
    state.first_view = {**(state.first_view or FIRST_VIEW), "bars": "time"}
    return registry().begin(start.recipe() if recipe is None else recipe, start=start)


def start_cards(begin: Callable[[Start | Recipe], None]) -> None:
    """Draw all cards; `begin` is called with the start of the one that is clicked, or with a recipe."""
    _, *places, _ = st.columns([1, *[5] * len(STARTS), 1], gap="small")
    for column, start in zip(places, STARTS, strict=True):
        with column.container(border=True, height="stretch", key=f"start-{start.name}"):
            st.button(start.title, on_click=begin, args=(start,), width="stretch")
            if picture := _picture(start.name):
                st.html(picture)
            st.markdown(start.about)
    _, middle, _ = st.columns([1, 5 * len(STARTS), 1])
    with middle:
        your_images_card(begin)
        st.caption(CREDIT)
        with st.expander("What is claimed of each, and on how many seeds it held", key="start-claims"):
            for start in STARTS:
                st.markdown(f"**{start.title}**")
                recorded_table(start)


@cache
def _picture(name: str) -> str:
    """The photographs, or a bar for each recorded experiment: its accuracy, or its loss beside the one left alone."""
    if name == "photograph":
        image = base64.b64encode(PHOTOGRAPHS.read_bytes()).decode()
        return markup("start_photograph", image=image)
    found = recorded(name)
    if found is None:
        return ""
    bars = []
    for experiment in found.table["experiments"]:
        seeds = experiment["seeds"]
        right = [each["accuracy"] for each in seeds]
        is_classifier = right[0] is not None
        values = right if is_classifier else [each["against"]["task_loss_ratio_below"] for each in seeds]
        middle = sorted(value for value in values if value is not None)[len(values) // 2]
        text = f"{middle:.0%}" if is_classifier else f"{middle:.2f}"
        bars.append((experiment["name"], text, middle))
    most = max(value for _, _, value in bars)
    unit = "right, median of 20 seeds" if is_classifier else "error / left alone, median of 20 seeds"
    return markup("start_bars", bars=[(name, text, 100 * value / most) for name, text, value in bars], unit=unit)
