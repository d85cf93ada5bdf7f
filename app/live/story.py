"""The doctor's verdict on the Live page: the places of its line and its details, and remedies to apply."""

import streamlit as st

from app.live_plot.words import words_place
from app.panels.scene import Scene
from app.panels.verdict_words import in_force, thrown_by, verdict_of
from vqcore.training.commands import change


def verdict_places(scene: Scene) -> None:
    """The place of the verdict line; expanded, the reasons, and the remedies that can be applied now."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="verdict"):
        words_place("verdict-line")
        # Plain: a popover that tells the server of its closing would do so beside the click that closed it.
        with st.popover("Why", key="verdict-why", type="tertiary", help="Numbers, cause, remedies"):
            words_place("verdict-cause", look="why")
            _remedies(scene)


def _remedies(scene: Scene) -> None:
    """A button for each remedy that can be applied live."""
    is_past, recipe = scene.cursor is not None, scene.status.recipe
    verdict = verdict_of(scene, only_known=not is_past)  # the newest are read for the road
    if verdict is None or scene.entry.is_followed:
        return
    thrown = thrown_by(verdict)
    if not thrown:
        return
    with st.container(horizontal=True, gap="small", key="verdict-remedies"):
        for number, (remedy, changes) in enumerate(thrown):
            st.button(
                " ".join(remedy.ours),
                key=f"remedy-{verdict.findings[0].condition}-{number}",
                help="Go live first: in the past no switch can be thrown"
                if is_past
                else "Live, marked on the curves",
                disabled=is_past or in_force(changes, recipe),
                on_click=scene.entry.send,
                args=(change(**changes),),
            )
