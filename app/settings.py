"""Streamlit's settings from the file in this package, since Streamlit looks only where the server was started."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name(".streamlit") / "config.toml"


def shipped_settings() -> dict[str, Any]:
    """What `App.run` takes: `server.headless` and the like, by name."""
    return dict(_flat(tomllib.loads(FILE.read_text(encoding="utf-8"))))


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
