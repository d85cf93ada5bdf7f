"""The Lessons page of one who follows a class: the reader's step, a guess of one's own, and no other control."""

import streamlit as st

from app.lessons import text as lesson_text
from app.lessons.charts import formula, shown
from app.lessons.state import lessons_state
from app.lessons.step import counts, follow_road, reveal
from app.links import lessons as lesson_address
from app.live_plot.address import show_address
from app.live_plot.words import words_place
from app.panels.class_parts import POINTER, STATUS, TALLY
from app.panels.head import brand
from app.panels.lesson_parts import PROGRESS
from app.sessions.class_room import Question
from app.sessions.followed_lesson import FollowedLesson
from app.sessions.lesson_desk import desk
from app.sessions.lesson_run import LessonRun
from app.stream.controls_state import followed_state
from app.wording import as_written
from demos.lesson import Step
from demos.record import Record
from demos.running import examine_step

GONE = "The class that this link follows has ended, or there never was one."
TOO_LATE = "The answer was shown before your guess came, so it was not counted."
TEXT_SHARE = 0.37


def follow_page(watch: str) -> None:
    """The page of a follower, as a script."""
    state = lessons_state()
    followed = desk().follow(watch, state.seat or st.query_params.get("seat"))
    if followed is None:
        st.html(brand())
        st.info(GONE, icon=":material/link_off:")
        st.button("Read on your own", icon=":material/menu_book:", key="follow-leave", on_click=_leave)
        return
    state.seat = followed.seat
    address = lesson_address.write_follow(watch, followed.seat)
    controls = followed_state(followed)  # first: what changes while the step is drawn has it drawn again
    show_address(address, key="lessons-address")
    head = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-head")
    head.html(brand(), width="stretch")
    head.button("Leave the class", icon=":material/logout:", type="tertiary", key="follow-leave", on_click=_leave)
    words_place(STATUS)
    placed = [STATUS, *_lesson(followed)]
    number = 0 if followed.run is None else followed.run.number
    follow_road(followed.id, number, placed, controls, address)


def _leave() -> None:
    state = lessons_state()
    state.watch, state.seat, state.refused = None, "", ()
    st.query_params.clear()


def _lesson(followed: FollowedLesson) -> list[str]:
    run, step = followed.run, followed.step
    if run is None:
        return []
    if step is None:
        st.html(lesson_text.notes("Known", run.lesson.known))
        st.html(lesson_text.notes("Contested", run.lesson.contested))
        return []
    return _step(followed, run, step)


def _step(followed: FollowedLesson, run: LessonRun, step: Step) -> list[str]:
    record, placed = run.record(), [TALLY, POINTER]
    text, beside = st.columns([TEXT_SHARE, 1 - TEXT_SHARE], gap="medium")
    with text.container(key="lesson-text"):
        st.html(lesson_text.step_text(run.number, step))
        formula(step, Record(seed=run.seed) if run.is_asking else record)
        for sentence in lessons_state().refused:
            st.warning(as_written(sentence))
        lessons_state().refused = ()  # said once
        if run.is_asking:
            _ask(followed, step)
        elif not run.is_ready():
            words_place(PROGRESS)
            placed.append(PROGRESS)
        else:
            reveal(run, step, record, followed.room.guess_of(followed.seat, run.question))
            st.html(lesson_text.findings(examine_step(run.lesson, run.number, record), counts(run, None)))
        words_place(TALLY)
        words_place(POINTER)
    with beside.container(key="lesson-charts"):
        placed += shown(run, step, run.seen(step), record)
    return placed


def _ask(followed: FollowedLesson, step: Step) -> None:
    assert step.question is not None
    question = followed.question
    own = followed.room.guess_of(followed.seat, question)
    st.html(lesson_text.asking(step.question.asks))
    with st.container(key="lesson-choices", gap="small"):
        for index, choice in enumerate(step.question.choices):
            st.button(
                as_written(choice),
                key=f"follow-choice-{question.number}-{index}",
                width="stretch",
                type="primary" if index == own else "secondary",
                on_click=_guess,
                args=(followed, question, index),
            )


def _guess(followed: FollowedLesson, question: Question, index: int) -> None:
    """A click comes some time after the page was drawn: where the answer is shown by now, it is said."""
    counted = followed.guess(question, index)
    if not counted and followed.seat:
        lessons_state().refused = (TOO_LATE,)
