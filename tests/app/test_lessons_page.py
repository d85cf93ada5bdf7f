"""The Lessons page as Streamlit runs it, without a browser."""

import html
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from page_runs import open_script, press, run
from streamlit.testing.v1 import AppTest

from app.lessons import step
from app.links import lessons as lesson_address
from app.links.lessons import LessonLink
from app.sessions import lesson_run
from app.sessions.lesson_desk import Desk, desk
from app.sessions.lesson_run import LessonRun
from app.sessions.registry import Registry
from demos import catalogue
from demos.lesson import Claim, Finding, Lesson, Note, Question, Step, Training, TryIt
from demos.recorded import Count
from demos.running import examine, record
from vqcore.training.status import State

SECONDS = 20
SMALL = {"num_codes": 8, "batch_size": 64}
PLAIN = Training(problem="plane", changes=SMALL)
SWITCHED = Training(problem="plane", changes=SMALL, switches={0: {"sync": 0.5}, 3: {"affine": "running"}})


@pytest.fixture
def readers(sessions: Registry, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The server's desk; nobody follows its trainings, and nothing of it trains any more afterwards."""
    monkeypatch.setattr(lesson_run, "SLOWEST", 1000.0)
    found = desk()
    yield found
    found.close()
    desk.clear()


def lowest(held: bool) -> Callable[..., Finding]:
    def check(found) -> Finding:
        moment = found.at("switched", 6)
        return Finding(held, f"the <b>norm</b> is {np.linalg.norm(moment.codebook):.6f}.", {})

    return check


def small(**changes) -> Lesson:
    steps = (
        Step(title="Look", text="Look at it.", shows=("plain",), at=4),
        Step(
            title="Guess",
            text="Guess what.",
            shows=("plain", "switched"),
            at=6,
            reads=(("switched", 2),),
            panels=("map", "compare"),
            question=Question(asks="Which?", choices=("this one", "that one"), answer=lambda found: 1),
            claims=(Claim("It holds.", lowest(True)), Claim("It fails.", lowest(False))),
        ),
    )
    values = {
        "name": "small",
        "title": "A <small> lesson",
        "about": "About.",
        "trainings": {"plain": PLAIN, "switched": SWITCHED},
        "steps": steps,
        "try_it": TryIt(text="Try.", training=PLAIN),
        "known": (Note("Known.", "A source", "https://example.org/known"),),
        "contested": (Note("Contested.", "Another", "https://example.org/contested"),),
    }
    return Lesson(**(values | changes))


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Lesson:
    """The page gives this lesson and no other."""
    lesson = small()
    monkeypatch.setattr(catalogue, "lessons", lambda check: ([lesson], []))
    return lesson


def open_page(**query: str) -> AppTest:
    return open_script("lessons/page.py", SECONDS, **query)


def keys(page: AppTest) -> set[str]:
    return {button.key for button in page.button}


def charts(page: AppTest) -> set[str]:
    return {element.key for element in page.get("bidi_component")}


def text(page: AppTest) -> str:
    return " ".join(element.proto.body for element in page.get("html"))


def query(page: AppTest) -> dict[str, str]:
    return {name: values[0] if isinstance(values, list) else values for name, values in page.query_params.items()}


def finish(run_: LessonRun) -> None:
    """Drive until all that is wanted is there, waiting for each session in between."""
    for _ in range(100):
        run_.drive()
        if run_.is_ready():
            return
        for each in run_.trainings.values():
            entry = run_.registry.find(each._entry_id)
            if entry is not None:
                entry.session.wait(
                    lambda s: not s.commands_pending() and s.status().state in (State.PAUSED, State.BROKEN), SECONDS
                )
    raise AssertionError("It is not ready.")


def settle(page: AppTest, readers: Desk, lesson: Lesson) -> AppTest:
    finish(readers.reader(query(page)["reader"]).run(lesson, int(query(page).get("seed", 0))))
    return run(page)


def test_the_list_has_a_card_for_every_lesson(readers: Desk) -> None:
    page = open_page()
    lessons, unusable = catalogue.lessons()
    assert unusable == []
    for lesson in lessons:
        assert f"lesson-open-{lesson.name}" in keys(page)
        assert lesson.about in html.unescape(text(page))
    assert query(page).keys() == {"reader"}


def test_a_reader_goes_through_a_lesson_and_its_numbers_are_those_of_the_run_without_a_page(
    readers: Desk, given: Lesson
) -> None:
    page = press(open_page(), "lesson-open-small")
    assert query(page) | {"reader": ""} == {"lesson": "small", "step": "1", "reader": ""}
    assert "lesson-hold" in keys(page)
    settle(page, readers, given)
    assert "lesson-hold" not in keys(page)
    assert {"lesson-map-0", "lesson-usage-0"} <= charts(page)
    settle(press(page, "lesson-next"), readers, given)
    settle(press(page, "lesson-choice-2-1"), readers, given)
    expected = examine(given, record(given, 0))
    assert [each.finding.held for each in expected] == [True, False]
    for each in expected:
        assert each.finding.sentence().replace("<b>", "&lt;b&gt;").replace("</b>", "&lt;/b&gt;") in text(page)
    assert "step 2 of 3" in text(page)
    press(page, "lesson-next")
    assert "Your guesses: 1 of 1 right" in text(page)
    assert "https://example.org/known" in text(page)
    assert "https://example.org/contested" in text(page)
    assert page.button(key="lesson-next").disabled
    press(page, "lesson-back")
    assert query(page)["step"] == "2"
    press(page, "lesson-restart")
    assert query(page)["step"] == "1"
    assert "lesson-hold" in keys(page)


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("lesson-choice-2-1", "You guessed right: <b>that one</b>"),
        ("lesson-choice-2-0", "You guessed: this one. Here it is: <b>that one</b>"),
        ("lesson-skip", "Here it is: <b>that one</b>"),
    ],
)
def test_what_happened_is_hidden_until_a_guess_or_none(readers: Desk, given: Lesson, key: str, said: str) -> None:
    page = settle(open_page(lesson="small", step="2"), readers, given)
    assert "the &lt;b&gt;norm" not in text(page)
    assert not any(chart.startswith("lesson-") for chart in charts(page))
    assert "lesson-sweep" not in keys(page)
    settle(press(page, key), readers, given)
    assert said in text(page)
    assert "the &lt;b&gt;norm" in text(page)
    assert {"lesson-map-0", "lesson-map-1", "lesson-compare-0"} <= charts(page)
    assert "lesson-skip" not in keys(page)


