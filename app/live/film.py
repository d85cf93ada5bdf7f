"""The film of the timeline, to be made, watched in the making and saved."""

from functools import partial
from typing import Any

import streamlit as st

from app.links.live_view import View
from app.live_plot.words import words_place
from app.panels.picture_film import film_file, film_of
from app.panels.scene import Scene, scene_of
from app.sessions.entry import Entry
from app.sessions.films import films

ABOUT = (
    "An animated GIF of the moments on the timeline: picture, map and usage, with step and switch on each. "
    "*PNG* in the panel saves the picture shown."
)


def film_popover(head: Any, scene: Scene) -> None:
    """A button that opens what can be done about the film."""
    entry, view = scene.entry, scene.view
    with head.popover(
        "Save as GIF", icon=":material/movie:", help="Save as an animated GIF", type="tertiary", key="film"
    ):
        st.caption(ABOUT)
        job = films().of(entry.id)
        if job is not None and job.is_running:
            words_place(FILM_SAID)
            st.button("Cancel", icon=":material/close:", key="film-cancel", on_click=job.cancel)
            return
        words = "Make it" if job is None else "Make it again"
        st.button(
            words, icon=":material/movie:", key="film-make", on_click=_begin, args=(entry, view), width="stretch"
        )
        if job is None:
            return
        if job.problem:
            st.warning(job.problem, icon=":material/info:")
        elif job.result is not None:
            st.download_button(
                f"Save it ({len(job.result) / 1e6:.1f} MB)",
                data=job.result,
                file_name=f"vq-scope-{scene.status.recipe.problem}-seed-{scene.status.recipe.seed}.gif",
                mime="image/gif",
                key="film-save",
                on_click="ignore",
                type="primary",
                width="stretch",
            )


def _begin(entry: Entry, view: View) -> None:
    scene = scene_of(entry, view)
    if scene is not None:
        films().begin(entry.id, partial(_made, scene))


def _made(scene: Scene, tell: Any) -> bytes:
    return film_file(film_of(scene), tell)


FILM_SAID = "film-said"
"""The key of the place where progress is told."""


def film_places(scene: Scene) -> list[str]:
    """The keys of the places that are drawn now."""
    job = films().of(scene.entry.id)
    return [FILM_SAID] if scene.shows_picture and job is not None and job.is_running else []
