"""One step of a lesson: its text, a guess before the reveal, and charts of its trainings."""

from collections.abc import Mapping

import streamlit as st

from app.lessons import text as lesson_text
from app.links.lesson_view import LessonView, write_lesson_view
from app.live_plot.again import polled
from app.live_plot.component import Grow, live_place
from app.live_plot.conductor import conductor, script_caller
from app.live_plot.words import words_place
from app.panels.lesson_layout import SHORTEST_WINDOW, Row, rows
from app.panels.lesson_parts import PROGRESS, head_key, said_key, slots_drawn, slots_of
from app.panels.markup import markup
from app.sessions.claim_sweep import ClaimSweep
from app.sessions.lesson_desk import desk
from app.sessions.lesson_run import LessonRun
from app.stream.controls_state import lesson_state
from app.trajectory_plot.component import trajectory_plot
from app.trajectory_plot.picture import picture
from app.wording import as_written
from demos.lesson import Step
from demos.record import Record
from demos.recorded import recorded_counts
from demos.running import Examined, answer, examine_step, numbers_here

CONDUCTOR = "lessons-conductor"
FRAMES_A_SECOND = 4.0
PATHS_SECONDS = 0.5
SWEEP_SECONDS = 1.0
TEXT_SHARE = 0.37

BEGAN_AGAIN = "Newer sessions took the place of this training, so it has begun again from its start."
HIDDEN = "The charts come after your guess."


def step_view(run: LessonRun, address: Mapping[str, str]) -> None:
    """Draw the reader's step; `address` is the query of the page's URL."""
    run.drive()
    if run.paths is not None:
        computing = not run.is_ready()
        polled(_paths_step, PATHS_SECONDS if computing else None, "again-lesson")(run, computing)
        return
    step = run.step
    if step is None:  # another tab of this reader has gone on
        st.rerun()
    seen = run.seen(step)
    controls = lesson_state(run, step, seen)  # first: what changes while the step is drawn has it drawn again
    placed = _step(run, step, seen)
    conductor(
        run.watch_id,
        address=address,
        view=write_lesson_view(LessonView(run.number)),
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
    text, charts = st.columns([TEXT_SHARE, 1 - TEXT_SHARE], gap="medium")
    placed: list[str] = []
    with text.container(key="lesson-text"):
        st.html(lesson_text.step_text(run.number, step))
        _formula(step, Record(seed=run.seed) if run.is_asking else record)
        if run.is_asking:
            _ask(run, step)
        elif not run.is_ready():
            placed += _training(run)
        else:
            _reveal(run, run.number, step, record)
    with charts.container(key="lesson-charts"):
        if run.paths is not None:
            _plane(run, step, record)
        else:
            placed += _charts(run, step, seen)
    return placed


def _formula(step: Step, record: Record) -> None:
    """The step's formula, with what `record` has of its numbers."""
    if step.formula is None:
        return
    with st.container(key="lesson-formula", gap=None):
        st.latex(step.formula.latex)
        st.html(lesson_text.under_formula(step.formula, numbers_here(step, record)))


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
    st.button(
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
    run.answers[number] = index


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


def _reveal(run: LessonRun, number: int, step: Step, record: Record) -> None:
    if step.question is not None:
        guess = run.answers[number]
        right = answer(number, step, step.question, record)
        st.html(lesson_text.revealed(None if guess is None else step.question.choices[guess], right))
    examined = examine_step(run.lesson, number, record)
    if examined:
        _findings(run, examined)


def _findings(run: LessonRun, examined: list[Examined]) -> None:
    sweep = desk().sweep_of(run.lesson)
    every = SWEEP_SECONDS if sweep is not None and sweep.is_running else None
    polled(_with_seeds, every, "again-lesson-seeds")(run, examined, every is not None)


def _with_seeds(run: LessonRun, examined: list[Examined], was_running: bool) -> None:
    """What the claims found, and on how many seeds they hold; redraws itself while more seeds are to come."""
    sweep = desk().sweep_of(run.lesson)
    running = sweep is not None and sweep.is_running
    if running is not was_running:
        st.rerun()
    st.html(lesson_text.findings(examined, _counts(run, sweep)))
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
        if st.button("Over more seeds", icon=":material/casino:", key="lesson-sweep", type="tertiary"):
            desk().begin_sweep(run.lesson)
            st.rerun()


def _counts(run: LessonRun, sweep: ClaimSweep | None) -> dict[str, list[str]]:
    """By the text of each claim, on how many seeds it held: when it was recorded, and in the sweep made here."""
    recorded = recorded_counts(run.lesson.name)
    rows = {} if sweep is None else sweep.rows()
    said = {says: [lesson_text.recorded(says, count)] for says, count in recorded.items()}
    for says, row in rows.items():
        said.setdefault(says, [says]).append(lesson_text.over_seeds(row))
    return said


def _plane(run: LessonRun, step: Step, record: Record) -> None:
    assert run.paths is not None
    if run.paths.problem:
        st.error(as_written(run.paths.problem), icon=":material/error:")
    elif run.is_asking:
        _hidden(HIDDEN)
    elif not record.paths:
        _hidden("Computing the paths …")
    elif "paths" in step.panels:
        shown = picture(run.paths.setting, [record.paths[name] for name in step.shows])
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
