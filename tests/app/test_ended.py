"""What was ended is said on every page, once and with a way on; nothing dead in a link leads to a traceback."""

from pathlib import Path

import pytest
import torch
from page_runs import SECONDS, open_script, press, query, run
from streamlit.testing.v1 import AppTest

from app.sessions.lesson_desk import MOST_READERS, desk
from app.sessions.registry import MOST_CASES, MOST_SEED_RUNS, MOST_SWEEPS, Registry, registry
from app.sessions.seed_runs import Plan
from vqcore.training.commands import RestartCommand
from vqcore.training.publisher import Publisher
from vqcore.training.recipe import default_recipe
from vqcore.trajectories.setting import Setting

TWO = {"problem": "plane", "v1": "baseline", "v2": "sync;sync=0.5"}
RECIPE = default_recipe("plane", device="cpu", num_codes=4)
PAGES = ("live", "compare", "trajectories", "lessons", "doctor")
DEAD = ("gone", "../<script>\x00☃%ff" + "9" * 400)
IDS = ("session", "watch", "at", "reader", "upload")
OF_A_SESSION = ("live", "compare", "lessons", "doctor")
"""Pages that have something to say of one of these ids."""

pytestmark = pytest.mark.usefixtures("sessions")


def open_page(name: str, **query: str) -> AppTest:
    return open_script(f"{name}/page.py", **query)


def said(page: AppTest) -> list[str]:
    """All that a page says beside what it shows."""
    found = (page.info, page.warning, page.error, page.caption, page.toast)
    return [element.value for elements in found for element in elements]


def ended(page: AppTest) -> list[str]:
    return [sentence for sentence in said(page) if "ended" in sentence or "no longer kept" in sentence]


def compared(**more: str) -> AppTest:
    page = open_page("compare", **TWO, paused="1", **more)
    entry = registry().find(query(page)["session"])
    assert entry.session.wait(lambda session: session.latest() is not None, SECONDS)
    return run(page)


def test_side_by_side_says_it_and_begins_the_same_again() -> None:
    page = compared()
    before = query(page)["session"]
    registry().end(before)
    for _ in range(2):
        assert len(ended(run(page))) == 1
    press(page, "begin-again")
    after = query(page)
    assert after["session"] != before
    assert {name: after[name] for name in TWO} == TWO
    assert ended(run(page)) == []


def test_side_by_side_says_it_of_a_session_that_another_page_sends_it_to() -> None:
    page = compared()
    other = registry().begin(RECIPE, paused=True)
    registry().end(other.id)
    page.query_params.clear()
    page.query_params["session"] = other.id
    assert len(ended(run(page))) == 1
    press(page, "begin The start")
    assert ended(page) == []
    assert tuple(registry().find(query(page)["session"]).session.recipes) == ("random", "k-means")


def test_seeds_that_newer_ones_took_the_place_of_are_said_to_have_ended() -> None:
    page = compared()
    page.number_input(key="compare-seeds").set_value(1)
    run(page)
    press(page, "compare-seeds-go")
    assert ended(page) == []
    for steps in range(1, MOST_SEED_RUNS + 1):
        registry().begin_seeds(Plan((("main", RECIPE),), 1, steps))
    assert len(ended(run(page))) == 1
    press(page, "compare-seeds-go")
    assert ended(page) == []


def test_a_sweep_that_newer_ones_took_the_place_of_is_said_to_have_ended() -> None:
    page = open_page("trajectories", steps="40")
    assert ended(page) == []
    press(page, "sweep-begin")
    for seed in range(50, 50 + MOST_SWEEPS):
        registry().begin_sweep(Setting(landscape="quadratic", methods=("STE",), seed=seed)).cancel()
    assert len(ended(run(page))) == 1
    press(page, "sweep-begin")
    assert ended(page) == []


@pytest.fixture
def lesson_page() -> AppTest:
    yield open_page("lessons", lesson="quantizer", step="1")
    desk().close()
    desk.clear()


def test_a_reader_whom_newer_ones_took_the_place_of_is_told(lesson_page: AppTest) -> None:
    page, reader = lesson_page, query(lesson_page)["reader"]
    assert ended(page) == []
    for _ in range(MOST_READERS):
        desk().reader(None)
    assert len(ended(run(page))) == 1
    assert query(page)["reader"] != reader
    press(page, "lesson-next")
    assert ended(page) == []


def test_a_training_of_a_lesson_that_begins_again_says_so(lesson_page: AppTest, sessions: Registry) -> None:
    page = lesson_page
    press(page, "lesson-hold")
    run_ = next(iter(desk().reader(query(page)["reader"]).runs.values()))
    (training, *_) = (run_.trainings[name] for name in run_.targets())
    assert not any("begun again" in sentence for sentence in said(page))
    sessions.end(training._entry_id)
    assert sum("begun again" in sentence for sentence in said(run(page))) == 1


def test_an_examination_that_newer_ones_took_the_place_of_is_said_and_not_begun_again_unasked(
    tmp_path: Path, sessions: Registry
) -> None:
    path = tmp_path / "model.pt"
    torch.save({"quantize.embedding.weight": torch.randn(16, 4)}, path)
    page = open_page("doctor", path=str(path))
    (case,) = sessions.cases.values()
    assert case.examination.wait(SECONDS)
    run(page)
    for number in range(MOST_CASES):
        sessions.cases.find_or_make(number, lambda: case)
    for _ in range(2):
        assert len(ended(run(page))) == 1
    assert case not in [sessions.cases.find(case.asked)]
    press(page, "doctor-again")
    assert sessions.cases.find(case.asked).examination.wait(SECONDS)
    assert ended(run(page)) == []


def test_side_by_side_draws_whatever_set_of_variants_is_published(monkeypatch: pytest.MonkeyPatch) -> None:
    """A restart with other variants is known before their first moment is: until then the old ones are drawn."""
    page = compared()
    publish = Publisher.publish
    monkeypatch.setattr(Publisher, "publish", lambda *_, **__: None)
    entry = registry().find(query(page)["session"])
    session = entry.session
    entry.send(RestartCommand(dict.fromkeys(("first", "second", "third"), default_recipe("plane"))))
    assert not run(page).exception
    assert tuple(session.latest_of_all()) == ("baseline", "sync")
    commands = [code.value for code in page.sidebar.code if "vqcore train" in code.value]
    assert [("sync=0.5" in command) for command in commands] == [False, True]
    monkeypatch.setattr(Publisher, "publish", publish)
    press(page, "compare-step")
    assert len([code for code in run(page).sidebar.code if "vqcore train" in code.value]) == 3


@pytest.mark.parametrize("name", PAGES)
def test_no_dead_id_in_a_link_leads_to_a_traceback(name: str) -> None:
    for value in DEAD:
        page = open_page(name, **dict.fromkeys(IDS, value))
        assert not page.exception
        assert len(ended(page)) == (name in OF_A_SESSION)
