"""What the reader has chosen on the page side by side: its view controls, and codes and vectors."""

from typing import Any

import streamlit as st

from app.compare.sidebar import PLAN, VIEW
from app.links import compare as comparison
from app.links.selection import Choice, picked
from app.links.selection_text import read_choice, write_choice
from app.links.setup import Setup
from app.live_plot.component import last_hand
from app.panels.compare_reading import by_role
from app.sessions.registry import registry
from app.sessions.seed_runs import Plan, SeedRuns
from vqcore.snapshot import Snapshot

PLOTS = ("compare-map", "compare-bars")
"""Where a hand may choose."""


def choice_made(snapshots: dict[str, Snapshot]) -> Choice:
    """What is chosen, with what the reader has done since the last look, as far as all variants have it."""
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
    """When the hand last did something on each chart, by its key, as far as `choice_made` has folded that in."""
    return dict(st.session_state.get("compare-hands", {}))


def choose_nothing() -> None:
    """Let go of all that is chosen."""
    st.session_state["compare-choice"] = Choice()


def seed_runs() -> SeedRuns | None:
    """Those that the reader asked for, or None."""
    plan = st.session_state.get(PLAN)
    return registry().seeds_of(plan) if plan is not None else None


def seeds_dropped() -> Plan | None:
    """What the reader asked for, if it is no longer kept."""
    plan: Plan | None = st.session_state.get(PLAN)
    return plan if seed_runs() is None else None


def view_of(name: str) -> str:
    """What a view control says; before it is drawn, what the URL first said."""
    return st.session_state.get(f"compare-view-{name}") or st.session_state[VIEW][name]


def views_in_link(setup: Setup) -> dict[str, str]:
    """All of it, as the link says it."""
    choice, plan = st.session_state.get("compare-choice", Choice()), st.session_state.get(PLAN)
    view = {name: view_of(name) for name in comparison.VIEWS} | {"select": write_choice(choice)}
    if plan is not None and dict(plan.recipes) == setup.recipes():
        view |= {"seeds": str(plan.seeds), "steps": str(plan.steps)}
    return view


def choose(place: Any, name: str, choices: Any) -> str:
    """Draw one view control; returns what it says."""
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
