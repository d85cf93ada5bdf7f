"""A server's temporary files go with it; of one that was killed, when the next one starts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.temporary import PREFIX, Folder, remove_what_ended_servers_left

SERVER = """
import signal, sys
from app.temporary import Folder

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # where the tests run under nohup, it is ignored
folder = Folder()
(folder.path / "model.pt").write_bytes(b"some")
print(folder.path, flush=True)
sys.stdin.read()
"""


def begin(folder: Path) -> tuple[subprocess.Popen[str], Path]:
    """A process with a temporary folder in `folder`, and where it is."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(folder)}
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", SERVER], env=environment, text=True, stdin=pipe, stdout=pipe)
    return process, Path(process.stdout.readline().strip())


def test_a_killed_servers_folder_goes_with_the_next_start_and_a_living_ones_with_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    (tmp_path / "vq-scope-server").write_text("somebody else's")
    begun = {name: begin(tmp_path) for name in ("killed", "hung up", "living")}
    folders = {name: path.parent for name, (_, path) in begun.items()}
    try:
        assert all((path / "model.pt").exists() for _, path in begun.values())
        for name, sent in (("killed", signal.SIGKILL), ("hung up", signal.SIGHUP)):
            begun[name][0].send_signal(sent)
            begun[name][0].wait()
        removed = remove_what_ended_servers_left()
        assert set(removed) == {folders["killed"], folders["hung up"]}
        assert all(path.name.startswith(PREFIX) for path in removed)
        assert folders["living"].exists()
        living = begun["living"][0]
        living.communicate(timeout=60)
        assert living.returncode == 0
        assert [path.name for path in tmp_path.iterdir()] == ["vq-scope-server"]
    finally:
        for process, _ in begun.values():
            process.kill()
            process.communicate()


def test_a_folder_goes_when_told_to_or_when_nothing_holds_it() -> None:
    told, held = Folder(), Folder()
    paths = [told.path, held.path]
    told.remove()
    assert [path.exists() for path in paths] == [False, True]
    del held
    assert not paths[1].exists()
