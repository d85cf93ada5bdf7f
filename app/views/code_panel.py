"""The card of the one code chosen, in the place of the examples."""

import streamlit as st

from app.card_reading import card
from app.choice_state import Focus
from app.live_plot.code_card import code_card
from app.services import Entry
from app.views.scene import redraw_heads
from vqcore.diagnostics.code_facts import code_facts
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.commands import ExamineCommand


def code_panel(entry: Entry, snapshot: Snapshot, problem: Problem, focus: Focus, *, height: int) -> None:
    """Draw the card of the code that `focus` has chosen."""
    code = focus.choice.code
    assert code is not None
    facts = code_facts(snapshot, code)
    examination = entry.session.examination(ExamineCommand(code, snapshot.level))
    code_card(card(facts, examination, snapshot, problem), key="code-card", height=height, on_hand=redraw_heads)
    st.caption(f"Numbers of step {facts.step:,}. A nearest code leads on to its card.")
