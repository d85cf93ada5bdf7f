"""The Trajectories page's part of the URL. The same URL gives the same paths."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from app.links import lecture
from app.wording import cut, ignored_names
from vqcore.problems.landscapes import LANDSCAPES
from vqcore.trajectories.setting import Points, Setting

STEPS = {"quadratic": 100, "rosenbrock": 400, "himmelblau": 100, "two-wells": 100}
"""Number of steps after which there is little left to see."""

WHOLE = frozenset({"seed", "steps", "points", "num_codes", "inner_steps"})
PLACES = frozenset({"starts", "codes"})
NAMES = tuple(field.name for field in fields(Setting))


def default_setting(landscape: str = "quadratic") -> Setting:
    """The default setting on one landscape."""
    return Setting(landscape=landscape, steps=STEPS.get(landscape, 100))


def read(query: Mapping[str, str]) -> tuple[Setting, list[str]]:
    """The setting in `query`, and a sentence for each value that could not be used."""
    refused = ignored_names([name for name in query if name not in (*NAMES, *lecture.NAMES)])
    landscape = query.get("landscape", "quadratic")
    if landscape not in LANDSCAPES:
        refused.append(f"`landscape` must be one of {', '.join(LANDSCAPES)}, but got {landscape!r}.")
        landscape = "quadratic"
    setting = default_setting(landscape)
    for name in NAMES:
        if name == "landscape" or name not in query:
            continue
        try:
            setting = replace(setting, **{name: _parse(name, query[name])})
        except ValueError as error:
            refused.append(str(error))
    return setting, [cut(sentence) for sentence in refused]


def write(setting: Setting) -> dict[str, str]:
    """The query that `read` turns back into the same setting; defaults are left out."""
    default = default_setting(setting.landscape)
    changed = {name: getattr(setting, name) for name in NAMES if getattr(setting, name) != getattr(default, name)}
    return {"landscape": setting.landscape} | {name: _text(name, value) for name, value in changed.items()}


def _text(name: str, value: Any) -> str:
    if name in PLACES:
        return ";".join(f"{x:g},{y:g}" for x, y in value)
    return ",".join(value) if name == "methods" else str(value)


def _parse(name: str, text: str) -> Any:
    if name == "methods":
        return tuple(text.split(","))
    if name == "encoder":
        return text
    try:
        if name in PLACES:
            return _places(text)
        return int(text) if name in WHOLE else float(text)
    except ValueError:
        wanted = "pairs x,y;x,y" if name in PLACES else "a whole number" if name in WHOLE else "a number"
        raise ValueError(f"`{name}` in the link must be {wanted}, but is {text!r}.") from None


def _places(text: str) -> Points:
    pairs = [tuple(float(part) for part in pair.split(",")) for pair in text.split(";")]
    return tuple((x, y) for x, y in pairs)