def test_a_pause_holds_the_training_and_it_goes_on_to_the_same_numbers(
    readers: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lesson_run, "SLOWEST", 20.0)
    training = Training(problem="plane", changes=SMALL)
    lesson = small(
        trainings={"plain": training},
        steps=(Step(title="Long", text="Long.", shows=("plain",), at=60),),
    )
    found = readers.reader(None).run(lesson, 3)
    each = found.trainings["plain"]
    found.drive()
    session = found.registry.find(each._entry_id).session
    for _ in range(100):
        found.drive()
        if session.wait(lambda s: s.latest() is not None and s.latest().step > 0, 0.2):
            break
    found.held = True
    found.drive()
    session.wait(lambda s: not s.commands_pending(), SECONDS)
    assert session.status().state is State.PAUSED
    assert 0 < session.trained_steps() < 60
    assert not found.is_ready()
    found.held = False
    finish(found)
    assert np.array_equal(each.kept[60].codebook, record(lesson, 3).at("plain", 60).codebook)


def test_every_moment_is_that_of_the_run_without_a_page(readers: Desk) -> None:
    lesson = small(steps=(*small().steps, Step(title="Back", text="Back.", shows=("switched",), at=2)))
    found = readers.reader(None).run(lesson, 7)
    found.answers[2] = None
    found.go_to(4)
    finish(found)
    expected = record(lesson, 7)
    got = found.record()
    assert got.moments.keys() == expected.moments.keys()
    for key, moment in expected.moments.items():
        for name in ("z_e", "codes", "codebook", "counts", "gradient_norm"):
            assert np.array_equal(getattr(got.moments[key], name), getattr(moment, name)), (key, name)
        assert got.moments[key].events == moment.events
        assert got.moments[key].metrics == moment.metrics or moment.step == 0
    assert found.registry.find(found.trainings["switched"]._entry_id) is None  # given back when done


