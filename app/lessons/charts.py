"""What stands beside and below a step's text: its formula, its charts, or its paths."""

import streamlit as st

from app.lessons import text as lesson_text
from app.live_plot.component import Grow, live_place
from app.live_plot.words import words_place
from app.panels.lesson_layout import SHORTEST_WINDOW, Row, rows
from app.panels.lesson_parts import head_key, said_key, slots_drawn, slots_of
from app.panels.markup import markup
from app.sessions.lesson_run import LessonRun
from app.trajectory_plot.component import trajectory_plot
from app.trajectory_plot.picture import picture
from app.wording import as_written
from demos.lesson import Step
from demos.record import Record
from demos.running import numbers_here

HIDDEN = "The charts come after your guess."


def formula(step: Step, record: Record) -> None:
    """The step's formula, with what `record` has of its numbers."""
    if step.formula is None:
        return
    with st.container(key="lesson-formula", gap=None):
        st.latex(step.formula.latex)
        st.html(lesson_text.under_formula(step.formula, numbers_here(step, record)))


def shown(run: LessonRun, step: Step, seen: Record, record: Record) -> list[str]:
    """What the step shows; returns the keys of the places of its live data."""
    if run.paths is None:
        return _charts(run, step, seen)
    _plane(run, step, record)
    return []


def _plane(run: LessonRun, step: Step, record: Record) -> None:
    assert run.paths is not None
    if run.paths.problem:
        st.error(as_written(run.paths.problem), icon=":material/error:")
    elif run.is_asking:
        _hidden(HIDDEN)
    elif not record.paths:
        _hidden("Computing the paths …")
    elif "paths" in step.panels:
        shown = picture(run.paths.setting, [record.paths[name] for name in step.shows], focus=step.shows[0])
        trajectory_plot(shown, key="lesson-paths", revision=f"{run.paths.setting} {step.shows}")


def _charts(run: LessonRun, step: Step, seen: Record) -> list[str]:
    drawn = slots_drawn(step, seen)
    for name in step.shows:
        if why := run.trainings[name].broken:
            st.warning(as_written(f"{name}: {why}"), icon=":material/error:")
    if not drawn:
        broken = all(run.trainings[name].broken for name in step.shows)
        if not broken:
            _hidden(HIDDEN if run.is_asking else "Preparing the data and the model …")
        return []
    return [key for row in rows(step.panels, len(step.shows)) for key in _row(step, row, drawn)]


def _row(step: Step, row: Row, drawn: list[str]) -> list[str]:
    """Every chart has its place from the start, so that none moves when another's training starts later."""
    slots, placed = slots_of(step, row), []
    columns = st.columns(len(slots), gap="small") if len(slots) > 1 else [st.container()]
    for column, slot in zip(columns, slots, strict=True):
        with column.container(border=True, key=f"panel-{slot.key}"):
            if slot.key not in drawn:
                st.html(markup("lesson_heading", title=slot.training, aside="preparing …", lines=row.lines))
                continue
            words_place(head_key(slot))
            live_place(slot.key, height=row.height, grow=Grow(SHORTEST_WINDOW, row.share))
            placed += [head_key(slot), slot.key]
    words_place(said_key(row))
    return [*placed, said_key(row)]


def _hidden(text: str) -> None:
    st.html(lesson_text.hidden(text))
