"""Settings that wait for a restart on the Live page: what each is and will be, and the buttons that decide."""

from typing import NamedTuple

import streamlit as st

from app.live.controls import adopt, asked_for, key, restart, shown, value
from app.live.state import live_state
from app.live_plot.transport import Button, Training, new_clicks, transport
from app.page_state import is_drawn
from app.panels.lecture_places import LOCKED_TIP, NOWHERE, is_locked, place
from app.panels.setting_words import said_of, setting_changes
from app.sessions.entry import Entry
from app.wording import as_written
from vqcore.training.recipe import Recipe, setting_of

BUTTONS = "pending"
"""The key of the two buttons."""

APPLY_HELP = "Begin again at step 0 with these settings and the current switches"


class Pending(NamedTuple):
    """What a restart with all settings would change."""

    changes: tuple[str, ...] = ()
    refused: str = ""
    """Why the settings do not go together, as one sentence."""


def pending() -> Pending:
    """What the controls say that the run on show does not have yet."""
    asked = live_state().asked
    try:
        wanted = asked_for()
    except ValueError as error:
        return Pending(refused=str(error))
    return Pending() if asked is None or wanted is None else Pending(tuple(setting_changes(asked, wanted)))


def label(name: str, words: str, short: str = "") -> str:
    """The label of the control for a setting; while its value waits for a restart, `short` with the one in force."""
    asked = live_state().asked
    if asked is None or not is_drawn(key(name)):
        return words
    now = setting_of(asked, name)
    return words if now == value(name) else f":orange[{short or words}: {said_of(now)} →]"


def pending_buttons() -> None:
    """The button that restarts with these settings, which says what changes, and the one that gives them up."""
    if place("restart") is NOWHERE:
        return
    found, locked = pending(), is_locked("restart")
    if found.refused:
        st.warning(as_written(found.refused), icon=":material/info:")
    buttons = [Button("apply", LOCKED_TIP if locked else APPLY_HELP, disabled=locked, label=_applies(found.changes))]
    if found.changes or found.refused:
        buttons.append(Button("discard", "Keep the settings of this run", disabled=locked))
    transport(buttons, Training(), key=BUTTONS)


def obey_pending(entry: Entry) -> None:
    """Obey what was clicked on the two buttons since the last run of the script."""
    for click in new_clicks(BUTTONS):
        if click == "apply":
            _apply(entry)
        elif (recipe := _in_force()) is not None:
            adopt(recipe)


def _apply(entry: Entry) -> None:
    try:
        recipe = asked_for()
    except ValueError:  # said beside the button
        return
    if recipe is not None:
        restart(entry, recipe)


def _in_force() -> Recipe | None:
    """What the controls began from, with the switches as they say."""
    try:
        return shown()
    except ValueError:
        return live_state().asked


def _applies(changes: tuple[str, ...]) -> str:
    unbroken = (change.replace(" ", "\N{NO-BREAK SPACE}") for change in changes)
    return f"Restart with {', '.join(unbroken)}" if changes else "Restart with these"
