"""Small controls of the map's head: find codes, colour and layers, and clear the selection."""

from typing import Any

import streamlit as st

from app.figures.map_layers import LAYERS, read_layers
from app.links import live as address
from app.links.selection import Choice, Focus
from app.links.selection_text import read_codes
from app.live import choice as choice_state
from app.live.state import live_state
from app.live.view_controls import view_key
from app.page_state import said_by
from app.sessions.entry import Entry
from vqcore.diagnostics.code_facts import class_of_codes, codes_by_age, codes_by_use
from vqcore.diagnostics.usage import count_codes
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot

ORDERS = ("used most", "used least", "unused for longest")


def find_key(name: str) -> str:
    """The key of one control of the search."""
    return f"find-{name}"


def find_codes(place: Any, entry: Entry, snapshot: Snapshot, problem: Problem, focus: Focus) -> None:
    """A search by number, by order of use or age, and by class."""
    with place.popover("Find codes", icon=":material/search:", help="Find codes", type="tertiary", key="find"):
        st.text_input(
            "Codes",
            placeholder=f"for example 17, or 3, 7-9; from 0 to {snapshot.num_codes - 1:,}",
            key=find_key("number"),
            on_change=_find_number,
            args=(entry, snapshot.level),
        )
        order, many = st.columns([0.66, 0.34], gap="small", vertical_alignment="bottom")
        order.selectbox("Codes that are", ORDERS, key=find_key("order"))
        many.number_input("How many", 1, snapshot.num_codes, value=1, step=1, key=find_key("many"))
        st.button(
            "Choose these", on_click=_find_by_order, args=(entry, snapshot.level), width="stretch", key="find-go"
        )
        if snapshot.labels is not None:
            st.selectbox(
                "Codes used mostly for class",
                problem.classes,
                index=None,
                key=find_key("class"),
                on_change=_find_class,
                args=(entry, snapshot.level, problem),
                help="Codes for which most assigned held-out vectors come from inputs of this class.",
            )
        if focus.pins:
            st.button("Remove all pins", on_click=choice_state.unpin_all, width="stretch", key="unpin")
        if focus.sentence:
            st.warning(focus.sentence)


def look_of_map(place: Any, snapshot: Snapshot) -> None:
    """Choice of what the colours mean and which layers are shown."""
    state = live_state()
    with place.popover(
        "Colours, layers, pace", icon=":material/palette:", help="Colours, layers, pace", type="tertiary", key="look"
    ):
        colours = [by for by in address.VIEWS["colour"] if by != "class" or snapshot.labels is not None]
        st.segmented_control(
            "Colour by",
            colours,
            default=colour if (colour := state.first("colour")) in colours else colours[0],
            key=view_key("colour"),
            required=True,
            persist_state="page",
        )
        st.pills(
            "Layers",
            LAYERS,
            selection_mode="multi",
            default=[name for name in LAYERS if name in read_layers(state.first("layers"))],
            key=view_key("layers"),
            persist_state="page",
        )
        st.segmented_control(
            "Scale of the axes",
            address.VIEWS["aspect"],
            default=state.first("aspect"),
            key=view_key("aspect"),
            required=True,
            persist_state="page",
            help="*free*: the points fill the map. *equal*: a length is as long in x as in y.",
        )
        st.segmented_control(
            "Frames a second",
            address.VIEWS["rate"],
            default=state.first("rate"),
            key=view_key("rate"),
            required=True,
            persist_state="page",
            help="How often, at most, the charts follow a running training. Each frame slows it down a little.",
        )
        st.caption(
            "links: from each z_e, or each chosen one, to its code vector · 1σ: ellipses · paths: codes, mean of P"
        )


def let_go(place: Any, focus: Focus) -> None:
    """A button that clears the selection, if there is one."""
    if focus.choice or focus.sentence:
        place.button(
            "Clear the selection",
            icon=":material/close:",
            key="clear",
            type="tertiary",
            help="Clear the selection; Escape and a double click on a chart do the same",
            on_click=choice_state.clear,
        )


def _find_number(entry: Entry, level: int) -> None:
    snapshot = entry.one.latest(level=level)
    wanted: str = said_by(find_key("number"))
    if snapshot is None or not wanted.strip():
        return
    try:
        codes = read_codes(wanted, snapshot.num_codes)
    except ValueError as error:
        choice_state.refuse(str(error))
    else:
        choice_state.choose(Choice(level, codes=codes))


def _find_by_order(entry: Entry, level: int) -> None:
    snapshot = entry.one.latest(level=level)
    if snapshot is None:
        return
    by, many = said_by(find_key("order")), said_by(find_key("many"))
    ordered = (
        codes_by_age(snapshot.steps_unused)
        if by == ORDERS[2]
        else codes_by_use(count_codes(snapshot.codes, snapshot.num_codes), most=by == ORDERS[0])
    )
    choice_state.choose(Choice(level, codes=tuple(sorted(ordered[:many].tolist()))))


def _find_class(entry: Entry, level: int, problem: Problem) -> None:
    snapshot, wanted = entry.one.latest(level=level), said_by(find_key("class"))
    if snapshot is None or snapshot.vector_labels is None or wanted is None:
        return
    fires_on = class_of_codes(snapshot.codes, snapshot.vector_labels, snapshot.num_codes)
    codes = (fires_on == problem.classes.index(wanted)).nonzero()[0].tolist()
    choice_state.choose(Choice(level, codes=tuple(codes)))
    if not codes:
        choice_state.refuse(f"No code is used mostly for class {wanted} at the moment.")
