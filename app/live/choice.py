"""What is chosen and pinned on a page: folded from the reader's hand. Draws nothing."""

from app.links.selection import MOST_PINS, Choice, Focus, Pin, picked
from app.links.selection_text import LONGEST_TEXT, read_choice, read_pins, write_choice, write_pins
from app.live.state import live_state
from app.live_plot.component import Hand, last_hand
from app.sessions.entry import Entry
from vqcore.snapshot import Snapshot

CHARTS = ("map-plot", "bars-plot", "examples-plot", "picture", "code-card")
"""The charts on which the reader can select."""


def gather(entry: Entry, snapshot: Snapshot) -> Focus:
    """The choice, updated by what the reader has done since the last run, as far as `snapshot` has it."""
    state = live_state()
    if state.choice is None:
        state.choice = read_choice(state.first("select"), int(state.first("level")) - 1)
        state.pins = read_pins(state.first("pins"))
    for hand in _new_hands():
        _obey(hand, snapshot.level)
    choice = state.choice
    if choice.level != snapshot.level:
        choice = choice.at_level(snapshot.level, entry.one.latest(level=choice.level))
    state.choice, lost = choice.within(snapshot)
    if lost:
        refuse(lost)
    _drop_lost_pins(snapshot)
    return Focus(state.choice, state.pins, state.choice_sentence or _cut(state.choice))


def chosen() -> Choice:
    """What is chosen now."""
    choice = live_state().choice
    return Choice() if choice is None else choice


def choose(choice: Choice) -> None:
    """Replace the choice."""
    state = live_state()
    state.choice, state.choice_sentence = choice, ""


def refuse(sentence: str) -> None:
    """Say why a request was refused; the choice stays."""
    live_state().choice_sentence = sentence


def clear() -> None:
    """Choose nothing."""
    choose(Choice(chosen().level))


def toggle_pin(pin: Pin) -> None:
    """Pin a code, or unpin it."""
    state = live_state()
    if pin in state.pins:
        state.pins = tuple(kept for kept in state.pins if kept != pin)
    elif len(state.pins) < MOST_PINS:
        state.pins = (*state.pins, pin)
    else:
        refuse(f"There are already {MOST_PINS} pins, one for each colour. Remove one first.")


def unpin_all() -> None:
    """Remove every pin."""
    live_state().pins = ()


def texts() -> dict[str, str]:
    """Choice and pins as written in the URL."""
    state = live_state()
    if state.choice is None:
        return {name: state.first(name) for name in ("select", "pins")}
    return {"select": write_choice(state.choice), "pins": write_pins(state.pins)}


def hands_taken_in() -> dict[str, int]:
    """Time of the last selection on each chart, by its key, that `gather` has taken in."""
    return dict(live_state().hands_seen)


def _new_hands() -> list[Hand]:
    seen, new = live_state().hands_seen, []
    for key in CHARTS:
        hand = last_hand(key)
        if hand is not None and hand.at != seen.get(key):
            seen[key] = hand.at
            new.append(hand)
    return sorted(new, key=lambda hand: hand.at)


def _obey(hand: Hand, level: int) -> None:
    made, before = picked(hand.ids, level), chosen()
    choose(before.plus(made) if hand.adds and before.level == level else made)
    if not made and not hand.clears:
        refuse("Nothing lies in that area, so nothing is selected." if not hand.adds else "Nothing lies in there.")


def _drop_lost_pins(snapshot: Snapshot) -> None:
    state = live_state()
    kept = [pin for pin in state.pins if pin.level < len(snapshot.levels)]
    lost = [pin for pin in kept if pin.code >= len(snapshot.levels[pin.level].counts)]
    if lost:
        count = len(snapshot.levels[lost[0].level].counts)
        refuse(f"There is no code {lost[0].code:,} to pin: codes run from 0 to {count - 1:,}.")
    state.pins = tuple(pin for pin in kept if pin not in lost)


def _cut(choice: Choice) -> str:
    text = write_choice(choice)
    if not choice or read_choice(text, choice.level) == choice:
        return ""
    kept = "the codes alone" if text else "none of them"
    return f"A link can hold {LONGEST_TEXT:,} characters of a selection, so it keeps {kept}."
