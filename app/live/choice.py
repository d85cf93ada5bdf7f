"""What is chosen and pinned on a page: updated from what the reader does, kept in the session state."""

import streamlit as st

from app.links.selection import (
    LONGEST_TEXT,
    MOST_PINS,
    Choice,
    Focus,
    Pin,
    picked,
    read_choice,
    read_pins,
    write_choice,
    write_pins,
)
from app.live_plot.component import Hand, last_hand
from app.sessions.entry import Entry
from vqcore.snapshot import Snapshot

CHARTS = ("map-plot", "bars-plot", "examples-plot", "code-card")
"""The charts on which the reader can select."""


def gather(entry: Entry, snapshot: Snapshot) -> Focus:
    """The choice, updated by what the reader has done since the last run, as far as `snapshot` has it."""
    state = st.session_state
    if "choice" not in state:
        first = state["first_view"]
        state["choice"] = read_choice(first["select"], int(first["level"]) - 1)
        state["pins"] = read_pins(first["pins"])
        state["choice_sentence"] = ""
    for hand in _new_hands():
        _obey(hand, snapshot.level)
    choice: Choice = state["choice"]
    if choice.level != snapshot.level:
        choice = choice.at_level(snapshot.level, entry.one.latest(level=choice.level))
    choice, lost = choice.within(snapshot)
    state["choice"] = choice
    if lost:
        state["choice_sentence"] = lost
    _drop_lost_pins(snapshot)
    return Focus(choice, state["pins"], state["choice_sentence"] or _cut(choice))


def choose(choice: Choice) -> None:
    """Replace the choice."""
    st.session_state["choice"], st.session_state["choice_sentence"] = choice, ""


def refuse(sentence: str) -> None:
    """Say why a request was refused; the choice stays."""
    st.session_state["choice_sentence"] = sentence


def clear() -> None:
    """Choose nothing."""
    choose(Choice(st.session_state["choice"].level))


def toggle_pin(pin: Pin) -> None:
    """Pin a code, or unpin it."""
    pins: tuple[Pin, ...] = st.session_state["pins"]
    if pin in pins:
        st.session_state["pins"] = tuple(kept for kept in pins if kept != pin)
    elif len(pins) < MOST_PINS:
        st.session_state["pins"] = (*pins, pin)
    else:
        refuse(f"There are already {MOST_PINS} pins, one for each colour. Remove one first.")


def unpin_all() -> None:
    """Remove every pin."""
    st.session_state["pins"] = ()


def texts() -> dict[str, str]:
    """Choice and pins as written in the URL."""
    if "choice" not in st.session_state:
        first: dict[str, str] = st.session_state["first_view"]
        return {name: first[name] for name in ("select", "pins")}
    return {"select": write_choice(st.session_state["choice"]), "pins": write_pins(st.session_state["pins"])}


def hands_taken_in() -> dict[str, int]:
    """Time of the last selection on each chart, by its key, that `gather` has taken in."""
    return dict(st.session_state.get("hands_seen", {}))


def _new_hands() -> list[Hand]:
    seen: dict[str, int] = st.session_state.setdefault("hands_seen", {})
    new = []
    for key in CHARTS:
        hand = last_hand(key)
        if hand is not None and hand.at != seen.get(key):
            seen[key] = hand.at
            new.append(hand)
    return sorted(new, key=lambda hand: hand.at)


def _obey(hand: Hand, level: int) -> None:
    made, before = picked(hand.ids, level), st.session_state["choice"]
    choose(before.plus(made) if hand.adds and before.level == level else made)
    if not made and not hand.clears:
        refuse("Nothing lies in that area, so nothing is selected." if not hand.adds else "Nothing lies in there.")


def _drop_lost_pins(snapshot: Snapshot) -> None:
    kept = [pin for pin in st.session_state["pins"] if pin.level < len(snapshot.levels)]
    lost = [pin for pin in kept if pin.code >= len(snapshot.levels[pin.level].counts)]
    if lost:
        count = len(snapshot.levels[lost[0].level].counts)
        refuse(f"There is no code {lost[0].code:,} to pin: codes run from 0 to {count - 1:,}.")
    st.session_state["pins"] = tuple(pin for pin in kept if pin not in lost)


def _cut(choice: Choice) -> str:
    text = write_choice(choice)
    if not choice or read_choice(text, choice.level) == choice:
        return ""
    kept = "the codes alone" if text else "none of them"
    return f"A link can hold {LONGEST_TEXT:,} characters of a selection, so it keeps {kept}."
