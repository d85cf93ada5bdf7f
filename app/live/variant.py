"""Which variant of a session the Live page shows; everything else on the page sees only that one."""

from app.live.state import live_state
from app.panels.scene import through_variant
from app.sessions.entry import Entry


def look_at(entry: Entry) -> Entry:
    """`entry` with its session seen through the variant that is shown: the one chosen, else the first."""
    whole, chosen = entry.session, chosen_variant()
    # Ended, or a link's to a session that had it; a fork on its way is neither.
    if chosen and chosen not in whole.recipes and whole.commands_pending() == 0:
        show_variant("")
    return through_variant(entry, chosen)


def chosen_variant() -> str:
    """As in the URL; empty for the first."""
    state = live_state()
    return state.first("variant") if state.variant is None else state.variant


def show_variant(name: str) -> None:
    """Make the page show this variant; empty for the first."""
    live_state().variant = name
