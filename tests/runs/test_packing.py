"""Snapshots are packed when a run ends, and whatever ends the packing, each can be read."""

import os
import zipfile

import numpy as np
import pytest
from safetensors.numpy import load
from test_run_on_disk import ABOUT_RUN, arrays_at, killed, record, written

from vqcore.files.errors import CheckpointError
from vqcore.runs import packing
from vqcore.runs.layout import ABOUT, PACKED, SNAPSHOTS, snapshot_name
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter

STEPS = (0, 10, 20)


def check(folder) -> None:
    run = load_run(folder)
    assert run.snapshots == STEPS
    for step in STEPS:
        book = run.snapshot(step)["quantize"]
        assert np.array_equal(book.table, arrays_at(step)["quantize/table"])
        assert np.array_equal(book.counts, arrays_at(step)["quantize/counts"])


def test_a_run_that_has_ended_is_one_archive_that_any_tool_opens(tmp_path):
    written(tmp_path / "run").close()
    check(tmp_path / "run")
    assert list((tmp_path / "run" / SNAPSHOTS).iterdir()) == []
    with zipfile.ZipFile(tmp_path / "run" / PACKED) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [snapshot_name(step) for step in STEPS]
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        found = load(archive.read(snapshot_name(20)))
    assert all(np.array_equal(found[key], array) for key, array in arrays_at(20).items())


class Killed(BaseException):
    """What no code catches, in place of −9."""


CALLS = {"zipfile.ZipFile.write": 3, "os.fsync": 2, "pathlib.Path.replace": 1, "pathlib.Path.unlink": 3}
"""What packing three snapshots calls, and how often."""


@pytest.mark.parametrize(
    ("call", "number"), [(call, number) for call, many in CALLS.items() for number in range(many)]
)
def test_wherever_packing_is_cut_off_every_snapshot_is_read_and_packing_again_ends_it(
    tmp_path, monkeypatch, call, number
):
    folder, calls = tmp_path / "run", []
    killed(written(folder))
    module, _, name = call.rpartition(".")
    owner = {"os": os, "zipfile.ZipFile": zipfile.ZipFile, "pathlib.Path": type(folder)}[module]
    original = getattr(owner, name)

    def cut_off(*given, **named):
        calls.append(given)
        if len(calls) > number:
            raise Killed
        return original(*given, **named)

    monkeypatch.setattr(owner, name, cut_off)
    with pytest.raises(Killed):
        packing.pack(folder)
    monkeypatch.undo()
    check(folder)
    packing.pack(folder)
    check(folder)


def test_on_a_full_disk_the_snapshots_stay_as_they_are(tmp_path, monkeypatch):
    writer = written(tmp_path / "run")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(packing.os, "fsync", full)
    writer.close()
    check(tmp_path / "run")
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["metrics.jsonl", ABOUT, SNAPSHOTS]


def test_a_run_gone_on_with_is_unpacked_and_one_of_version_1_never_packed(tmp_path):
    folder = tmp_path / "run"
    written(folder).close()
    writer = RunWriter.going_on(folder, 10)
    assert load_run(folder).snapshots == (0, 10)
    assert not (folder / PACKED).exists()
    record(writer, 20)
    writer.close()
    check(folder)
    assert (folder / PACKED).exists()
    old = tmp_path / "old"
    killed(written(old))
    (old / ABOUT).write_text((old / ABOUT).read_text().replace('"version": 2', '"version": 1'))
    check(old)
    RunWriter.going_on(old, 20).close()
    check(old)
    assert not (old / PACKED).exists()


def test_a_damaged_archive_gives_one_sentence_and_no_snapshot_of_it(tmp_path):
    written(tmp_path / "run").close()
    path = tmp_path / "run" / PACKED
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        run = load_run(tmp_path / "run")
        assert run.snapshots == ()
        with pytest.raises(CheckpointError):
            run.snapshot(20)
    assert ABOUT_RUN["codebooks"][0]["name"] in run.codebooks
