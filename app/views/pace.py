"""Which panels of the Live page follow a running training at every refresh, and which at every second one.

A refresh costs the server, the wire and the browser by what has changed in it. The map moves twice a second; the
other three take turns, so that no refresh draws all four.
"""

import streamlit as st

from app.control_state import step_chosen
from app.views.scene import Scene
from vqcore.training.session import State

TURN = {"bars": 0, "curves": 1, "examples": 0}
"""At which of every two refreshes a panel follows; one not named here does at each."""


def begin_refresh() -> None:
    """Count one more refresh."""
    st.session_state["refresh"] = st.session_state.get("refresh", 0) + 1


def scene_for(panel: str, newest: Scene) -> Scene:
    """What `panel` is to show: `newest`, or once more what it shows now, where it is not its turn.

    Whatever the reader does shows in all panels at once, and so does all that is not one more step: only a running
    training is followed at half the rate.
    """
    followed: dict[str, Scene] = st.session_state.setdefault("followed", {})
    before = followed.get(panel)
    waits = panel in TURN and st.session_state["refresh"] % 2 != TURN[panel]
    if before is None or not waits or not _only_steps_on(before, newest):
        followed[panel] = newest
    return followed[panel]


def _only_steps_on(before: Scene, newest: Scene) -> bool:
    """Whether nothing has happened between the two but training."""
    return (
        newest.status.state is State.RUNNING
        and step_chosen() is None
        and before.snapshot is before.newest
        and (before.status.run, before.status.commands_done) == (newest.status.run, newest.status.commands_done)
        and _what_is_shown(before) == _what_is_shown(newest)
    )


def _what_is_shown(scene: Scene) -> tuple[object, ...]:
    snapshot = scene.snapshot
    return scene.entry.id, snapshot.variant, snapshot.level, len(snapshot.events), scene.view, scene.focus
