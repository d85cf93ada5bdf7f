"""From a start's card to its pause and its experiments, as Streamlit runs the page without a browser."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from live_page_runs import entry_of, open_page, reach, sentences, step_of
from page_runs import page_data, press, run, shown
from road_reading import parts
from streamlit.testing.v1 import AppTest

from app.links import live as address
from app.live import start_cards
from app.live.experiments import LEFT_OUT, PLACE, link_query
from app.panels.experiment_words import csv_text, formula, markdown
from app.sessions.registry import registry
from vqcore.problems.catalogue import find_problem
from vqcore.starts import catalogue
from vqcore.starts.catalogue import RANKED, STARTS
from vqcore.starts.start import Experiment, Start, Symptom
from vqcore.training.commands import change
from vqcore.training.status import State

pytestmark = pytest.mark.usefixtures("sessions")

TINY = Start(
    name="tiny",
    title="Tiny",
    about="A start for tests.",
    look_at="{in_use} of {num_codes} codes are left.",
    problem="plane",
    settings={"batch_size": 64},
    pause_at=6,
    steps=10,
    experiments=(
        Experiment(name="Do nothing", changes={}),
        Experiment(name="Affine", changes={"affine": "running"}),
        Experiment(name="Sync", changes={"sync": 0.5}),
    ),
    symptom=Symptom(words="collapse"),
    seed=3,
)


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Start:
    return offered(monkeypatch, TINY)


def offered(monkeypatch: pytest.MonkeyPatch, start: Start) -> Start:
    monkeypatch.setattr(catalogue, "STARTS", (start,))
    monkeypatch.setattr(start_cards, "STARTS", (start,))
    return start


def begun() -> AppTest:
    page = open_page()
    next(button for button in page.button if button.label == "Tiny").click()
    run(page)
    return reach(page, lambda s: s.status().paused_run is not None and step_of(s) == TINY.pause_at)


def pressed(page: AppTest, *meanings: str) -> AppTest:
    """Click in the strip as `experiments.js` tells it."""
    taken = page_data(page, PLACE)["taken"]
    page.session_state[PLACE] = {"clicks": [[taken + n, meaning] for n, meaning in enumerate(meanings, 1)]}
    return run(page)


def strip(page: AppTest) -> dict:
    return parts(page)[PLACE]


def column(page: AppTest, name: str) -> dict:
    return next(each for each in strip(page)["columns"] if each["name"] == name)


def done(page: AppTest, *names: str) -> AppTest:
    return reach(page, lambda s: {row.name for row in s.status().experiments if row.stage == "done"} >= {*names})


@pytest.mark.usefixtures("tiny")
def test_from_a_card_to_the_pause_and_a_table_that_stays():
    page = begun()
    session = entry_of(page).session
    assert session.status().state is State.PAUSED
    in_use = session.latest().held_out.in_use
    assert strip(page)["said"].startswith(f"{in_use} of {session.latest().num_codes} codes are left.")
    assert strip(page)["tools"].keys() == {"all"}
    pressed(page, "try:Affine", "try:Affine")
    done(page, "Affine", "Do nothing")
    assert page.query_params["start"] == "tiny"
    found = session.latest().held_out
    assert session.latest().events[0].changes == (("affine", "running"),)
    cells = [cell["text"] for cell in column(page, "Affine")["cells"]]
    assert cells[0] == f"{found.in_use:,}"
    assert column(page, "Affine")["shown"]
    said = re.sub("<[^>]*>", "", parts(page)["story"]["html"])
    alone = next(row.held_out for row in session.status().experiments if not row.changes)
    assert f"twin without it: in use {alone.in_use}, loss {alone.task_loss:#.3g}" in said
    pressed(page, "pause")
    reach(page, lambda s: s.status().run == s.status().paused_run)
    assert step_of(session) == TINY.pause_at
    assert [cell["text"] for cell in column(page, "Affine")["cells"]] == cells  # it stays


@pytest.mark.usefixtures("tiny")
def test_what_was_switched_at_the_pause_is_said_to_be_left_out_of_an_experiment():
    page = begun()
    assert not pressed(page, "pause").toast
    entry_of(page).session.send(change(sync=0.25))
    reach(page, lambda s: s.commands_pending() == 0)
    assert [toast.value for toast in pressed(page, "try:Sync").toast] == [LEFT_OUT]
    assert not pressed(done(page, "Sync"), "pause").toast


@pytest.mark.usefixtures("tiny")
def test_run_all_trains_each_once_and_what_is_taken_away_says_the_same():
    page = done(pressed(begun(), "all", "all"), "Do nothing", "Affine", "Sync")
    rows = entry_of(page).session.status().experiments
    assert [each["stage"] for each in strip(page)["columns"]] == ["done"] * 3
    assert "all" not in strip(page)["tools"]
    table = list(csv.DictReader(io.StringIO(csv_text(rows, 3))))
    assert [(each["experiment"], each["changes"]) for each in table] == [
        ("Do nothing", ""),
        ("Affine", "affine=running"),
        ("Sync", "sync=0.5"),
    ]
    assert [float(each["task_loss"]) for each in table] == [row.held_out.task_loss for row in rows]
    text = markdown(TINY, rows, find_problem("plane"), 32, 512, 3)
    for row, each in zip(rows, strip(page)["columns"], strict=True):
        (line,) = [line for line in text.splitlines() if line.startswith(f"| {row.name} |")]
        assert line.replace("*", "").split(" | ")[1:4] == [cell["text"] for cell in each["cells"][:3]]
    best = min(rows, key=lambda row: row.held_out.task_loss)
    assert [each["name"] for each in strip(page)["columns"] if each["cells"][2]["best"]] == [best.name]


@pytest.mark.usefixtures("tiny")
def test_a_start_that_was_changed_has_no_experiments_and_undo_brings_them_back():
    page = pressed(begun(), "try:Sync")
    done(page, "Sync")
    entry = entry_of(page)
    press(page, "restart")  # with ν = 0.5 from step 0: another training
    reach(page, lambda s: s.commands_pending() == 0)
    assert PLACE not in shown(run(page))
    assert entry.session.status().experiments == ()
    press(page, "undo")
    done(page, "Sync")
    assert PLACE in shown(page)


def test_a_seed_without_the_symptom_says_so_and_offers_the_next(monkeypatch):
    offered(monkeypatch, replace(TINY, symptom=Symptom(words="go blind", active_share_below=0.0)))
    page = begun()
    assert strip(page)["said"] == "Seed 3 did not go blind. Another seed may."
    assert strip(page)["tools"]["seed"]["words"] == "Try seed 4"
    pressed(page, "seed")
    reach(page, lambda s: s.status().run > 0 and s.status().paused_run == s.status().run)
    assert entry_of(page).session.status().recipe.seed == 4


@pytest.mark.usefixtures("tiny")
def test_a_follower_sees_the_table_and_can_press_nothing():
    page = begun()
    watched = open_page(watch=entry_of(page).watch_id)
    told = strip(watched)
    assert all(each["disabled"] for each in told["columns"])
    assert told["tools"] == {}
    pressed(watched, "try:Affine")
    assert {row.stage for row in entry_of(page).session.status().experiments} <= {"offered", "training", "done"}
    assert not any(row.run for row in entry_of(page).session.status().experiments if row.changes)


def test_a_link_begins_the_start_and_its_experiments_wait_for_the_pause():
    page = open_page(start="ranked-remedies", tried="2,3", seed="7")
    session = entry_of(page).session
    reach(page, lambda s: [row.stage for row in s.status().experiments].count("waiting") == 2)
    assert next(iter(session.recipes.values())) == RANKED.recipe(7)
    again = link_query(entry_of(page), session.status())
    assert (again["start"], again["tried"]) == ("ranked-remedies", "2,3")
    assert json.loads(json.dumps(strip(page)))["said"].startswith("The remedies, ranked")


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.name)
def test_a_written_start_is_read_as_the_same(start):
    recipe = start.recipe(11, "cpu")
    found = address.read(address.write_start(start, recipe, "2,3"))
    assert (found.start, found.recipe, found.refused) == (start, recipe, ())
    assert found.tried == tuple(each.name for each in start.experiments[1:3])


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"start": "nope"}, "`start` in the link must be one of photograph"),
        ({"start": "photograph", "tried": "x"}, "`tried` in the link must be numbers of experiments"),
        ({"start": "photograph", "affine": "running"}, "`affine` in the link has no effect beside a `start`"),
    ],
)
def test_what_a_link_says_of_a_start_in_vain_is_named(query, said):
    assert [sentence for sentence in address.read(query).refused if said in sentence]


def test_every_experiment_has_its_formula():
    for start in STARTS:
        for experiment in start.experiments[1:]:
            assert len(formula(experiment.changes).splitlines()) >= 1
            assert "No switch" not in formula(experiment.changes)


def test_sentences_of_the_start_page_are_none():
    assert sentences(open_page()) == []
    assert registry().owned() == []
