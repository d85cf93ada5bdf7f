import json
import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest
from safetensors.numpy import load_file

from vqcore.files.errors import CheckpointError
from vqcore.runs import writing
from vqcore.runs.layout import ABOUT, METRICS, PART, SNAPSHOTS, snapshot_name
from vqcore.runs.reading import RunReader, load_run
from vqcore.runs.thinning import NEWEST_KEPT, thinned
from vqcore.runs.writing import RunWriter

BOOK = {"name": "quantize", "num_codes": 4, "dim": 2, "structure": "whole", "level": 0}
ABOUT_RUN = {"name": "one", "codebooks": [BOOK]}


def arrays_at(step: int) -> dict[str, np.ndarray]:
    return {
        "quantize/table": np.full((4, 2), step, dtype=np.float32),
        "quantize/codes": np.arange(4, dtype=np.int32),
        "quantize/counts": np.array([step, 0, 1, 2]),
    }


def record(writer: RunWriter, step: int) -> None:
    name = writer.save(step, arrays_at(step), {"step": str(step)})
    writer.append({"step": step, "loss": step / 2, "codebooks": {"quantize": {"in_use": 3}}, "snapshot": name})


def written(folder, steps=range(0, 30, 10)) -> RunWriter:
    writer = RunWriter(folder, ABOUT_RUN)
    for step in steps:
        record(writer, step)
    return writer


def killed(writer: RunWriter) -> None:
    """What −9 leaves of it: its lock is released, and nothing is packed."""
    os.close(writer._metrics)


def test_what_was_written_is_read_and_the_state_follows_the_writer(tmp_path):
    writer = written(tmp_path / "run")
    assert load_run(tmp_path / "run").state == "running"
    writer.append({"ended": 1.0, "error": ""})
    writer.close()
    run = load_run(tmp_path / "run")
    assert (run.state, run.notes, run.codebooks, run.snapshots) == ("finished", (), ("quantize",), (0, 10, 20))
    steps, losses = run.curve("loss")
    assert steps.tolist() == [0, 10, 20]
    assert losses.tolist() == [0, 5, 10]
    assert run.curve("in_use", "quantize")[1].tolist() == [3, 3, 3]
    book = run.snapshot()["quantize"]
    assert np.array_equal(book.table, arrays_at(20)["quantize/table"])
    assert np.array_equal(book.counts, [20, 0, 1, 2])
    assert book.z_e is None


def test_the_safetensors_library_reads_what_is_written(tmp_path):
    killed(written(tmp_path / "run"))
    found = load_file(tmp_path / "run" / SNAPSHOTS / snapshot_name(20))
    assert found.keys() == arrays_at(20).keys()
    for key, array in arrays_at(20).items():
        assert found[key].dtype == array.dtype
        assert np.array_equal(found[key], array)


def test_a_run_cut_off_at_any_byte_opens_and_loses_at_most_its_last_snapshot(tmp_path):
    """Files are written in one order: a snapshot beside its name, its name, its line. −9 leaves a prefix of that."""
    folder = tmp_path / "run"
    killed(written(folder, range(0, 20, 10)))
    metrics, last = folder / METRICS, folder / SNAPSHOTS / snapshot_name(20)
    before = metrics.read_bytes()
    writer = RunWriter(tmp_path / "other", ABOUT_RUN)
    record(writer, 20)
    killed(writer)
    line = (tmp_path / "other" / METRICS).read_bytes()
    snapshot = (tmp_path / "other" / SNAPSHOTS / snapshot_name(20)).read_bytes()
    part = last.with_name(last.name + PART)
    for length in random.Random(0).sample(range(len(snapshot)), 60):
        part.write_bytes(snapshot[:length])
        run = load_run(folder)
        assert (run.snapshots, len(run.lines), run.notes[:-1]) == ((0, 10), 2, ())
        assert run.snapshot()["quantize"].table[0, 0] == 10
    part.unlink()
    last.write_bytes(snapshot)
    for length in range(len(line)):
        metrics.write_bytes(before + line[:length])
        run = load_run(folder)
        assert (run.state, run.snapshots, len(run.lines)) == ("died", (0, 10, 20), 2)
        assert ("1 line of metrics.jsonl was cut off" in run.notes[0]) == (length > 0)
        assert run.snapshot()["quantize"].table[0, 0] == 20


def test_a_damaged_newest_snapshot_gives_way_to_the_one_before(tmp_path):
    killed(written(tmp_path / "run"))
    path = tmp_path / "run" / SNAPSHOTS / snapshot_name(20)
    whole = path.read_bytes()
    for length in random.Random(1).sample(range(len(whole)), 60):
        path.write_bytes(whole[:length])
        run = load_run(tmp_path / "run")
        assert run.snapshot()["quantize"].table[0, 0] == 10
        with pytest.raises(CheckpointError):
            run.snapshot(20)


def test_a_run_gone_on_with_from_an_earlier_step_is_read_as_one_that_was_never_cut_off(tmp_path):
    written(tmp_path / "whole", range(0, 50, 10)).close()
    written(tmp_path / "run", range(0, 40, 10)).close()
    with (tmp_path / "run" / METRICS).open("ab") as metrics:
        metrics.write(b'{"step": 40, "lo')  # torn by -9
    writer = RunWriter.going_on(tmp_path / "run", 15)
    assert load_run(tmp_path / "run").snapshots == (0, 10)
    for step in (20, 30, 40):
        record(writer, step)
    writer.close()
    run, whole = load_run(tmp_path / "run"), load_run(tmp_path / "whole")
    assert (run.lines, run.snapshots) == (whole.lines, whole.snapshots)


