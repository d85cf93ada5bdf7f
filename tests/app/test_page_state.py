"""What a visitor's pages keep lies in one typed value a page, and one module knows where."""

import ast
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import app
from app.compare.state import CompareState
from app.doctor.state import DoctorState
from app.lessons.state import LessonsState
from app.live.state import LiveState
from app.live_plot.again import Runs
from app.live_plot.component import WrittenPlots
from app.panels.lecture_places import LectureState
from app.trajectories.state import TrajectoriesState

APP = Path(app.__path__[0])
KINDS = (
    LiveState,
    CompareState,
    TrajectoriesState,
    LessonsState,
    DoctorState,
    LectureState,
    WrittenPlots,
    Runs,
)


def uses_of_session_state(source: str) -> Iterator[int]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr == "session_state":
            yield node.lineno
        if isinstance(node, ast.ImportFrom) and any(name.name == "session_state" for name in node.names):
            yield node.lineno


def test_one_module_alone_knows_the_session_state() -> None:
    found = {str(path.relative_to(APP)): [*uses_of_session_state(path.read_text())] for path in APP.rglob("*.py")}
    assert {path for path, lines in found.items() if lines} == {"page_state.py"}


@pytest.mark.parametrize("source", ["st.session_state['a'] = 1", "from streamlit import session_state"])
def test_a_use_would_be_found(source: str) -> None:
    assert [*uses_of_session_state(source)] == [1]


def test_each_page_keeps_one_value_of_a_class_of_its_own() -> None:
    assert all(is_dataclass(kind) for kind in KINDS)
    assert len({kind.__name__ for kind in KINDS}) == len(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_two_visitors_begin_alike_and_share_nothing_that_changes(kind: type) -> None:
    first, second = kind(), kind()
    assert first == second
    for field in fields(kind):
        value = getattr(first, field.name)
        if isinstance(value, dict | set | list):
            assert value is not getattr(second, field.name)


def test_what_is_kept_outlives_a_run_and_is_nobody_elses() -> None:
    def script() -> None:
        import streamlit as st

        from app.live.state import live_state

        state = live_state()
        state.generation += 1
        st.text(str(state.generation))

    page = AppTest.from_function(script).run()
    assert page.run().text[0].value == "2"
    assert AppTest.from_function(script).run().text[0].value == "1"
