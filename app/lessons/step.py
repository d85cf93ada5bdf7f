"""One step of a lesson: its text, a guess before the reveal, and charts of its trainings."""

from collections.abc import Mapping

import streamlit as st

from app.lessons import text as lesson_text
from app.lessons.charts import formula, shown
from app.lessons.lead import class_keys, lead_class
from app.links.lesson_view import LessonView, write_lesson_view
from app.live_plot.again import polled
from app.live_plot.conductor import conductor, script_caller
from app.live_plot.words import words_place
from app.panels.lecture_places import place as at
from app.panels.lesson_parts import PROGRESS
from app.sessions.claim_sweep import ClaimSweep
from app.sessions.lesson_desk import desk
from app.sessions.lesson_run import LessonRun
from app.stream.controls_state import lesson_state
from app.wording import as_written
from demos.lesson import Step
from demos.record import Record
from demos.recorded import recorded_counts
from demos.running import Examined, answer, examine_step, table_of

CONDUCTOR = "lessons-conductor"
FRAMES_A_SECOND = 4.0
PATHS_SECONDS = 0.5
SWEEP_SECONDS = 1.0
TEXT_SHARE = 0.37

BEGAN_AGAIN = "Newer sessions took the place of this training, so it has begun again from its start."


def step_view(run: LessonRun, address: Mapping[str, str]) -> None:
    """Draw the reader's step; `address` is the query of the page's URL."""
    run.drive()
    step = run.step
    if step is None:  # another tab of this reader has gone on
        st.rerun()
    seen = run.seen(step)
    controls = lesson_state(run, step, seen)  # first: what changes while the step is drawn has it drawn again
    if run.paths is None:
        placed = _step(run, step, seen)
    else:
        computing = not run.is_ready()
        polled(_paths_step, PATHS_SECONDS if computing else None, "again-lesson")(run, computing)
        placed = []
    follow_road(run.watch_id, run.number, [*placed, *class_keys(run)], controls, address)


def follow_road(watch_id: str, number: int, placed: list[str], controls: str, address: Mapping[str, str]) -> None:
    """Have the page follow what has this id, at this step."""
    conductor(
        watch_id,
        address=address,
        view=write_lesson_view(LessonView(number)),
        wanted=placed,
        controls=controls,
        rate=FRAMES_A_SECOND,
        key=CONDUCTOR,
    )
    script_caller("lessons-caller")


def _paths_step(run: LessonRun, was_computing: bool) -> None:
    step = run.step
    if run.is_ready() is was_computing or step is None:
        st.rerun()
    _step(run, step, run.record())


def _step(run: LessonRun, step: Step, seen: Record) -> list[str]:
    """The step as it is now; returns the keys of the places of its live data."""
    record = run.record()
    text, beside = st.columns([TEXT_SHARE, 1 - TEXT_SHARE], gap="medium")
    placed: list[str] = []
    with text.container(key="lesson-text"):
        st.html(lesson_text.step_text(run.number, step))
        formula(step, Record(seed=run.seed) if run.is_asking else record)
        if run.is_asking:
            _ask(run, step)
        elif not run.is_ready():
            placed += _training(run)
        else:
            reveal(run, step, record, run.answers.get(run.number))
            _findings(run, examine_step(run.lesson, run.number, record))
        lead_class(run, step)
    with beside.container(key="lesson-charts"):
        placed += shown(run, step, seen, record)
    return placed


def _ask(run: LessonRun, step: Step) -> None:
    assert step.question is not None
    st.html(lesson_text.asking(step.question.asks))
    with st.container(key="lesson-choices", gap="small"):
        for index, choice in enumerate(step.question.choices):
            st.button(
                as_written(choice),
                key=f"lesson-choice-{run.number}-{index}",
                width="stretch",
                on_click=_guess,
                args=(run, run.number, index),
            )
    at("skip").button(
        "Skip",
        icon=":material/skip_next:",
        key="lesson-skip",
        type="tertiary",
        help="See what happens without guessing",
        on_click=_guess,
        args=(run, run.number, None),
    )
    if run.paths is None and run.seen(step).moments:
        st.html("<p class='vq-caption'>The charts show the moment before.</p>")


def _guess(run: LessonRun, number: int, index: int | None) -> None:
    run.answer(number, index)


def _training(run: LessonRun) -> list[str]:
    if run.paths is not None:
        return []  # where the picture comes, it says so
    words_place(PROGRESS)
    if any(run.trainings[name].began_again for name in run.targets()):
        st.caption(BEGAN_AGAIN)
    st.button(
        "Go on" if run.held else "Pause",
        icon=":material/play_arrow:" if run.held else ":material/pause:",
        key="lesson-hold",
        on_click=_hold,
        args=(run, not run.held),
    )
    return [PROGRESS]


def _hold(run: LessonRun, held: bool) -> None:
    run.held = held


def reveal(run: LessonRun, step: Step, record: Record, guess: int | None) -> None:
    """The answer to the step's question, if it has one, beside a guess; then the table of its numbers."""
    if step.question is not None:
        right = answer(run.number, step, step.question, record)
        st.html(lesson_text.revealed(None if guess is None else step.question.choices[guess], right))
    if rows := table_of(step, record):
        st.html(lesson_text.table(rows))


def _findings(run: LessonRun, examined: list[Examined]) -> None:
    if not examined:
        return
    sweep = desk().sweep_of(run.lesson)
    every = SWEEP_SECONDS if sweep is not None and sweep.is_running else None
    polled(_with_seeds, every, "again-lesson-seeds")(run, examined, every is not None)


def _with_seeds(run: LessonRun, examined: list[Examined], was_running: bool) -> None:
    """What the claims found, and on how many seeds they hold; redraws itself while more seeds are to come."""
    sweep = desk().sweep_of(run.lesson)
    running = sweep is not None and sweep.is_running
    if running is not was_running:
        st.rerun()
    st.html(lesson_text.findings(examined, counts(run, sweep)))
    if sweep is not None and sweep.problem:
        st.error(as_written(sweep.problem), icon=":material/error:")
    if sweep is not None and running:
        st.progress(min(1.0, sweep.share_done), text=f"{len(sweep.results)} of {sweep.seeds} seeds")
        if st.button("Cancel", icon=":material/close:", key="lesson-sweep-cancel", type="tertiary"):
            sweep.cancel()
            st.rerun()
    elif sweep is None or not sweep.is_complete:
        if sweep is not None and not sweep.problem:
            st.caption(f"Ended after {len(sweep.results)} of {sweep.seeds} seeds.")
        said = [each.claim.says for each in examined]
        recorded = [count for says, count in recorded_counts(run.lesson.name).items() if says in said]
        if at("sweep").button(
            "Over more seeds",
            icon=":material/casino:",
            key="lesson-sweep",
            type="tertiary",
            help=lesson_text.recorded_when(recorded[0]) if recorded else None,
        ):
            desk().begin_sweep(run.lesson)
            st.rerun()


def counts(run: LessonRun, sweep: ClaimSweep | None) -> dict[str, list[str]]:
    """By the text of each claim, on how many seeds it held: when it was recorded, and in the sweep made here."""
    recorded = recorded_counts(run.lesson.name)
    rows = {} if sweep is None else sweep.rows()
    said = {says: [lesson_text.recorded(says, count)] for says, count in recorded.items()}
    for says, row in rows.items():
        said.setdefault(says, [says]).append(lesson_text.over_seeds(row))
    return said
