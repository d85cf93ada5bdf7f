"""What numba compiles has a place, or UMAP could not even be imported."""

import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from vqcore.projection import numba_cache
from vqcore.projection.child import _environment
from vqcore.projection.numba_cache import cache_environment


def raising_key_error(_: int) -> None:
    raise KeyError


NOWHERE = "/dev/null/none"
"""Not even root can make it."""


@pytest.fixture
def no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without a home, of an installation that belongs to another: numba may not look beside the source."""
    monkeypatch.setattr(numba_cache, "_beside_source", lambda: [Path(NOWHERE)])
    monkeypatch.setenv("NUMBA_CACHE_LOCATOR_CLASSES", "UserProvidedCacheLocator,UserWideCacheLocator")
    monkeypatch.setenv("HOME", NOWHERE)
    for name in ("XDG_CACHE_HOME", "NUMBA_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("no_place")
def test_what_asks_for_a_cache_is_compiled_for_a_user_who_can_write_nowhere(tmp_path):
    """As every module of umap and pynndescent does when it is imported, which takes far longer."""
    asking = tmp_path / "asking.py"
    asking.write_text("import numba\n\n\n@numba.njit(cache=True)\ndef rdist(x):\n    return x\n")
    ended = subprocess.run([sys.executable, "-P", asking], env=_environment(), capture_output=True, timeout=120)
    assert ended.returncode == 0, ended.stderr.decode()[-2000:]


@pytest.mark.usefixtures("no_place")
def test_the_folder_is_the_users_alone_and_one_for_all_workers_of_a_server():
    folder = cache_environment()["NUMBA_CACHE_DIR"]
    found = os.lstat(folder)
    assert stat.S_ISDIR(found.st_mode)
    assert stat.S_IMODE(found.st_mode) == 0o700
    assert found.st_uid == os.geteuid()
    assert cache_environment()["NUMBA_CACHE_DIR"] == folder


@pytest.mark.usefixtures("no_place")
def test_it_is_gone_with_its_server():
    code = "from vqcore.projection import numba_cache; print(numba_cache._own_folder())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    folder = Path(said.stdout.strip())
    assert folder.name.startswith("vq-scope-numba-")
    assert not folder.exists()


@pytest.mark.usefixtures("no_place")
@pytest.mark.parametrize("place", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "HOME"])
def test_a_place_that_there_is_stays_numbas(place, monkeypatch, tmp_path):
    monkeypatch.setenv(place, str(tmp_path / "not" / "there" / "yet"))
    assert (cache_environment() == {}) is (place != "XDG_CACHE_HOME" or sys.platform == "linux")


@pytest.mark.usefixtures("no_place")
def test_without_any_home_numba_is_given_a_place_and_makes_none_below_the_present_folder(monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", raising_key_error)
    assert cache_environment().keys() == {"NUMBA_CACHE_DIR"}