def test_a_training_that_breaks_down_is_said_and_leaves_the_rest(readers: Desk, monkeypatch) -> None:
    wild = Training(problem="plane", changes=SMALL | {"learning_rate": 1e9})
    lesson = small(trainings={"plain": PLAIN, "switched": wild})
    monkeypatch.setattr(catalogue, "lessons", lambda check: ([lesson], []))
    page = open_page(lesson="small", step="2")
    settle(press(page, "lesson-skip"), readers, lesson)
    assert "became" in page.warning[0].value.replace("\\", "")
    assert "broke down" in text(page)
    assert "lesson-map-0" in charts(page)


def test_a_session_that_made_room_is_begun_again_to_the_same_numbers(readers: Desk, given: Lesson) -> None:
    found = readers.reader(None).run(given, 0)
    finish(found)
    found.end()
    found.answers[2] = 0
    found.go_to(2)
    finish(found)
    assert np.array_equal(found.record().at("plain", 6).codebook, record(given, 0).at("plain", 6).codebook)


def test_a_lesson_with_an_error_is_a_card_that_names_the_step_and_the_others_go_on(
    readers: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "lessons_of_others"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    written = (
        "from demos.lesson import Lesson, Step, Training, TryIt\n"
        "LESSON = Lesson(name='{name}', title='{name}', about='', steps=(Step(title='<Look>', text='{text}'),),\n"
        "    try_it=TryIt(text='', training=Training(problem='plane')), known=(), contested=())\n"
    )
    (folder / "lesson_1_long.py").write_text(written.format(name="long", text="word " * 61))
    (folder / "lesson_2_good.py").write_text(written.format(name="good", text="Look."))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalogue, "lessons", partial(catalogue.lessons, folder, folder.name))
    page = open_page()
    assert "lesson_1_long.py" in text(page)
    assert "Step 1 (&lt;Look&gt;)" in text(page)
    assert "61" in text(page)
    assert {"lesson-open-good"} == {key for key in keys(page) if key.startswith("lesson-open")}
    press(page, "lesson-open-good")
    assert query(page)["lesson"] == "good"


@pytest.mark.parametrize(
    ("asked", "named", "reached"),
    [
        ({"lesson": "![x](y)"}, "`lesson`", {}),
        ({"lesson": "small", "step": "4"}, "1 to 3", {"lesson": "small", "step": "1"}),
        ({"lesson": "small", "step": "²"}, "`step`", {"lesson": "small", "step": "1"}),
        ({"lesson": "small", "seed": "-1"}, "`seed`", {"lesson": "small", "step": "1"}),
        ({"lesson": "small", "step": "3", "flavour": "x"}, "`flavour`", {"lesson": "small", "step": "3"}),
    ],
)
def test_what_a_link_asks_in_vain_is_said_in_place(readers: Desk, given: Lesson, asked, named, reached) -> None:
    page = open_page(**asked)
    (warning,) = page.warning
    assert named in warning.value.replace("\\", "")
    assert "![x](y)" not in warning.value
    found = query(page)
    found.pop("reader")
    assert found == reached


def test_a_reload_finds_the_reader_again(readers: Desk, given: Lesson) -> None:
    page = settle(open_page(lesson="small", step="2", seed="5"), readers, given)
    press(page, "lesson-choice-2-0")
    again = settle(open_page(**query(page)), readers, given)
    assert "You guessed: this one" in text(again)
    assert query(again) == query(page)
    other = open_page(**{name: value for name, value in query(page).items() if name != "reader"})
    assert "lesson-choice-2-0" in keys(other)
    listed = open_page(reader=query(page)["reader"], seed="5")
    assert "step 2 of 3" in text(listed)