KILLS = int(os.environ.get("VQ_KILLS", "5"))
KILLING = """
import json, sys
from pathlib import Path
from vqcore.bench.run_files import killed
print(json.dumps(killed(Path(sys.argv[1]), int(sys.argv[2]))))
"""


def test_a_writer_killed_at_any_moment_leaves_a_run_that_opens_and_all_but_its_last_snapshot(tmp_path):
    """In a process of its own, which forks: while it writes, packs, unpacks or goes on."""
    command = [sys.executable, "-c", KILLING, str(tmp_path), str(KILLS)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout)
    assert (found["moments"], found["unreadable"]) == (KILLS, 0)
    assert found["most_lost"] <= 1
    assert all(load_run(folder).state == "died" for folder in tmp_path.iterdir())


def test_a_full_disk_loses_one_step_and_no_other(tmp_path, monkeypatch):
    writer = written(tmp_path / "run")
    room, write = [40], writing.os.write

    def write_some(handle: int, piece: memoryview) -> int:
        if room[0] <= 0:
            raise OSError(28, "No space left on device")
        done = write(handle, piece[: room[0]])
        room[0] -= done
        return done

    monkeypatch.setattr(writing.os, "write", write_some)
    for missing in ({"step": 30, "codebooks": {}, "text": "a line longer than the room that is left"}, {"step": 31}):
        with pytest.raises(OSError, match="No space left"):
            writer.append(missing)
    with pytest.raises(OSError, match="No space left"):
        writer.save(40, arrays_at(40), {})
    monkeypatch.undo()
    record(writer, 50)
    writer.close()
    run = load_run(tmp_path / "run")
    assert [line["step"] for line in run.lines] == [0, 10, 20, 50]
    assert run.snapshots == (0, 10, 20, 50)
    assert not list((tmp_path / "run" / SNAPSHOTS).glob(f"*{PART}"))


def test_a_folder_that_holds_a_run_is_left_as_it_is(tmp_path):
    first, second, third = (written(tmp_path / "run") for _ in range(3))
    assert [one.folder.name for one in (first, second, third)] == ["run", "run-2", "run-3"]


def test_thinning_keeps_the_first_and_newest_and_gaps_that_grow_with_age():
    kept: list[int] = []
    for step in range(0, 100_000, 100):
        kept = thinned([*kept, step], 40)
    assert len(kept) == 40
    assert kept[0] == 0
    assert kept[-NEWEST_KEPT:] == list(range(100_000 - 100 * NEWEST_KEPT, 100_000, 100))
    age = 99_900 - np.array(kept[1 : -NEWEST_KEPT - 1])
    assert (np.diff(kept)[: len(age)] <= np.maximum(0.5 * age, 200)).all()


def test_numbers_that_json_lacks_come_back(tmp_path):
    writer = RunWriter(tmp_path / "run", ABOUT_RUN)
    for step, loss in enumerate([float("nan"), float("inf"), float("-inf"), 1.0]):
        writer.append({"step": step, "loss": loss, "codebooks": {}, "note": "two\nlines <b>"})
    writer.close()
    assert all(
        json.loads(line, parse_constant=pytest.fail) for line in (tmp_path / "run" / METRICS).read_text().splitlines()
    )
    assert np.array_equal(load_run(tmp_path / "run").curve("loss")[1], [np.nan, np.inf, -np.inf, 1], equal_nan=True)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "holds no run"),
        ("{", "cannot be read"),
        ("[]", "of another tool"),
        ('{"problem": "patches"}', "of another tool"),
        ('{"format": "vqscope-run", "version": 99}', "reads versions 1 and 2"),
        ('{"format": "vqscope-run", "version": 2}', "does not name its codebooks"),
    ],
)
def test_a_folder_that_is_no_run_gives_one_sentence(tmp_path, content, says):
    if content is not None:
        (tmp_path / ABOUT).write_text(content)
    with pytest.raises(CheckpointError, match=says):
        load_run(tmp_path)


def test_a_million_steps_open_quickly(tmp_path):
    writer = written(tmp_path / "run", [0])
    books = {"quantize": {"in_use": 3, "perplexity": 2.5, "quantization_error": 0.123456789, "vectors": 4096}}
    line = {"loss": 0.123456789, "codebooks": books, "snapshot": snapshot_name(0), "dropped": 0, "lost": 0}
    for step in range(100, 1_000_000, 100):
        writer.append({"step": step, **line})
    writer.close()
    before = time.process_time()
    run = load_run(tmp_path / "run")
    assert len(run.lines) == 10_000
    assert time.process_time() - before < 2


def test_a_reader_that_looks_again_and_again_reads_what_a_fresh_one_does(tmp_path):
    """Also of lines in two pieces, of a training gone on with, and of another run in its place."""
    folder, metrics = tmp_path / "run", tmp_path / "run" / METRICS
    written(folder, range(0, 30, 10)).close()
    whole = (
        metrics.read_bytes()
        + b'\n{"resumed": 1, "from": 5}\n{"step": 10, "codebooks": {}}\n{"ended": 1, "error": "x"}\n'
    )
    reader = RunReader(folder)
    for length in sorted(random.Random(2).sample(range(len(whole)), 40)):
        with metrics.open("r+b") as file:
            file.truncate()
            file.write(whole[:length])
        assert reader.read() == load_run(folder)
    metrics.unlink()
    metrics.write_bytes(whole)
    run = reader.read()
    assert run == load_run(folder)
    assert ([one["step"] for one in run.lines], run.state, run.ending) == ([0, 10], "died", "x")
