"""A class that follows a reader: pooled guesses, what it is told, and that it can change nothing."""

import html
from collections.abc import Iterator
from typing import Any

import pytest
from page_runs import open_script, page_data, press, query
from road_watching import Watcher, serving_the_road, watching
from streamlit.testing.v1 import AppTest
from test_lessons_page import SECONDS, charts, keys, open_page, settle, small, text

from app.doors import visitor
from app.doors.start import make
from app.links.lesson_view import LessonView, write_lesson_view
from app.panels.class_parts import AWAY, CHOOSING, POINTER, STATUS, TALLY, class_parts, class_status_part
from app.sessions import lesson_run
from app.sessions.class_room import AWAY_SECONDS, BACK, MOST_SEATS, SAID_SECONDS, ClassRoom, Question
from app.sessions.followed_lesson import FollowedLesson
from app.sessions.lesson_desk import Desk, Reader, desk
from app.sessions.registry import Registry
from app.stream import road
from demos import catalogue
from demos.lesson import Lesson

ASKED = Question("a run", 2)


@pytest.fixture
def readers(sessions: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(lesson_run, "SLOWEST", 1000.0)
    found = desk()
    yield found
    found.close()
    desk.clear()


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Lesson:
    lesson = small()
    monkeypatch.setattr(catalogue, "lessons", lambda check: ([lesson], []))
    return lesson


def asking(readers: Desk, lesson: Lesson) -> Reader:
    """A reader at the question."""
    reader = readers.reader(None)
    reader.read(reader.run(lesson, 0), 2)
    return reader


def follower(readers: Desk, reader: Reader, seat: str | None = None) -> FollowedLesson:
    found = readers.follow(reader.room.id, seat)
    assert found is not None
    return found


def follow_page(reader: Reader, **more: str) -> AppTest:
    return open_script("lessons/page.py", SECONDS, watch=reader.room.id, **more)


def said(followed: FollowedLesson, key: str) -> str:
    assert followed.run is not None
    part: dict[str, Any] = class_parts(followed.run, {key}, followed)[key].make()
    return part["html"]


def test_each_seat_counts_once_with_its_last_guess_and_never_more_than_there_are_seats() -> None:
    room = ClassRoom()
    seats = [room.sit(None) for _ in range(MOST_SEATS + 5)]
    assert seats.count("") == 5
    for seat in seats:
        room.guess(seat, ASKED, 0)
        room.guess(seat, ASKED, 1)
    assert not room.guess("nobody", ASKED, 0)
    assert room.tally(ASKED, 2) == [0, MOST_SEATS]
    assert room.sit(seats[3]) == seats[3]  # a reload takes no other seat
    assert room.tally(Question("another run", 2), 2) == [0, 0]


@pytest.mark.parametrize("index", [-1, 2, True, "1", None, 1.0, 10**30])
def test_a_choice_that_there_is_not_is_ignored(readers: Desk, given: Lesson, index: Any) -> None:
    reader = asking(readers, given)
    one = follower(readers, reader)
    assert not one.guess(one.question, index)
    assert reader.room.tally(one.question, 2) == [0, 0]


def test_guesses_are_refused_after_the_answer_elsewhere_and_without_a_seat(readers: Desk, given: Lesson) -> None:
    reader = asking(readers, given)
    one, run_ = follower(readers, reader), reader.current
    assert run_ is not None
    before = one.question
    assert FollowedLesson(reader, "").guess(before, 1) is False
    reader.read(run_, 1)
    assert not one.guess(before, 1)  # the class is elsewhere now
    reader.read(run_, 2)
    assert one.guess(before, 1)
    run_.answer(2, None)
    assert not one.guess(before, 0)
    reader.read(reader.begin(given, 0), 2)
    assert not one.guess(before, 0)  # of a run that is gone
    assert reader.room.tally(before, 2) == [0, 1]


def test_guesses_are_shown_to_nobody_before_the_reader_shows_them(readers: Desk, given: Lesson) -> None:
    reader = asking(readers, given)
    first, second = follower(readers, reader), follower(readers, reader)
    first.guess(first.question, 1)
    for followed in (first, second):
        assert "1 of 2 have guessed" in said(followed, TALLY)
        assert "that one" not in said(followed, TALLY)
    reader.room.show(first.question)
    assert '<tr class="own"><th scope="row">that one</th>' in said(first, TALLY)
    assert "own" not in said(second, TALLY)
    assert "that one" in said(second, TALLY)


def test_the_class_is_told_when_the_reader_leaves_returns_and_begins_anew(readers: Desk, given: Lesson) -> None:
    now = [0.0]
    reader = readers.reader(None)
    reader.room = room = ClassRoom(lambda: now[0])
    reader.read(reader.run(given, 0), 1)
    one = follower(readers, reader)
    assert said(one, STATUS).count("<strong>") == 0
    now[0] += AWAY_SECONDS + 1
    assert AWAY in html.unescape(said(one, STATUS))
    room.reader_is_here()
    assert BACK in said(one, STATUS)
    now[0] += SAID_SECONDS / 2
    room.reader_is_here()
    reader.read(reader.run(given, 7), 1)
    assert "another run: A &lt;small&gt; lesson, seed 7." in said(one, STATUS)
    reader.read(None)
    assert CHOOSING in class_status_part(one).make()["html"]


def test_a_follower_sees_the_readers_step_guesses_and_has_no_other_control(readers: Desk, given: Lesson) -> None:
    teacher = settle(open_page(lesson="small", step="2"), readers, given)
    reader = readers.reader(query(teacher)["reader"])
    page = follow_page(reader)
    assert "2 · Guess" in text(page)
    assert keys(page) == {"follow-leave", "follow-choice-2-0", "follow-choice-2-1"}
    assert not page.number_input
    assert reader.id not in str(query(page)) + str(page_data(page, "lessons-conductor"))
    press(page, "follow-choice-2-0")
    again = follow_page(reader, seat=query(page)["seat"])
    press(again, "follow-choice-2-0")
    assert reader.room.tally(reader.current.question, 2) == [1, 0]
    settle(press(teacher, "lesson-choice-2-1"), readers, given)
    page.run()
    assert "You guessed: this one. Here it is: <b>that one</b>" in text(page)
    assert "the &lt;b&gt;norm" in text(page)
    assert {"lesson-map-0", TALLY, POINTER} <= charts(page)
    assert keys(page) == {"follow-leave"}


def test_a_click_that_comes_after_the_answer_is_said_and_not_counted(readers: Desk, given: Lesson) -> None:
    teacher = settle(open_page(lesson="small", step="2"), readers, given)
    reader = readers.reader(query(teacher)["reader"])
    page = follow_page(reader)
    press(teacher, "lesson-skip")
    press(page, "follow-choice-2-0")
    assert "not counted" in page.warning[0].value
    assert reader.room.tally(reader.current.question, 2) == [0, 0]


def test_a_class_that_is_gone_is_said_and_the_page_reads_on_alone(readers: Desk, given: Lesson) -> None:
    page = open_script("lessons/page.py", SECONDS, watch="gone-with-its-server")
    assert "has ended" in page.info[0].value
    press(page, "follow-leave")
    assert "lesson-open-small" in keys(page)
    assert "watch" not in query(page)


def test_what_the_reader_points_at_is_framed_on_this_step_alone(readers: Desk, given: Lesson) -> None:
    reader = asking(readers, given)
    one, run_ = follower(readers, reader), reader.current
    assert run_ is not None
    run_.room.point(run_.question, "panel-lesson-map-0")
    assert ".st-key-panel-lesson-map-0 {" in said(one, POINTER)
    reader.read(run_, 1)
    assert said(one, POINTER) == ""


def ask(watcher: Watcher, number: int, **more: Any) -> dict[str, Any]:
    return watcher.next(view=write_lesson_view(LessonView(number)), wanted=(STATUS, TALLY, "lesson-usage-0"), **more)


def test_the_road_brings_a_class_along_without_its_script_and_takes_no_command(readers: Desk, given: Lesson) -> None:
    reader = readers.reader(None)
    run_ = reader.run(given, 0)
    reader.read(run_, 1)
    with serving_the_road() as port, watching(port, follower(readers, reader).id) as watcher:
        ask(watcher, 1, now=True)
        controls = watcher.header["controls"]
        assert "step 1 of 3" in watcher.parts[STATUS]["html"]
        assert run_.published() == (reader.room.news,)  # it drives nothing
        watcher.ask(view=write_lesson_view(LessonView(1)), wanted=(STATUS,))  # and waits for news
        reader.read(run_, 2)
        watcher.read()
        assert "step 2 of 3" in watcher.parts[STATUS]["html"]
        assert watcher.header["controls"] != controls
        ask(watcher, 2, now=True)
        assert "0 of 1 have guessed" in watcher.parts[TALLY]["html"]
        readers.close()
        watcher.ask(now=True, view=write_lesson_view(LessonView(2)))
        assert watcher.end()[0] == road.ENDED


@pytest.mark.parametrize(
    ("address", "url", "shared"),
    [
        ("0.0.0.0", "http://localhost:8501/lessons", "http://192.0.2.7:8501/lessons"),
        ("0.0.0.0", "http://lab-pc:8501/lessons", "http://lab-pc:8501/lessons"),
        ("localhost", "http://localhost:8501/lessons", "http://localhost:8501/lessons"),
    ],
)
def test_a_link_names_the_machine_as_others_reach_it(
    address: str, url: str, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(visitor, "own_address", lambda: "192.0.2.7")
    assert visitor.reachable(url, make(address=address, token="for-tests")) == shared