def test_another_seed_trains_anew_and_a_seed_that_is_none_is_said(readers: Desk, given: Lesson) -> None:
    page = settle(open_page(lesson="small", step="2"), readers, given)
    settle(press(page, "lesson-skip"), readers, given)
    page.number_input(key="lesson-seed").set_value(-4)
    run(page)
    assert "-4" in page.warning[0].value.replace("\\", "")
    assert "seed" not in query(page)
    page.number_input(key="lesson-seed").set_value(9)
    run(page)
    assert query(page)["seed"] == "9"
    assert "lesson-choice-2-0" in keys(page)
    settle(press(page, "lesson-skip"), readers, given)
    assert examine(given, record(given, 9))[0].finding.measured.split()[-1] in text(page)


def test_claims_are_counted_over_seeds_in_the_background(readers: Desk, given: Lesson) -> None:
    page = settle(open_page(lesson="small", step="2"), readers, given)
    settle(press(page, "lesson-skip"), readers, given)
    press(page, "lesson-sweep")
    sweep = readers.sweep_of(given)
    assert sweep.wait(SECONDS)
    run(page)
    assert "It holds.</small><small>Here: on 5 of 5 seeds, 0–4." in text(page)
    assert "Here: on 0 of 5 seeds, 0–4, not on seed 0, 1, 2, 3, 4." in text(page)
    assert sweep.is_complete
    assert sweep.share_done == 1


def test_counting_over_seeds_can_be_cancelled_and_begun_anew(readers: Desk) -> None:
    slow = small(steps=(replace(small().steps[0], at=100_000),))
    sweep = readers.begin_sweep(slow)
    assert readers.begin_sweep(slow) is sweep
    sweep.cancel()
    assert not sweep.is_running
    assert sweep.wait(SECONDS)
    assert sweep.results == ()
    assert not sweep.problem
    again = readers.begin_sweep(slow)
    assert again is not sweep
    assert again.is_running


def test_a_lesson_about_the_plane_shows_its_paths_and_finds_what_the_run_without_a_page_finds(readers: Desk) -> None:
    (lesson,) = (each for each in catalogue.lessons()[0] if each.setting is not None)
    page = open_page(lesson=lesson.name, step="2", seed="3")
    paths = readers.reader(query(page)["reader"]).run(lesson, 3).paths
    assert paths.wait(SECONDS)
    run(page)
    assert "lesson-paths" in charts(page)
    (found,) = (each for each in examine(lesson, record(lesson, 3)) if each.number == 2)
    assert found.finding.sentence() in html.unescape(text(page))
    press(page, "lesson-next")
    assert "lesson-paths" not in charts(page)
    press(page, "lesson-skip")
    assert "lesson-paths" in charts(page)


def test_a_place_survives_the_link() -> None:
    lesson = small()
    for place in (LessonLink("small", 2, 7), LessonLink("small", 3, 0), LessonLink(None, 1, 0)):
        assert lesson_address.read(lesson_address.write(place, "someone"), [lesson]) == (place, [])


def test_each_claim_says_on_how_many_seeds_it_held_when_it_was_recorded(
    readers: Desk, given: Lesson, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts = {"It holds.": Count(19, 20, 100, 119, "5a02d9b0c1", "2026-11-28")}
    monkeypatch.setattr(step, "recorded_counts", {given.name: counts}.get)
    page = settle(press(open_page(lesson="small", step="2"), "lesson-skip"), readers, given)
    assert "It holds. Held on 19 of 20 seeds, 100–119." in text(page)
    said = page.button(key="lesson-sweep").help
    assert said == "Seeds 100–119 were recorded on 2026-11-28 with commit 5a02d9b."
    assert "It fails." not in text(page)  # without a record only what it found is said
