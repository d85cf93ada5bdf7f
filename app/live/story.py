"""The band below the header: what happened, how the codebook is doing, and what can be done about it."""

import streamlit as st

from app.live.twin import throw
from app.live_plot.words import words_place
from app.panels.scene import Scene
from app.panels.verdict_words import in_force, remedied, thrown_by
from vqcore.training.commands import change

PLACES = ["story", "verdict-cause"]
"""The keys of what comes by the road of live data."""


def story_band(scene: Scene) -> list[str]:
    """Draw its places and the way to the reasons; returns the keys."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key="story-band"):
        words_place("story", look="story")
        # Plain: a popover that tells the server of its closing would do so beside the click that closed it.
        with st.popover("Why", key="verdict-why", type="tertiary", help="Numbers, cause, remedies"):
            words_place("verdict-cause", look="why")
            _remedies(scene)
            if scene.status.details:
                with st.expander("Traceback"):
                    st.code(scene.status.details, language="text")
    return PLACES


def _remedies(scene: Scene) -> None:
    """A button for each remedy that can be applied live."""
    is_past, recipe = scene.cursor is not None, scene.status.recipe
    verdict = remedied(scene)
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
                on_click=throw,
                args=(scene.entry, change(**changes)),
            )
