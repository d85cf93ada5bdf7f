"""Plotly's script: copied whole, once, and told in a sentence where it cannot be."""

from pathlib import Path

import plotly
import pytest

from app.live_plot.plotly_script import ScriptNotPlacedError, place_script

SOURCE = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


@pytest.fixture(autouse=True)
def _forget_placed_scripts() -> None:
    place_script.cache_clear()


def test_the_script_is_the_wheels_own_under_its_version(tmp_path: Path) -> None:
    name = place_script(tmp_path / "static")
    assert name == f"plotly-{plotly.__version__}.min.js"
    assert (tmp_path / "static" / name).read_bytes() == SOURCE.read_bytes()
    assert [path.name for path in (tmp_path / "static").iterdir()] == [name]


def test_a_whole_script_is_left_alone_and_half_a_script_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / place_script(tmp_path)
    written = target.stat().st_mtime_ns
    place_script.cache_clear()
    place_script(tmp_path)
    assert target.stat().st_mtime_ns == written
    target.write_bytes(b"half")
    place_script.cache_clear()
    place_script(tmp_path)
    assert target.stat().st_size == SOURCE.stat().st_size


def test_a_folder_that_cannot_be_written_is_named_in_one_sentence(tmp_path: Path) -> None:
    blocked = tmp_path / "static"
    blocked.write_text("a file where the folder should be")
    with pytest.raises(ScriptNotPlacedError, match=r"static.*make the folder writable, or copy"):
        place_script(blocked)
