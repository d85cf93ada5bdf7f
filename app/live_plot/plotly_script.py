"""Plotly's script, taken from the installed wheel and put where Streamlit serves static files."""

import os
import shutil
import tempfile
from functools import cache
from pathlib import Path

import plotly

APP_STATIC = Path(__file__).parents[1] / "static"


class ScriptNotPlacedError(RuntimeError):
    """Plotly's script could not be put into the folder that Streamlit serves."""


@cache
def place_script(folder: Path = APP_STATIC) -> str:
    """The file name of Plotly's script in `folder`, copied there whole unless it is there already."""
    source = _installed()
    target = folder / f"plotly-{plotly.__version__}.min.js"
    try:
        if not target.exists() or target.stat().st_size != source.stat().st_size:
            _copy_whole(source, target)
    except OSError as error:
        raise ScriptNotPlacedError(
            f"Charts need Plotly's script in {folder}, which cannot be written ({error.strerror}): "
            f"make the folder writable, or copy {source} to {target}."
        ) from error
    return target.name


def script_text() -> str:
    """Plotly's script itself, 5 MB, for a page that must work on its own."""
    return _installed().read_text(encoding="utf-8")


def _installed() -> Path:
    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"


def _copy_whole(source: Path, target: Path) -> None:
    """Copy so that no reader ever meets half a file, however many processes start at once."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as out, source.open("rb") as script:
            shutil.copyfileobj(script, out)
        part.chmod(0o644)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
