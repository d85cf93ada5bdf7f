"""Which variant of a session the Live page shows: everything else on it then knows only that one. Draws nothing."""

from dataclasses import replace

import streamlit as st

from app.services import Entry
from vqcore.training.one_variant import OneVariant
from vqcore.training.session import Session


def look_at(entry: Entry) -> Entry:
    """`entry` with its session seen through the variant that is shown: the one chosen, else the first."""
    whole, chosen = whole_of(entry), chosen_variant()
    names = tuple(whole.recipes)
    # Ended, or a link's to a session that had it; a fork on its way is neither.
    if chosen and chosen not in names and whole.commands_pending() == 0:
        show_variant("")
    variant = chosen if chosen in names else names[0]
    return replace(entry, session=OneVariant(whole, variant), variant=variant)


def whole_of(entry: Entry) -> Session:
    """The session behind `entry`, with all its variants."""
    return entry.session.whole if isinstance(entry.session, OneVariant) else entry.session


def chosen_variant() -> str:
    """As in the URL; empty for the first."""
    name: str = st.session_state.get("variant", st.session_state["first_view"]["variant"])
    return name


def show_variant(name: str) -> None:
    """Have the page show this variant; empty for the first."""
    st.session_state["variant"] = name
