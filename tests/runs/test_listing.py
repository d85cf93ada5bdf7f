"""The runs below a folder: which are found, and what is read of them a second time."""

import json
from pathlib import Path

import numpy as np
import pytest
from test_run_on_disk import ABOUT_RUN, record

from vqcore.cli import main
from vqcore.runs import listing
from vqcore.runs.course import moments, onsets
from vqcore.runs.layout import ABOUT, METRICS
from vqcore.runs.listing import RunList
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter


def written(folder: Path, created: str, steps=(0, 10), **about) -> RunWriter:
    writer = RunWriter(folder, {**ABOUT_RUN, "created": created, **about})
    for step in steps:
        record(writer, step)
    return writer


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Runs of three days, the middle one by two ranks."""
    below = tmp_path / "runs"
    for name, day in (("old", 1), ("deep/er/new", 3), ("pair/rank0", 2), ("pair/rank1", 2)):
        written(below / name, f"2026-01-0{day}T00:00:00Z").close()
    return below


def test_runs_are_found_newest_first_and_ranks_are_one(root):
    found = RunList(root).look()
    assert [one.name for one in found] == ["deep/er/new", "pair/rank0", "old"]
    assert [one.ranks for one in found] == [1, 2, 1]
    assert {(one.state, one.step, one.recorded, one.sizes) for one in found} == {("died", 10, 2, "4 × 2")}
    assert {one.in_use for one in found} == {(0.75, 0.75)}


def test_no_link_is_followed(root, tmp_path):
    written(tmp_path / "outside", "2026-01-09T00:00:00Z").close()
    (root / "link").symlink_to(tmp_path / "outside")
    (root / "half").mkdir()
    (root / "half" / ABOUT).symlink_to(tmp_path / "outside" / ABOUT)
    assert len(RunList(root).look()) == 3


def test_what_has_not_changed_is_not_read_again_and_a_death_is_seen_all_the_same(root, monkeypatch):
    writer = written(root / "live", "2026-01-05T00:00:00Z")
    below = RunList(root)
    assert [one.state for one in below.look()] == ["running", "died", "died", "died"]
    read = []
    monkeypatch.setattr(listing, "load_run", lambda folder: read.append(folder.name) or load_run(folder))
    writer.close()
    assert [one.state for one in below.look()] == ["died"] * 4
    assert read == []
    again = RunWriter.going_on(root / "live", 10)
    record(again, 20)
    newest, *_ = below.look()
    assert (read, newest.state, newest.step) == (["live"], "running", 20)
    again.append({"ended": 1.0, "error": ""})
    again.close()
    assert below.look()[0].state == "finished"


@pytest.mark.parametrize(
    "line",
    [
        '{"step": 1e400, "codebooks": {}}',
        '{"step": true, "codebooks": {}}',
        '{"step": 99999999999999999999999, "codebooks": {}}',
        '{"step": 20, "codebooks": {"quantize": 3}}',
        '{"step": 20, "codebooks": []}',
        '{"resumed": 1, "from": "x"}',
        "[" * 100_000,
    ],
)
def test_a_hostile_line_is_left_out(root, line):
    with (root / "old" / METRICS).open("a") as metrics:
        metrics.write(line + "\n")
    old = RunList(root).look()[-1]
    assert (old.name, old.step, old.recorded) == ("old", 10, 2)


def test_hostile_values_are_no_numbers(root):
    with (root / "old" / METRICS).open("a") as metrics:
        line = {"step": 20, "loss": "<script>", "codebooks": {"quantize": {"in_use": "many"}}, "dropped": "x"}
        metrics.write(json.dumps(line) + "\n")
    old = RunList(root).look()[-1]
    assert (old.step, old.loss, old.in_use) == (20, None, (0.75, 0.75, 0.0))
    assert load_run(old.folder).curve("loss")[1].tolist() == [0, 5]


@pytest.mark.parametrize(
    "about", ["[]", "{}", '{"format": "vqscope-run", "version": 1, "codebooks": [{"name": "a", "num_codes": 0}]}']
)
def test_a_folder_of_another_tool_is_one_sentence(root, about):
    (root / "old" / ABOUT).write_text(about)
    below = RunList(root)
    assert [one.name for one in below.look()] == ["deep/er/new", "pair/rank0"]
    assert len(below.refused) == 1


def test_the_command_lists_them_and_says_what_to_do_where_there_is_none(root, tmp_path, capsys):
    assert main(["runs", str(root), "--search", "ER/NEW", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["runs"]
    assert (one["name"], one["state"], one["loss"]) == ("deep/er/new", "died", 5.0)
    assert one["verdict"]["severity"] in ("severe", "warning", "unknown", "healthy")
    assert main(["runs", str(tmp_path / "none")]) == 0
    assert "vqcore.watch(model" in capsys.readouterr().out


def test_an_onset_lies_between_the_last_step_without_a_finding_and_the_first_with_it(tmp_path):
    """Even use until step 20, one code alone from step 30 on."""
    writer = RunWriter(tmp_path / "run", {"codebooks": [{"name": "q", "num_codes": 8, "dim": 2}]})
    table = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    for step in range(0, 60, 10):
        counts = np.full(8, 2000) if step < 30 else np.eye(8, dtype=np.int64)[0] * 16_000
        writer.save(step, {"q/table": table + step, "q/counts": counts}, {})
        writer.append({"step": step, "codebooks": {"q": {"in_use": int((counts > 0).sum())}}})
    writer.close()
    course = list(moments(load_run(tmp_path / "run")))
    assert onsets(course, 20) == ()
    found = {one.finding.condition: (one.after, one.by) for one in onsets(course, 50)}
    assert found["index-collapse"] == (20, 30)
