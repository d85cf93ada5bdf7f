"""The runs of this session on the Live page: a list of them, and which one's curves lie behind those on show."""

from typing import Any

import streamlit as st

from app.links.run_names import NONE
from app.live.state import live_state
from app.live.view_controls import view_key
from app.page_state import said_by
from app.panels.earlier_runs import Earlier, comparable, earlier_runs
from app.panels.lecture_places import NOWHERE
from app.panels.markup import markup
from app.panels.scene import Scene
from app.panels.setting_words import recipe_differences
from app.panels.switch_words import switch_words
from app.wording import number

EVENTS_SAID = 3
"""Most switches of a run that the list names."""


def runs_popover(head: Any, scene: Scene) -> None:
    """A button that opens the list, once a restart has put a run away."""
    runs = earlier_runs(scene)
    if not runs or head is NOWHERE:
        return
    with head.popover(f"{scene.status.run + 1} runs", key="runs", type="tertiary", help=HELP):
        _choice(scene)
        st.html(markup("runs", rows=[_row(one, scene) for one in runs], now=scene.status.run + 1))


HELP = "The runs of this session that restarts have put away, and which one's curves are drawn behind"


def _choice(scene: Scene) -> None:
    runs = comparable(scene)
    names = ["", *(one.name for one in runs), NONE]
    words = {"": "the newest", NONE: "none"} | {one.name: one.words for one in runs}
    key = view_key("earlier")
    said = said_by(key, live_state().first("earlier"))
    st.selectbox(
        "Dotted curves",
        names,
        index=names.index(said) if said in names else 0,
        key=key,
        format_func=words.__getitem__,
        persist_state="page",
    )


def _row(earlier: Earlier, scene: Scene) -> dict[str, str]:
    past = earlier.past
    thrown = [f"{switch_words(event.changes)} at {event.step:,}" for event in past.events[:EVENTS_SAID]]
    more = len(past.events) - len(thrown)
    thrown += [f"{more:,} more"] if more else []
    differs = recipe_differences(past.recipe, scene.entry.one.recipe) or ["began as this run did"]
    return {
        "name": earlier.words,
        "differs": ", ".join([*differs, *thrown]),
        "steps": f"{past.step:,}",
        "in_use": f"{past.held_out.in_use:,} of {past.recipe.num_codes:,}",
        "loss": number(past.held_out.task_loss),
    }
