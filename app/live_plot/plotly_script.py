"""Plotly's script, as the installed wheel has it."""

from pathlib import Path

import plotly


def script_name() -> str:
    """Where the server answers with the script, below the root of the app."""
    return f"vq/plotly-{plotly.__version__}.min.js"


def script_text() -> str:
    """Plotly's script itself, 5 MB, for a page that must work on its own."""
    return script_path().read_text(encoding="utf-8")


def script_path() -> Path:
    """The file in the wheel."""
    return Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
