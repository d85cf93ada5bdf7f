"""The Runs page: what it lists, opens, follows and compares, and what it refuses."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import numpy as np
import pytest
from page_runs import open_script, run, state_in
from streamlit.testing.v1 import AppTest

from app.links import runs as address
from app.links.runs import RunsLink, RunView, write_run_view
from app.live_plot.code_card import Card
from app.panels.run_card import run_card
from app.panels.run_parts import run_parts
from app.panels.run_scene import run_scene
from app.runs.code_choice import code_of
from app.runs.state import RunsState
from app.sessions import recorded_run
from app.sessions.registry import Registry
from app.sessions.run_desk import RunDesk, run_desk
from app.stream.asking import Ask, read_ask
from app.stream.frames import frame_of
from app.stream.road import _found
from vqcore.runs import writing
from vqcore.runs.writing import RunWriter
from vqcore.training.recipe import default_recipe

K, D, N = 16, 3, 2000
HOSTILE = "<img src=x onerror=alert(1)>"
NEWEST = RunView()
WANTED = [
    "status", "run-story", "run-time", "run-tiles", "run-findings", "run-map-plot", "run-map-said", "run-bars-plot",
    "run-bars-said", "run-card", "run-curves-plot", "run-curves-said", "runs-table", "runs-plot",
]  # fmt: skip


def begun(folder: Path, name: str = "q", steps: range = range(0, 60, 10), used_from_30: int = 1) -> RunWriter:
    """A run whose codes are used evenly until step 20, and `used_from_30` of them afterwards."""
    writer = RunWriter(folder, {"codebooks": [{"name": name, "num_codes": K, "dim": D}]})
    for step in steps:
        record(writer, step, K if step < 30 else used_from_30, name)
    return writer


def record(writer: RunWriter, step: int, used: int, name: str = "q") -> None:
    table = np.random.default_rng(0).normal(size=(K, D)).astype(np.float32) + np.float32(step / 100)
    codes = np.arange(N, dtype=np.int32) % used
    z_e = table[codes] + np.random.default_rng(step).normal(0, 0.01, (N, D)).astype(np.float32)
    counts = np.bincount(codes, minlength=K)
    arrays = {"table": table, "z_e": z_e.astype(np.float32), "codes": codes, "counts": counts}
    writer.save(step, {f"{name}/{field}": array for field, array in arrays.items()}, {})
    numbers = {"in_use": used, "perplexity": float(used), "vectors": N}
    writer.append({"step": step, "time": float(step), "loss": 100.0 - step, "codebooks": {name: numbers}})


@pytest.fixture
def desk(sessions: Registry) -> Iterator[RunDesk]:
    found = run_desk()
    yield found
    found.close()
    run_desk.clear()


def asked(session: str, view: RunView = NEWEST) -> Ask:
    told = {"n": 1, "session": session, "view": write_run_view(view), "wanted": WANTED, "have": {}, "controls": "",
            "hands": {}, "now": True}  # fmt: skip
    return read_ask(json.dumps(told))


def parts_of(desk: RunDesk, *folders: Path, view: RunView = NEWEST) -> dict[str, str]:
    """The parts of opened runs as the road sends them, once all their moments are judged."""
    opened = desk.opened(tuple((folder.name, folder) for folder in folders))
    opened.look()
    for one in opened.runs:
        assert one.wait(lambda news: news.run is not None and not news.to_judge).run is not None
    ask = asked(opened.id, view)
    assert _found(ask) is opened
    return {key: data.decode("latin-1") for key, _, data in frame_of(opened, ask).parts}


def test_the_card_of_a_code_shows_the_kept_inputs_that_have_it_nearest_first(desk, tmp_path):
    writer = RunWriter(tmp_path / "one", {"codebooks": [{"name": "q", "num_codes": 3, "dim": 2}]})
    table = np.array([[0, 0], [5, 0], [0, 5]], dtype=np.float32)
    codes = np.array([1, 1, 1, 0, 1], dtype=np.int32)
    z_e = table[codes] + np.array([[0.3, 0], [0.2, 0], [0.1, 0], [0, 0], [0.4, 0]], dtype=np.float32)
    of = np.array([2, 0, -1, 1, 0], dtype=np.int32)
    arrays = {"table": table, "z_e": z_e, "codes": codes, "input": of, "counts": np.array([1, 4, 0])}
    inputs = np.array([[10, 11], [20, 21], [30, 31]], dtype=np.float32)
    for step, also in ((0, {"inputs": inputs}), (10, {})):
        writer.save(step, {f"q/{name}": array for name, array in arrays.items()} | also, {})
        writer.append({"step": step, "codebooks": {"q": {"vectors": 5}}})
    writer.close()

    (opened,) = desk.opened((("one", tmp_path / "one"),)).runs
    assert "run-card" in parts_of(desk, tmp_path / "one", view=RunView(code=1))

    def card(code: int, at: int) -> Card | None:
        return run_card(run_scene(opened, RunView(code=code, at=at)), code)

    found = card(1, 0)
    assert [(one.words, one.caption) for one in found.nearest] == [
        ("(10.00, 11.00)", "0.200"),
        ("(30.00, 31.00)", "0.300"),
    ]
    facts = {fact.label: fact.value for fact in found.facts}
    assert (facts["chosen"], facts["rank"], facts["used by"], facts["‖c‖"]) == ("4", "1", "4", "5.00")
    assert [code for code, _ in found.neighbours] == [0, 2]
    assert card(2, 0).nearest_note.startswith("none of the 3 inputs")
    assert card(1, 10).nearest_note.startswith("no inputs were kept")
    assert card(3, 0) is None


def test_a_click_on_a_vector_or_a_code_chooses_the_code_that_it_has(desk, tmp_path):
    begun(tmp_path / "one", used_from_30=3).close()
    parts_of(desk, tmp_path / "one")
    (opened,) = desk.opened((("one", tmp_path / "one"),)).runs
    scene = run_scene(opened, RunView(code=2))
    book = scene.codebook()
    nearest = np.linalg.norm(book.z_e[:, None] - book.table, axis=2).argmin(1)
    for row in (0, 1, 2, 7, N - 1):
        assert code_of({"P": [row]}, scene) == nearest[row]
    assert [code_of({role: [5]}, scene) for role in ("Q", "C", "dead")] == [5, 5, 5]
    assert [code_of(ids, scene) for ids in ({}, {"P": [N]})] == [None, None]
    marked = run_parts(desk.opened((("one", tmp_path / "one"),)), RunView(code=2), ["run-map-plot"])["run-map-plot"]
    assert marked.make()["selected"]["P"] == np.flatnonzero(nearest == 2).tolist()


def test_a_run_is_opened_with_its_findings_at_every_moment_and_what_came_first(desk, tmp_path):
    begun(tmp_path / "one").close()
    newest = parts_of(desk, tmp_path / "one")
    assert {"run-map-plot", "run-bars-plot", "run-curves-plot", "run-tiles", "run-time"} <= newest.keys()
    assert "index collapse between step 20 and 30" in newest["run-story"]
    before = parts_of(desk, tmp_path / "one", view=RunView(at=25))
    assert "<b>step 20</b>" in before["run-story"].replace("\\u003c", "<").replace("\\u003e", ">")
    assert "collapse" not in before["run-story"]
    assert "collapse" not in before["run-findings"]


def test_a_run_is_followed_while_it_is_written_and_its_death_is_seen(desk, tmp_path):
    writer = begun(tmp_path / "one", steps=range(0, 20, 10))
    (opened,) = desk.opened((("one", tmp_path / "one"),)).runs
    opened.look()
    assert opened.wait(lambda news: news.run is not None).run.state == "running"
    before = opened.news
    record(writer, 20, K)
    after = opened.wait(lambda news: [one.step for one in news.course] == [0, 10, 20], 30)
    assert after is not before
    assert [one.step for one in after.usage] == [0, 10, 20]
    writer.close()
    assert opened.wait(lambda news: news.run.state == "died", 30).run.state == "died"


def test_the_past_of_a_run_that_is_followed_for_long_is_thinned(desk, tmp_path, monkeypatch):
    monkeypatch.setattr(recorded_run, "MOST_MOMENTS", 12)
    monkeypatch.setattr(recorded_run, "READ_SECONDS", 0.01)
    monkeypatch.setattr(writing, "MOST_SNAPSHOTS", 9)
    writer = begun(tmp_path / "one", steps=range(0, 10, 10))
    (opened,) = desk.opened((("one", tmp_path / "one"),)).runs
    opened.look()
    for step in range(10, 220, 10):
        record(writer, step, K)
        assert opened.wait(lambda news, step=step: bool(news.course) and news.course[-1].step == step).course
    writer.close()
    steps = [one.step for one in opened.wait(lambda news: news.run.state == "died" and not news.to_judge).course]
    assert len(steps) <= 14
    assert steps[0] == 0
    assert set(opened.news.run.snapshots) <= set(steps)


def test_hostile_names_and_values_are_text(desk, tmp_path):
    writer = begun(tmp_path / "one", name=HOSTILE)
    writer.append({"step": 70, "event": HOSTILE, "changes": {}})
    writer.append({"ended": 1.0, "error": HOSTILE, "notes": [HOSTILE]})
    writer.close()
    begun(tmp_path / HOSTILE.replace("/", "")).close()
    for parts in (parts_of(desk, tmp_path / "one"), parts_of(desk, tmp_path / "one", tmp_path / HOSTILE)):
        for key, written in parts.items():
            assert "<img" not in written or key == "status", key  # whose words the browser writes as text


def test_runs_are_compared(desk, tmp_path):
    begun(tmp_path / "one").close()
    begun(tmp_path / "two", used_from_30=8).close()
    parts = parts_of(desk, tmp_path / "one", tmp_path / "two")
    assert parts.keys() == {"runs-table", "runs-plot"}
    assert "1 of 16" in parts["runs-table"]
    assert "8 of 16" in parts["runs-table"]


def test_a_folder_without_runs_says_what_to_do(desk, tmp_path):
    page = open_script("runs/page.py", folder=str(tmp_path))
    assert "vqcore.watch(model" in page.code[0].value
    assert "vqscope train digits" in page.code[1].value


def test_runs_are_listed_and_searched_and_trainings_of_this_server_lead_back(desk, sessions, tmp_path):
    begun(tmp_path / "deep" / "one").close()
    begun(tmp_path / "two", used_from_30=8).close()
    entry = sessions.begin(default_recipe("plane", device="cpu"), paused=True)
    page = open_script("runs/page.py", folder=str(tmp_path))
    assert sorted(page.dataframe[0].value["run"]) == ["deep/one", "two"]
    assert any(f"./?session={entry.id}" in one.proto.body for one in page.get("html"))
    page.text_input(key="runs-search").input("DEEP died")
    assert list(run(page).dataframe[0].value["run"]) == ["deep/one"]


def test_a_link_opens_runs_and_nothing_outside_the_folder(desk, tmp_path):
    begun(tmp_path / "in" / "one").close()
    begun(tmp_path / "out").close()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out")
    page = open_script("runs/page.py", folder=str(tmp_path / "in"), run="one")
    assert not page.error
    assert page.query_params["run"] in ("one", ["one"])
    for name in ("../out", "link", str(tmp_path / "out")):
        refused = open_script("runs/page.py", folder=str(tmp_path / "in"), run=name)
        assert "must lie below the folder" in refused.error[0].value
    missing: AppTest = open_script("runs/page.py", folder=str(tmp_path / "in"), run="none")
    assert not missing.exception


def test_an_opened_run_goes_back_to_the_list(desk, tmp_path):
    begun(tmp_path / "one").close()
    page = open_script("runs/page.py", folder=str(tmp_path), run="one")
    state_in(page, RunsState).open(())
    assert list(run(page).dataframe[0].value["run"]) == ["one"]


@pytest.mark.parametrize(
    "link",
    [
        RunsLink(),
        RunsLink("/a b/ü", ("deep/one", HOSTILE), RunView(3, 7, 120, {**address.DEFAULTS, "bars": "usage"})),
    ],
)
def test_a_link_says_what_is_looked_at(link):
    query = {name: values[0] for name, values in parse_qs(urlencode(address.write(link))).items()}
    assert address.read(query) == (link, [])


@pytest.mark.parametrize("told", [{"codebook": -1}, {"at": 2**60}, {"controls": {"bars": "pie"}}, {"at": "1"}])
def test_a_hostile_request_is_refused(told):
    view = {**write_run_view(RunView()), **told}
    message = {
        "n": 1,
        "session": "x",
        "view": view,
        "wanted": [],
        "have": {},
        "controls": "",
        "hands": {},
        "now": True,
    }
    with pytest.raises(ValueError, match="must"):
        read_ask(json.dumps(message))
