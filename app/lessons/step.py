"""One step of a lesson: its text, a guess before the reveal, and charts of its trainings."""

import streamlit as st

from app.lessons import text as lesson_text
from app.lessons.desk import desk
from app.lessons.figures import Figure, step_figures
from app.lessons.layout import SHORTEST_WINDOW, Row, rows
from app.lessons.run import LessonRun
from app.live_plot.again import polled
from app.live_plot.component import Grow, live_plot
from app.trajectory_plot.component import trajectory_plot
from app.trajectory_plot.picture import picture
from app.wording import as_written
from demos.lesson import Step
from demos.record import Record
from demos.running import Examined, answer, examine_step

REFRESH_SECONDS = 0.5
SWEEP_SECONDS = 1.0
TEXT_SHARE = 0.37
FEWER_INPUTS = 3
"""Numbers shown if several trainings are compared."""

BEGAN_AGAIN = "Newer sessions took the place of this training, so it has begun again from its start."
HIDDEN = "The charts come after your guess."


def step_view(run: LessonRun) -> None:
    """Draw the reader's step; it redraws itself only while something trains."""
    run.drive()
    working = _is_working(run)
    polled(_step, REFRESH_SECONDS if working else None, "again-lesson")(run, run.number, working)


def _is_working(run: LessonRun) -> bool:
    return not run.held and not run.is_ready()


def _step(run: LessonRun, number: int, was_working: bool) -> None:
    if number != run.number:  # the reader went on in another tab
        number = run.number
    run.drive()
    step = run.step
    if _is_working(run) is not was_working or step is None:
        st.rerun()
    text, charts = st.columns([TEXT_SHARE, 1 - TEXT_SHARE], gap="medium")
    record = run.record()
    with text.container(key="lesson-text"):
        st.html(lesson_text.step_text(number, step))
        if run.is_asking:
            _ask(run, step)
        elif not run.is_ready():
            _training(run)
        else:
            _reveal(run, number, step, record)
    with charts.container(key="lesson-charts"):
        if run.paths is not None:
            _plane(run, step, record)
        else:
            _charts(run, step)


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


def _training(run: LessonRun) -> None:
    if run.paths is not None:
        return  # where the picture comes, it says so
    done, total = run.progress()
    st.progress(min(1.0, done / total) if total else 0.0, text=f"training: {done:,} of {total:,} steps")
    if any(run.trainings[name].began_again for name in run.targets()):
        st.caption(BEGAN_AGAIN)
    st.button(
        "Go on" if run.held else "Pause",
        icon=":material/play_arrow:" if run.held else ":material/pause:",
        key="lesson-hold",
        on_click=_hold,
        args=(run, not run.held),
    )


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
    counts = {} if sweep is None else {says: lesson_text.over_seeds(row) for says, row in sweep.rows().items()}
    st.html(lesson_text.findings(examined, counts))
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


def _charts(run: LessonRun, step: Step) -> None:
    seen = run.seen(step)
    for name in step.shows:
        if why := run.trainings[name].broken:
            st.warning(as_written(f"{name}: {why}"), icon=":material/error:")
    if not seen.moments:
        broken = all(run.trainings[name].broken for name in step.shows)
        if not broken:
            _hidden(HIDDEN if run.is_asking else "Preparing the data and the model …")
        return
    layout = rows(step.panels, len(step.shows))
    figures = step_figures(
        step,
        seen,
        heights={panel: row.height for row in layout for panel in row.panels},
        bases={name: run.trainings[name].plane(moment, step.at) for (name, _), moment in seen.moments.items()},
        inputs=FEWER_INPUTS if len(step.shows) > 1 else None,
    )
    for row in layout:
        _row(run, step, row, [each for each in figures if each.panel in row.panels], seen)


def _row(run: LessonRun, step: Step, row: Row, figures: list[Figure], seen: Record) -> None:
    """Every chart has its place from the start, so that none moves when another's training starts later."""
    slots = [(panel, name) for panel in row.panels for name in (("",) if panel == "compare" else step.shows)]
    places = st.columns(len(slots), gap="small") if len(slots) > 1 else [st.container()]
    by_slot = {(each.panel, each.training): each for each in figures}
    alone = len(step.shows) == 1 or row.panels == ("compare",)
    for number, (place, slot) in enumerate(zip(places, slots, strict=True)):
        with place.container(border=True, key=f"panel-lesson-{slot[0]}-{number}"):
            if (figure := by_slot.get(slot)) is None:
                _heading(slot[1], "preparing …", row.lines)
            else:
                aside = figure.moment if len(slots) == 1 else ""
                _heading(figure.title if alone else figure.moment, aside, row.lines)
                _chart(run, figure, f"lesson-{slot[0]}-{number}", row, seen)
    has_map = "map" in row.panels
    said = [*dict.fromkeys(each.note for each in figures if each.note), *([_planes(run, step)] if has_map else [])]
    st.html(lesson_text.caption(said))


def _heading(title: str, aside: str, lines: int) -> None:
    st.html(lesson_text.panel_heading(title, aside, lines))


def _chart(run: LessonRun, figure: Figure, key: str, row: Row, seen: Record) -> None:
    of_others = figure.panel in ("usage", "curves")  # their axes have room for what is beside them
    drawn = " ".join(
        f"{name} {moment.step} {len(moment.events)}"
        for (name, _), moment in seen.moments.items()
        if of_others or figure.training in ("", name)
    )
    live_plot(
        figure.plot,
        key=key,
        height=row.height,
        grow=Grow(SHORTEST_WINDOW, row.share),
        revision=f"{run.lesson.name} {run.seed} {run.number} {drawn} {row.height}",
        file_name=f"{run.lesson.name}-{figure.panel}-step-{run.number}",
    )


def _planes(run: LessonRun, step: Step) -> str:
    fitted = dict.fromkeys(f"{run.trainings[name].fitted_at:,}" for name in step.shows)
    return f"{'Each its own plane' if len(step.shows) > 1 else 'Plane'}, fitted at step {' and '.join(fitted)}."


def _hidden(text: str) -> None:
    st.html(lesson_text.hidden(text))
