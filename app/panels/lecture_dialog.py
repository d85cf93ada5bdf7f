"""The dialog that builds a lecture link: what is shown, locked and hidden, and the link."""

from collections.abc import Mapping

import streamlit as st

from app.doors.visitor import shared_link
from app.links import lecture
from app.links import live as address
from app.links.lecture import GROUPS, Group, Limits, Preset
from app.panels.lecture_places import has_dialog, keep_dialog
from app.wording import LECTURE_HELP
from vqcore.starts.catalogue import PHOTOGRAPH

SHOW, LOCK, HIDE = "show", "lock", "hide"
COLLAPSING = PHOTOGRAPH.recipe(seed=0)
"""Settings of a run that loses all but two of its codes within seconds, and does not find them again by itself."""

ABOUT = (
    "Everybody who opens it gets a run of their own. Hiding and locking keep a page calm; they protect "
    "nothing, since the link can be edited."
)


def lecture_link(page: str, here: Mapping[str, str]) -> None:
    """The button that opens the dialog, which stays until it is dismissed, whatever has the page's script run.

    `here` is the query of what is on the page now.
    """
    st.button(
        "Lecture link …",
        icon=":material/school:",
        key="lecture",
        help=LECTURE_HELP,
        on_click=keep_dialog,
        args=(True,),
        width="stretch",
    )
    if has_dialog():
        _dialog(page, here)


@st.dialog("Lecture link", width="large", on_dismiss=lambda: keep_dialog(False))
def _dialog(page: str, here: Mapping[str, str]) -> None:
    """Choose what a lecture link of `page` shows."""
    presets = {preset.title: preset for preset in lecture.presets(page)}
    title = st.selectbox("Begin from", list(presets), key="lecture-preset")
    preset = presets[title]
    groups = GROUPS[page]
    halves = st.columns(2, gap="medium")
    half = -(-len(groups) // 2)
    chosen = {
        name: _choice(halves[number // half], name, group, list(presets).index(title), preset)
        for number, (name, group) in enumerate(groups.items())
    }
    limits = Limits(
        frozenset(name for name, choice in chosen.items() if choice == HIDE),
        frozenset(name for name, choice in chosen.items() if choice == LOCK),
    )
    run = address.write(None, COLLAPSING, {}, paused=False) if preset.collapses else here
    link = shared_link({**run, **lecture.write(limits, page)}, safe=",")
    st.code(link, language=None, wrap_lines=True)
    st.caption(ABOUT)


def _choice(place: st.delta_generator.DeltaGenerator, name: str, group: Group, number: int, preset: Preset) -> str:
    """A row for one group with its title and three choices, recreated for each preset."""
    row = place.container(horizontal=True, vertical_alignment="center", gap="small", key=f"lecture-row-{name}")
    row.container(width="stretch").html(f"<div class='vq-panel'>{group.title}</div>")
    first = HIDE if name in preset.limits.hidden else LOCK if name in preset.limits.locked else SHOW
    choice: str = row.segmented_control(
        group.title,
        (SHOW, LOCK, HIDE) if group.lockable else (SHOW, HIDE),
        default=first,
        key=f"lecture-{number}-{name}",
        required=True,
        label_visibility="collapsed",
    )
    return choice
