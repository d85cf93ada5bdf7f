"""Formulas as MathML, for where nothing renders LaTeX: made beforehand by KaTeX, the renderer that pages have."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

FILE = "mathml.json"


def mathml(latex: str) -> str:
    """The MathML of a formula, with its LaTeX as an annotation; empty for one that was not made yet."""
    return _made().get(latex, "")


@cache
def _made() -> Mapping[str, str]:
    """By LaTeX; `tests/demos/write_mathml.py` writes it."""
    return MappingProxyType(json.loads((files("demos") / FILE).read_text(encoding="utf-8")))
