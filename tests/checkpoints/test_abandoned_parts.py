"""What a repair that was killed leaves beside its target: the next one removes it, but nothing of one that lives."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vqcore.files.changed_copy import write_copy
from vqcore.holding import make_held, remove_abandoned

WRITER = """
import sys
from pathlib import Path
from vqcore.files.changed_copy import write_copy

def check(part):
    print("written", flush=True)
    sys.stdin.read()  # until told to go on, or for good

write_copy(Path(sys.argv[1]), Path(sys.argv[2]), {}, force=False, check=check)
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "model.npz"
    np.savez(path, codebook=np.arange(6.0))
    return path


def begin(source: Path, out: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", WRITER, str(source), str(out)]
    return subprocess.Popen(command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def parts(folder: Path) -> set[str]:
    return {path.name.split(".")[1] for path in folder.iterdir() if path.name.endswith(".part")}


def write(source: Path, out: Path) -> None:
    write_copy(source, out, {}, force=True, check=lambda _: None)


def test_the_part_of_a_killed_writer_is_removed_and_that_of_a_living_one_is_not(source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    foreign = folder / ".film.mkv.part"
    foreign.write_text("somebody else's")
    with begin(source, folder / "killed.npz") as killed, begin(source, folder / "living.npz") as living:
        try:
            assert [one.stdout.readline() for one in (killed, living)] == ["written\n"] * 2
            killed.send_signal(signal.SIGKILL)
            killed.wait()
            assert parts(folder) == {"killed", "living", "film"}
            write(source, folder / "next.npz")
            assert parts(folder) == {"living", "film"}
            living.communicate(timeout=60)
            assert living.returncode == 0
        finally:
            killed.kill()
            living.kill()
    assert parts(folder) == {"film"}
    assert {path.name for path in folder.iterdir()} == {"living.npz", "next.npz", foreign.name}
    assert (folder / "living.npz").read_bytes() == (folder / "next.npz").read_bytes()


def test_a_part_that_is_taken_for_garbage_before_it_is_held_is_made_anew(tmp_path: Path) -> None:
    """Another writer may look at the folder in between."""
    made = []

    def make() -> Path:
        path = tmp_path / f"{len(made)}.part"
        path.write_bytes(b"")
        made.append(path)
        if len(made) < 3:
            assert remove_abandoned([path]) == [path]
        return path

    path, holding = make_held(make)
    assert path == made[2]
    assert remove_abandoned(made) == []
    os.close(holding)
    assert remove_abandoned(made) == [path]


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("mine")
    link = tmp_path / ".a.12345678.vq-scope.part"
    link.symlink_to(precious)
    assert remove_abandoned([link]) == []
    assert precious.read_text() == "mine"


def test_a_copy_of_a_file_that_may_only_be_read_may_be_written_until_it_is_whole(
    source: Path, tmp_path: Path
) -> None:
    source.chmod(0o444)
    modes: list[int] = []
    write_copy(source, tmp_path / "out.npz", {}, force=False, check=lambda part: modes.append(part.stat().st_mode))
    assert modes[0] & 0o200
    assert (tmp_path / "out.npz").stat().st_mode & 0o777 == 0o444
