"""The wheel as a person installs it: built, put into an empty environment, started by its one command."""

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from live_page import wait_for_charts, wait_for_step
from real_app import ROOT, Tab, program_server

MINUTES = 5 * 60


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, timeout=MINUTES)
    (built,) = folder.glob("vq_scope-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment of its own, in a folder with a space in its name; what the wheel needs it borrows."""
    place = tmp_path_factory.mktemp("in stalled")
    venv.create(place, with_pip=False)
    pip = [sys.executable, "-m", "pip", f"--python={place / 'bin' / 'python'}"]
    subprocess.run([*pip, "install", "--quiet", "--no-deps", str(wheel)], check=True, timeout=MINUTES)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return place


def files_of(place: Path) -> set[Path]:
    return {path for path in place.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_it_brings_everything_and_no_package_called_app_or_demos(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0] for name in names if ".dist-info/" not in name} == {"vqcore", "vqscope"}
    tracked = subprocess.run(["git", "ls-files", "vqcore", "app", "demos"], cwd=ROOT, capture_output=True, text=True)
    wanted = {name if name.startswith("vqcore/") else f"vqscope/{name}" for name in tracked.stdout.splitlines()}
    assert wanted - set(names) <= {"vqcore/pyproject.toml"}


def test_its_one_command_starts_the_dashboard_and_writes_nothing_beside_it(
    installed: Path, open_tab: Callable[..., Tab], tmp_path: Path
) -> None:
    before = files_of(installed)
    empty = tmp_path / "started here"
    empty.mkdir()
    bare = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}  # HOME is not there
    with program_server([str(installed / "bin" / "vqscope")], tmp_path / "log.txt", cwd=empty, env=bare) as server:
        tab = open_tab(server, "?problem=plane")
        wait_for_charts(tab.page)
        wait_for_step(tab.page, 5)
        icon = tab.page.locator("link[rel~=icon]").last.get_attribute("href")
        assert icon is not None
        assert tab.page.request.get(f"{server.url}/{icon.lstrip('./')}").ok or icon.startswith("data:")
        tab.page.close()
    assert list(empty.iterdir()) == []
    assert files_of(installed) == before


@pytest.mark.parametrize(
    ("words", "said"), [("problems", "patches"), ("lessons", "collapse"), ("train plane --steps 2", "in use")]
)
def test_it_runs_the_verbs(installed: Path, tmp_path: Path, words: str, said: str) -> None:
    command = [str(installed / "bin" / "vqscope"), *words.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=MINUTES, check=False)
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_a_verb_that_is_none_is_one_sentence(installed: Path, tmp_path: Path) -> None:
    command = [str(installed / "bin" / "vqscope"), "trian"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=MINUTES, check=False)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
