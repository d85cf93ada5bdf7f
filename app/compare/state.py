"""What the reader has chosen on the side-by-side page: its view controls, and codes and vectors."""

from typing import Any

import streamlit as st

from app.compare.sidebar import PLAN, VIEW
from app.links import compare as comparison
from app.links.compare import Setup
from app.links.selection import Choice, picked, read_choice, write_choice
from app.live_plot.component import last_hand
from app.panels.compare_reading import by_role
from app.sessions.registry import registry
from app.sessions.seed_runs import Plan, SeedRuns
from vqcore.snapshot import Snapshot

PLOTS = ("compare-map", "compare-bars")
"""The charts on which the reader can select."""


def choice_made(snapshots: dict[str, Snapshot]) -> Choice:
    """The choice, updated by what the reader has done since the last run, as far as all variants have it."""
    state = st.session_state
    if "compare-choice" not in state:
        state["compare-choice"] = read_choice(state[VIEW]["select"])
    seen: dict[str, int] = state.setdefault("compare-hands", {})
    hands = [(key, hand) for key in PLOTS if (hand := last_hand(key)) and hand.at != seen.get(key)]
    for key, hand in sorted(hands, key=lambda found: found[1].at):
        seen[key] = hand.at
        made = picked(by_role(hand.ids), 0)
        state["compare-choice"] = state["compare-choice"].plus(made) if hand.adds else made
    for snapshot in snapshots.values():
        state["compare-choice"], _ = state["compare-choice"].within(snapshot)
    choice: Choice = state["compare-choice"]
    return choice


def hands_taken_in() -> dict[str, int]:
    """Time of the last selection on each chart, by its key, that `choice_made` has taken in."""
    return dict(st.session_state.get("compare-hands", {}))


def choose_nothing() -> None:
    """Clear the selection."""
    st.session_state["compare-choice"] = Choice()


def seed_runs() -> SeedRuns | None:
    """The trainings over seeds that the reader asked for, or None."""
    plan = st.session_state.get(PLAN)
    return registry().seeds_of(plan) if plan is not None else None


def seeds_dropped() -> Plan | None:
    """The plan that the reader asked for, if its trainings are no longer kept."""
    plan: Plan | None = st.session_state.get(PLAN)
    return plan if seed_runs() is None else None


def view_of(name: str) -> str:
    """Value of a view control; before it is drawn, the URL's first value."""
    return st.session_state.get(f"compare-view-{name}") or st.session_state[VIEW][name]


def views_in_link(setup: Setup) -> dict[str, str]:
    """The whole view, as written in the link."""
    choice, plan = st.session_state.get("compare-choice", Choice()), st.session_state.get(PLAN)
    view = {name: view_of(name) for name in comparison.VIEWS} | {"select": write_choice(choice)}
    if plan is not None and dict(plan.recipes) == setup.recipes():
        view |= {"seeds": str(plan.seeds), "steps": str(plan.steps)}
    return view


def choose(place: Any, name: str, choices: Any) -> str:
    """Draw one view control; returns its value."""
    first, key = st.session_state[VIEW][name], f"compare-view-{name}"
    start = {} if key in st.session_state else {"default": first if first in choices else choices[0]}
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
