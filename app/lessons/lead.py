"""What the reader has for a class: the link with its QR code, the pooled guesses, and a pointer."""

import segno
import streamlit as st

from app.doors.visitor import is_reached_by_others, shared_link
from app.lessons import text as lesson_text
from app.links import lessons as lesson_address
from app.live_plot.words import words_place
from app.page_state import said_by
from app.panels.class_parts import POINTER, TALLY
from app.panels.lesson_layout import rows
from app.panels.lesson_parts import slots_of
from app.sessions.class_room import ClassRoom
from app.sessions.lesson_run import LessonRun
from demos.lesson import Step

ABOUT = (
    "Whoever opens it sees the step that you are at, and guesses on a device of their own. No names are asked, and "
    "nothing of yours can be changed."
)
ALONE = "Only this machine opens it. Start the server with `vqscope --address 0.0.0.0` for others on your network."
POINT = "class-point"
PATHS = "lesson-paths"
TITLES = {
    "map": "map",
    "usage": "usage",
    "curves": "curves",
    "examples": "inputs",
    "compare": "side by side",
    "arrows": "arrows",
    "toy": "toy",
}


def class_popover(place: st.delta_generator.DeltaGenerator, room: ClassRoom) -> None:
    """The link by which a class follows."""
    with place.popover("Class", icon=":material/groups:", type="tertiary", key="lesson-class"):
        link = shared_link(lesson_address.write_follow(room.id))
        st.caption(ABOUT)
        st.code(link, language=None, wrap_lines=True)
        if is_reached_by_others():
            st.html(lesson_text.qr_code(qr_picture(link)))
        else:
            st.caption(ALONE)


def qr_picture(link: str) -> str:
    """The address of a picture that holds `link` as a QR code, with the quiet zone that readers need."""
    return str(segno.make(link, micro=False).svg_data_uri(scale=5, border=4, dark="#000", light="#fff"))


def class_keys(run: LessonRun) -> list[str]:
    """The places of what the class does, where there is one."""
    return [TALLY, POINTER] if run.room.is_open else []


def lead_class(run: LessonRun, step: Step) -> None:
    """The class's guesses and the pointer, once there is a class."""
    if not run.room.is_open:
        return
    words_place(TALLY)
    words_place(POINTER)
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-class-tools"):
        if run.is_asking and not run.room.shows(run.question):
            st.button(
                "Show the guesses",
                icon=":material/bar_chart:",
                key="class-show",
                type="tertiary",
                on_click=run.room.show,
                args=(run.question,),
            )
        titles = pointed_at(step)
        st.selectbox(
            "Point at",
            list(titles),
            index=None,
            format_func=lambda key: titles[key],
            placeholder="Point at …",
            key=f"{POINT}-{run.number}",
            on_change=_point,
            args=(run, f"{POINT}-{run.number}"),
            label_visibility="collapsed",
        )


def pointed_at(step: Step) -> dict[str, str]:
    """The elements of a step that can be pointed at, by key, in the words of a reader."""
    if "paths" in step.panels:
        return {PATHS: "paths"}
    slots = [slot for row in rows(step.panels, len(step.shows)) for slot in slots_of(step, row)]
    several = len(step.shows) > 1
    return {
        f"panel-{slot.key}": f"{TITLES[slot.panel]}, {slot.training}"
        if several and slot.training
        else TITLES[slot.panel]
        for slot in slots
    }


def _point(run: LessonRun, key: str) -> None:
    run.room.point(run.question, said_by(key))
