"""The twin of a training: forked just before a switch is thrown and trained along, to show what the switch did."""

from types import MappingProxyType

import streamlit as st

from app.page_state import said_by
from app.panels.story_reading import thrown
from app.sessions.entry import Entry
from vqcore.training.commands import ChangeCommand, Command, EndVariantCommand, ForkCommand
from vqcore.training.run import MOST_VARIANTS
from vqcore.training.status import State

TWIN = "twin"
"""What it is called among the variants. There is one: of the newest switch."""

HELP = (
    "With each switch, the training is also continued without it, on the same batches, and the sentence above the "
    "charts tells the difference. Two trainings take twice as long as one."
)


def twin_toggle(entry: Entry) -> None:
    """Whether a twin is kept from the next switch on; at first it is in the session of a start alone."""
    st.toggle("Keep a twin", value=bool(entry.start), key=_key(entry), help=HELP, persist_state="page")


def throwing(entry: Entry, command: ChangeCommand) -> list[Command]:
    """The commands that throw a switch: before it the fork of a twin, where one is wanted and there is room."""
    names, shown = tuple(entry.session.recipes), entry.variant
    if entry.one.status().state is State.BROKEN:  # a copy would break as it did
        return [command]
    if not said_by(_key(entry), bool(entry.start)) or shown == TWIN or _has_copy(entry):
        return [command]
    earlier: list[Command] = [EndVariantCommand(TWIN)] if TWIN in names else []
    if len(names) - len(earlier) >= MOST_VARIANTS:
        return [command]
    return [*earlier, ForkCommand(TWIN, MappingProxyType({}), shown), command]


def throw(entry: Entry, command: ChangeCommand) -> None:
    """Throw a switch."""
    entry.send(*throwing(entry, command))


def _has_copy(entry: Entry) -> bool:
    """Whether a variant already is what the one shown would be without the next switch."""
    newest, began = entry.session.latest_of_all(wish=False), entry.session.recipes
    shown = newest.get(entry.variant)
    return shown is not None and any(
        name != entry.variant
        and began.get(name) == began.get(entry.variant)
        and thrown(other.events) == thrown(shown.events)
        for name, other in newest.items()
    )


def _key(entry: Entry) -> str:
    return f"keep-twin-{entry.id}"
