"""Plotly's script from the installed wheel."""

from pathlib import Path

import plotly


def script_name() -> str:
    """Path under which the server serves the script, below the root of the app."""
    return f"vq/plotly-{plotly.__version__}.min.js"


def script_text() -> str:
    """Plotly's script itself, 5 MB, for a page that must work offline."""
    return script_path().read_text(encoding="utf-8")


def script_path() -> Path:
    """The file in the wheel."""
    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
