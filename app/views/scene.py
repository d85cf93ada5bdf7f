"""What one refresh of the Live page shows, gathered once for all its panels."""

from collections.abc import Mapping
from typing import NamedTuple

import streamlit as st

from app.choice_state import Focus
from app.services import Entry
from app.wording import LevelWords
from vqcore.problems.problem import Problem
from vqcore.snapshot import Snapshot
from vqcore.training.session import Status

HEADS = "heads"
"""The key of the fragment that draws the heads of the panels, and all below them."""


class Scene(NamedTuple):
    """A moment of a session, and how the reader wants to see it."""

    entry: Entry
    snapshot: Snapshot
    newest: Snapshot
    """`snapshot`, or what came after it where the reader has gone back."""

    status: Status
    problem: Problem
    words: LevelWords
    view: Mapping[str, str]
    """What every view control says."""

    focus: Focus


def shows_card(scene: Scene) -> bool:
    """Whether the examples have given their place to the card of a code."""
    return scene.focus.choice.code is not None and scene.view["panel"] == "code"


def redraw_heads() -> None:
    """Called when a hand has chosen on a chart: the heads know a choice, a refresh of the charts alone does not."""
    st.rerun(HEADS)
