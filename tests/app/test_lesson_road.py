"""A lesson on the road of live data: its charts move, and its trainings go on, without a run of the page's script."""

import html
import re
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from page_runs import page_data
from road_watching import Watcher, serving_the_road, watching
from test_lessons_page import SMALL, SWITCHED, charts, open_page, press, query, run, small, text

from app.links.lesson_view import LessonView, write_lesson_view
from app.sessions import lesson_run
from app.sessions.lesson_desk import Reader, desk
from app.sessions.lesson_run import LessonRun
from app.sessions.registry import Registry
from app.stream import road
from demos import catalogue
from demos.lesson import Lesson, Question, Step, Training
from demos.running import record
from vqcore.training.run import Run

AT = 40
FRAMES = 400
"""Most that a lesson of a few seconds can take: more means that it stands still."""

CHART, HEAD, SAID = "lesson-usage-0", "lesson-usage-0-head", "lesson-usage-said"
WANTED = (CHART, HEAD, SAID, "lesson-progress")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving_the_road() as running:
        yield running


@pytest.fixture
def reader(sessions: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    monkeypatch.setattr(lesson_run, "SLOWEST", AT / 2)
    found = desk()
    yield found.reader(None)
    found.close()
    desk.clear()


def long_lesson(training: Training, **changes: Any) -> Lesson:
    step = Step(title="Long", text="Long.", shows=("plain",), at=AT, panels=("usage",), **changes)
    return small(trainings={"plain": training}, steps=(step,))


def ask(watcher: Watcher, number: int = 1, **more: Any) -> dict[str, Any]:
    return watcher.next(view=write_lesson_view(LessonView(number)), wanted=WANTED, **more)


def step_of(watcher: Watcher) -> int | None:
    """The step that the chart's heading says; None before there is a chart."""
    heading = html.unescape(watcher.parts[HEAD]["html"]) if HEAD in watcher.parts else ""
    found = re.search(r", step ([\d,]+)<", heading)
    return None if found is None else int(found[1].replace(",", ""))


def follow(watcher: Watcher, run_: LessonRun) -> list[tuple[int | None, str]]:
    """The step shown and the state of the controls, frame by frame, until the lesson's step is there."""
    seen: list[tuple[int | None, str]] = []
    for number in range(FRAMES):
        ask(watcher, now=not number)
        seen.append((step_of(watcher), watcher.header["controls"]))
        if run_.is_ready():
            ask(watcher, now=True)
            return [*seen, (step_of(watcher), watcher.header["controls"])]
    raise AssertionError(f"It stands still at {seen[-1]}.")


@pytest.mark.parametrize("training", [Training(problem="plane", changes=SMALL), SWITCHED], ids=["plain", "switched"])
def test_frames_move_while_it_trains_and_call_the_script_only_when_the_moment_is_there(
    port: int, reader: Reader, training: Training
) -> None:
    lesson = long_lesson(training)
    run_ = reader.run(lesson, 5)
    with watching(port, run_.watch_id) as watcher:
        seen = follow(watcher, run_)
    steps = [step for step, _ in seen if step is not None]
    assert steps == sorted(steps)
    assert steps[-1] == AT
    assert any(0 < step < AT for step in steps)
    waiting, training_on, arrived = dict.fromkeys(controls for _, controls in seen)  # each once, in this order
    for step, controls in seen:
        if step != AT:
            assert controls == (waiting if step is None else training_on)
    assert seen[-1] == (AT, arrived)
    expected = record(lesson, 5).at("plain", AT)
    assert np.array_equal(run_.record().at("plain", AT).codebook, expected.codebook)
    bars = watcher.parts[CHART]["figure"]["data"][0]
    used = np.sort(np.bincount(expected.codes, minlength=SMALL["num_codes"]))[::-1]
    np.testing.assert_array_equal(bars["text"], used)


def test_what_a_question_hides_is_neither_trained_nor_sent_before_the_guess(port: int, reader: Reader) -> None:
    question = Question(asks="Which?", choices=("this one", "that one"), answer=lambda found: 1)
    run_ = reader.run(long_lesson(Training(problem="plane", changes=SMALL), question=question), 0)
    with watching(port, run_.watch_id) as watcher:
        ask(watcher, now=True)
        asking = watcher.header["controls"]
        assert watcher.parts.keys() <= {"lesson-progress"}
        assert run_.published() == (run_.room.news,)  # and no session
        run_.answer(1, None)
        ask(watcher, now=True)
        assert watcher.header["controls"] != asking
        assert follow(watcher, run_)[-1][0] == AT


def test_a_switch_that_is_not_obeyed_yet_holds_up_no_frame(
    port: int, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    reached, released, apply = threading.Event(), threading.Event(), Run.apply

    def slow(run_: Run, *words: Any) -> None:
        reached.set()
        released.wait(20)
        apply(run_, *words)

    monkeypatch.setattr(Run, "apply", slow)
    run_ = reader.run(long_lesson(SWITCHED), 0)
    with watching(port, run_.watch_id) as watcher:
        for _ in range(FRAMES):
            ask(watcher, now=True)
            if reached.is_set():
                break
        assert reached.is_set()
        for _ in range(3):
            ask(watcher, now=True)
        assert not released.is_set()
        assert not run_.is_ready()
        released.set()
        assert follow(watcher, run_)[-1][0] == AT


def test_nobody_follows_a_lesson_by_another_id_and_a_restart_ends_the_run_before(
    port: int, reader: Reader, sessions: Registry
) -> None:
    lesson = long_lesson(Training(problem="plane", changes=SMALL))
    run_ = reader.run(lesson, 0)
    run_.drive()
    (session_id,) = [entry.id for entry in sessions.owned()]
    for other in ("never-there", reader.id, session_id):
        with watching(port, other) as watcher:
            watcher.ask(now=True, view=write_lesson_view(LessonView(1)))
            assert watcher.end()[0] == road.ENDED
    with watching(port, run_.watch_id) as watcher:  # which opens no other page
        watcher.ask(now=True)
        assert watcher.end()[0] == road.ENDED
    with watching(port, run_.watch_id) as watcher:
        ask(watcher, now=True)
        again = reader.begin(lesson, 0)
        watcher.ask(now=True, view=write_lesson_view(LessonView(1)))
        assert watcher.end()[0] == road.ENDED
    assert desk().find_run(again.watch_id) is again


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Lesson:
    lesson = small()
    monkeypatch.setattr(catalogue, "lessons", lambda check: ([lesson], []))
    return lesson


def test_the_page_is_not_run_again_by_a_clock_while_it_trains(reader: Reader, given: Lesson) -> None:
    page = open_page(lesson="small")
    assert "training:" not in text(page)  # the road says how far it is
    assert "lesson-progress" in charts(page)
    assert not any(key.startswith("again") for key in charts(page))
    told = page_data(page, "lessons-conductor")
    run_ = desk().find_run(told["session"])
    assert run_ is not None
    assert run_.lesson.name == given.name
    assert told["address"] == query(page)


def test_two_tabs_of_a_reader_stay_at_the_place_where_the_reader_went_last(reader: Reader, given: Lesson) -> None:
    first = open_page(lesson="small")
    second = open_page(**query(first))
    press(first, "lesson-next")
    for _ in range(2):
        for page in (second, first):
            run(page)
            assert query(page)["step"] == "2"
            assert "step 2 of 3" in text(page)
    second.number_input(key="lesson-seed").set_value(9)
    for _ in range(2):
        for page in (second, first):
            run(page)
            assert query(page)["seed"] == "9"
    sessions_shown = {page_data(page, "lessons-conductor")["session"] for page in (first, second)}
    assert len(sessions_shown) == 1
