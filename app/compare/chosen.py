"""What the reader has chosen on the side-by-side page: its view controls, and codes and vectors."""

from typing import Any

from app.compare.state import compare_state
from app.links import compare as comparison
from app.links.selection import Choice, picked
from app.links.selection_text import read_choice, write_choice
from app.links.setup import Setup
from app.live_plot.component import last_hand
from app.page_state import is_drawn, said_by
from app.panels.compare_reading import by_role
from app.sessions.registry import registry
from app.sessions.seed_runs import Plan, SeedRuns
from vqcore.snapshot import Snapshot

PLOTS = ("compare-map", "compare-bars", "compare-picture")
"""The charts on which the reader can select."""

FIRST_VIEW = comparison.read({}).view
"""Of a URL that says nothing."""


def choice_made(snapshots: dict[str, Snapshot]) -> Choice:
    """The choice, updated by what the reader has done since the last run, as far as all variants have it."""
    state = compare_state()
    choice = read_choice(_first("select")) if state.choice is None else state.choice
    seen = state.hands_seen
    hands = [(key, hand) for key in PLOTS if (hand := last_hand(key)) and hand.at != seen.get(key)]
    for key, hand in sorted(hands, key=lambda found: found[1].at):
        seen[key] = hand.at
        made = picked(by_role(hand.ids), 0)
        choice = choice.plus(made) if hand.adds else made
    for snapshot in snapshots.values():
        choice, _ = choice.within(snapshot)
    state.choice = choice
    return choice


def choose_nothing() -> None:
    """Clear the selection."""
    compare_state().choice = Choice()


def seed_runs() -> SeedRuns | None:
    """The trainings over seeds that the reader asked for, or None."""
    plan = compare_state().plan
    return registry().seeds_of(plan) if plan is not None else None


def seeds_dropped() -> Plan | None:
    """The plan that the reader asked for, if its trainings are no longer kept."""
    return compare_state().plan if seed_runs() is None else None


def view_key(name: str) -> str:
    """The key of the control that sets this part of the view."""
    return f"compare-view-{name}"


def view_of(name: str) -> str:
    """Value of a view control; before it is drawn, the URL's first value."""
    return said_by(view_key(name)) or _first(name)


def views_in_link(setup: Setup) -> dict[str, str]:
    """The whole view, as written in the link."""
    state = compare_state()
    view = {name: view_of(name) for name in comparison.VIEWS} | {"select": write_choice(state.choice or Choice())}
    if state.plan is not None and dict(state.plan.recipes) == setup.recipes():
        view |= {"seeds": str(state.plan.seeds), "steps": str(state.plan.steps)}
    return view


def choose(place: Any, name: str, choices: Any) -> str:
    """Draw one view control; returns its value."""
    first, key = _first(name), view_key(name)
    start = {} if is_drawn(key) else {"default": first if first in choices else choices[0]}
    chosen: str = place.segmented_control(
        name,
        choices,
        **start,
        key=key,
        required=True,
        label_visibility="collapsed",
        persist_state="page",
    )
    return chosen


def _first(name: str) -> str:
    return (compare_state().first_view or FIRST_VIEW)[name]
