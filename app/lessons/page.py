"""The Lessons page: a list of lessons, and one of them step by step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from app.doors.visitor import browser, shared_link
from app.lessons import text as lesson_text
from app.lessons.follow import follow_page
from app.lessons.lead import class_keys, class_popover
from app.lessons.links import offered, try_it_link
from app.lessons.state import lessons_state
from app.lessons.step import follow_road, step_view
from app.lessons.text import Guessed
from app.links import lessons as lesson_address
from app.links.lecture import LESSONS
from app.links.lessons import LARGEST_SEED, LessonLink
from app.live_plot.address import show_address
from app.page_state import said_by
from app.panels.head import brand
from app.panels.lecture_dialog import lecture_link
from app.panels.lecture_places import begin, query, shows
from app.panels.lecture_places import place as at
from app.sessions.lesson_desk import Reader, desk
from app.sessions.lesson_run import LessonRun
from app.stream.controls_state import END
from app.wording import as_written
from demos.catalogue import Unusable
from demos.lesson import Lesson
from demos.running import answer, has_moments

SEED = "lesson-seed"
"""The key of the control for the seed."""

READER_GONE = (
    "The progress in this link is another browser's, or is no longer kept. You have begun with trainings of your own."
)
CARDS_A_ROW = 3


def page() -> None:
    """The page, as a script."""
    begin(LESSONS)
    for sheet in ("lessons.css", "words.css"):
        st.html(Path(__file__).with_name(sheet))
    lessons, unusable = offered()
    state = lessons_state()
    state.watch = st.query_params.get("watch") or state.watch
    if state.watch is not None:
        follow_page(state.watch)
        return
    known = state.reader or st.query_params.get("reader")
    reader = desk().reader(known, browser())
    state.reader = reader.id
    if state.place is None:
        state.place, refused = lesson_address.read(st.query_params, lessons)
        state.refused = tuple(refused)
    if known and known != reader.id:
        state.refused = (*state.refused, READER_GONE)
    _join_other_tab(reader)
    place = state.place
    lesson = next((each for each in lessons if each.name == place.lesson), None)
    address = lesson_address.write(place, reader.id) | query()
    show_address(address, key="lessons-address")
    reader.end_others(place.lesson)
    if lesson is None:
        reader.read(None)
        st.html(brand())
        _refusals()
        _list(reader, lessons, unusable)
        return
    run = reader.run(lesson, place.seed)
    reader.read(run, place.number)
    _head(run, lessons)
    _refusals()
    if run.step is None:
        _end(run, lessons)
        follow_road(run.watch_id, run.number, class_keys(run), END, address)
    else:
        step_view(run, address)


def _join_other_tab(reader: Reader) -> None:
    """Stay with a reader who has gone on in another tab, unless this one has just been told where to go."""
    state = lessons_state()
    place = state.place
    run = reader.runs.get(place.lesson) if place is not None and place.lesson else None
    if run is not None and place == state.drawn:
        state.place = LessonLink(run.lesson.name, run.number, run.seed)
    state.drawn = state.place


def _refusals() -> None:
    """Warnings about what a link or a control asked for in vain."""
    with st.container(key="message"):
        for sentence in lessons_state().refused:
            st.warning(as_written(sentence), icon=":material/link_off:")


def _go(place: LessonLink) -> None:
    lessons_state().go(place)


def _restart(reader_id: str, lesson: Lesson, seed: int) -> None:
    reader = desk().reader(reader_id, browser())
    reader.begin(lesson, seed)
    lessons_state().reader = reader.id
    _go(LessonLink(lesson.name, 1, seed))


def _reseed(run: LessonRun) -> None:
    seed = said_by(SEED)
    if seed is None or seed == run.seed:
        return
    if not 0 <= seed <= LARGEST_SEED:
        lessons_state().refused = (f"`seed` must be a whole number from 0 to {LARGEST_SEED}, but got {seed}.",)
        return
    _go(LessonLink(run.lesson.name, run.number, seed))


def _head(run: LessonRun, lessons: Sequence[Lesson]) -> None:
    top = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-head")
    top.html(brand(), width="stretch")
    _glossary_link(at("glossary", top))
    at("list", top).button(
        "All lessons", icon=":material/apps:", type="tertiary", on_click=_go, args=(_list_place(run),)
    )
    if shows("seed"):
        _seed(top, run)
    if shows("links"):
        _share(top, run)
        class_popover(top, run.room)
    at("restart", top).button(
        "Restart",
        icon=":material/restart_alt:",
        type="tertiary",
        key="lesson-restart",
        help="From the first step, with everything trained again",
        on_click=_restart,
        args=(lessons_state().reader, run.lesson, run.seed),
    )
    walk = st.container(horizontal=True, vertical_alignment="center", gap="small", key="lesson-walk")
    walk.html(lesson_text.heading(run.lesson.title), width="content")
    walk.html(lesson_text.way(run.number, run.last, run.furthest), width="stretch")
    _walk_button(walk, run, "Back", -1, "Left")
    _walk_button(walk, run, "Next", 1, "Right")


def _seed(top: st.delta_generator.DeltaGenerator, run: LessonRun) -> None:
    with top.popover(f"Seed {run.seed}", icon=":material/casino:", type="tertiary"):
        at("seed").number_input(
            "Seed",
            value=run.seed,
            step=1,
            key=SEED,
            on_change=_reseed,
            args=(run,),
            help="Seed of every training",
        )
        st.caption("Another seed trains everything again: a lesson's claims may then turn out differently.")


def _share(top: st.delta_generator.DeltaGenerator, run: LessonRun) -> None:
    here = lesson_address.write(LessonLink(run.lesson.name, run.number, run.seed))
    with top.popover("Link", icon=":material/link:", type="tertiary"):
        st.caption("Opens this step, for a reader of their own.")
        st.code(shared_link(here), language=None, wrap_lines=True)
        lecture_link(LESSONS, here)


def _glossary_link(place: Any) -> None:
    place.link_button("Glossary", "./glossary", icon=":material/menu_book:", type="tertiary", key="lesson-glossary")


def _walk_button(place: st.delta_generator.DeltaGenerator, run: LessonRun, label: str, by: int, key: str) -> None:
    number = run.number + by
    place.button(
        label,
        key=f"lesson-{label.lower()}",
        shortcut=key,
        type="primary" if by > 0 else "secondary",
        disabled=not 1 <= number <= run.last,
        on_click=_go,
        args=(LessonLink(run.lesson.name, number, run.seed),),
    )


def _list_place(run: LessonRun) -> LessonLink:
    return LessonLink(None, 1, run.seed)


def _list(reader: Reader, lessons: Sequence[Lesson], unusable: Sequence[Unusable]) -> None:
    st.html(lesson_text.front())
    cards: list[Lesson | Unusable] = [*lessons, *unusable]
    for first in range(0, len(cards), CARDS_A_ROW):
        columns = st.columns(CARDS_A_ROW, gap="small")
        for column, card in zip(columns, cards[first : first + CARDS_A_ROW], strict=False):
            if isinstance(card, Lesson):
                _card(column, reader, card)
            else:
                _broken_card(column, card)


def _card(column: st.delta_generator.DeltaGenerator, reader: Reader, lesson: Lesson) -> None:
    run = reader.runs.get(lesson.name)
    last = len(lesson.steps) + 1
    place = lessons_state().place or LessonLink()
    seed = place.seed
    with column.container(border=True, height="stretch", key=f"lesson-card-{lesson.name}"):
        st.html(lesson_text.card(lesson))
        if run is None or run.seed != seed:
            st.html(lesson_text.way(0, last, 0))
            label, number = "Begin", 1
        else:
            st.html(lesson_text.way(run.number, last, run.furthest))
            label = "Read again" if run.number == last else f"Continue at step {run.number}"
            number = 1 if run.number == last else run.number
        st.button(
            label,
            key=f"lesson-open-{lesson.name}",
            width="stretch",
            on_click=_go,
            args=(LessonLink(lesson.name, number, seed),),
        )


def _broken_card(column: st.delta_generator.DeltaGenerator, card: Unusable) -> None:
    with column.container(border=True, height="stretch", key=f"lesson-card-{card.file.removesuffix('.py')}"):
        st.html(lesson_text.unusable_card(card))


def _end(run: LessonRun, lessons: Sequence[Lesson]) -> None:
    lesson = run.lesson
    left, right = st.columns([0.42, 0.58], gap="medium")
    with left.container(key="lesson-text"):
        st.html(lesson_text.try_it(lesson.try_it.text))
        path, query = try_it_link(lesson.try_it, run.seed)
        name = "Trajectories" if path else "Live"
        st.link_button(
            f"Open the {name} page", f"./{path}?{urlencode(query)}", icon=":material/open_in_new:", type="primary"
        )
        after = lessons[lessons.index(lesson) + 1 :]
        if after:
            st.button(
                f"Next lesson: {after[0].title}",
                icon=":material/arrow_forward:",
                key="lesson-after",
                on_click=_go,
                args=(LessonLink(after[0].name, 1, run.seed),),
            )
    with right.container(key="lesson-notes"):
        if guessed := _guessed(run):
            st.html(lesson_text.quiz(guessed))
        st.html(lesson_text.notes("Known", lesson.known))
        st.html(lesson_text.notes("Contested", lesson.contested))


def _guessed(run: LessonRun) -> list[Guessed]:
    """The questions that the reader has answered, as far as their runs are still there."""
    found, guessed = run.record(), []
    for number, step in enumerate(run.lesson.steps, start=1):
        index = run.answers.get(number)
        if step.question is None or index is None or not has_moments(step, found):
            continue
        right = answer(number, step, step.question, found)
        guessed.append(Guessed(step.question.asks, step.question.choices[index], right))
    return guessed


page()
