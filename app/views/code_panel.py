"""The card of the one code chosen, in the place of the examples."""

import streamlit as st

from app import choice_state
from app.card_reading import card
from app.choice_state import Focus
from app.live_plot.code_card import code_card
from app.selection import Pin
from app.services import Entry
from app.views.panel_head import bar, choose
from app.wording import LevelWords
from vqcore.diagnostics.code_facts import code_facts
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.commands import ExamineCommand


def code_panel(
    entry: Entry, snapshot: Snapshot, problem: Problem, words: LevelWords, focus: Focus, *, height: int
) -> None:
    """Draw the card of the code that `focus` has chosen, with a way back to the examples."""
    code = focus.choice.code
    assert code is not None
    head = bar("card")
    head.container(width="stretch").html(f"<div class='vq-panel'><b>Code {code:,}</b><span>{words.name}</span></div>")
    pin = Pin(code, snapshot.level)
    head.button(
        "Unpin" if pin in focus.pins else "Pin",
        icon=":material/keep_off:" if pin in focus.pins else ":material/keep:",
        key="pin",
        help="A pinned code keeps its colour in every view",
        on_click=choice_state.toggle_pin,
        args=(pin,),
    )
    choose(head, "panel", ("code", "inputs"))
    facts = code_facts(snapshot, code)
    examination = entry.session.examination(ExamineCommand(code, snapshot.level))
    code_card(card(facts, examination, snapshot, problem), key="code-card", height=height)
    st.caption(f"Numbers of step {facts.step:,}. A nearest code leads on to its card.")
