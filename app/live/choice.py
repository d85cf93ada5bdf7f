"""What is chosen and pinned on a page: folded from the reader's hand, kept in the session state. Draws nothing."""

import streamlit as st

from app.links.selection import MOST_PINS, Choice, Focus, Pin, picked
from app.links.selection_text import LONGEST_TEXT, read_choice, read_pins, write_choice, write_pins
from app.live_plot.component import Hand, last_hand
from app.sessions.registry import Entry
from vqcore.snapshot import Snapshot

CHARTS = ("map-plot", "bars-plot", "examples-plot", "code-card")
"""Where a hand may choose."""


def gather(entry: Entry, snapshot: Snapshot) -> Focus:
    """The choice with what the reader has done since the last look, as far as `snapshot` has it."""
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
        choice = choice.at_level(snapshot.level, entry.session.latest(level=choice.level))
    choice, lost = choice.within(snapshot)
    state["choice"] = choice
    if lost:
        state["choice_sentence"] = lost
    _drop_lost_pins(snapshot)
    return Focus(choice, state["pins"], state["choice_sentence"] or _cut(choice))


def choose(choice: Choice) -> None:
    """Have this chosen instead."""
    st.session_state["choice"], st.session_state["choice_sentence"] = choice, ""


def refuse(sentence: str) -> None:
    """Say why a wish was not granted; what was chosen stays."""
    st.session_state["choice_sentence"] = sentence


def clear() -> None:
    """Choose nothing."""
    choose(Choice(st.session_state["choice"].level))


def toggle_pin(pin: Pin) -> None:
    """Pin a code, or take its pin away."""
    pins: tuple[Pin, ...] = st.session_state["pins"]
    if pin in pins:
        st.session_state["pins"] = tuple(kept for kept in pins if kept != pin)
    elif len(pins) < MOST_PINS:
        st.session_state["pins"] = (*pins, pin)
    else:
        refuse(f"There are {MOST_PINS} pins already, one for each colour. Take one away first.")


def unpin_all() -> None:
    """Take every pin away."""
    st.session_state["pins"] = ()


def texts() -> dict[str, str]:
    """Choice and pins as the URL has them."""
    if "choice" not in st.session_state:
        first: dict[str, str] = st.session_state["first_view"]
        return {name: first[name] for name in ("select", "pins")}
    return {"select": write_choice(st.session_state["choice"]), "pins": write_pins(st.session_state["pins"])}


def hands_taken_in() -> dict[str, int]:
    """When the hand last did something on each chart, by its key, as far as `gather` has folded that in."""
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
        refuse("Nothing lies in there, so nothing is selected." if not hand.adds else "Nothing lies in there.")


def _drop_lost_pins(snapshot: Snapshot) -> None:
    kept = [pin for pin in st.session_state["pins"] if pin.level < len(snapshot.levels)]
    lost = [pin for pin in kept if pin.code >= len(snapshot.levels[pin.level].counts)]
    if lost:
        count = len(snapshot.levels[lost[0].level].counts)
        refuse(f"There is no code {lost[0].code:,} to pin: codes are 0…{count - 1:,}.")
    st.session_state["pins"] = tuple(pin for pin in kept if pin not in lost)


def _cut(choice: Choice) -> str:
    text = write_choice(choice)
    if not choice or read_choice(text, choice.level) == choice:
        return ""
    kept = "the codes alone" if text else "none of them"
    return f"The link holds {LONGEST_TEXT:,} characters of a selection: it keeps {kept}."
