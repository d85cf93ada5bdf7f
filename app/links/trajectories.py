"""The Trajectories page's link: the setting whose paths are shown. The same URL gives the same paths."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import NamedTuple

from app.links import codec, lecture
from app.links.codec import Field
from app.wording import cut
from vqcore.problems.landscapes import LANDSCAPES
from vqcore.trajectories.setting import Points, Setting

STEPS = {"quadratic": 100, "rosenbrock": 400, "himmelblau": 100, "two-wells": 100}
"""Number of steps after which there is little left to see."""

NAMES = tuple(field.name for field in fields(Setting))


class TrajectoryLink(NamedTuple):
    """What a URL asks for."""

    setting: Setting
    refused: tuple[str, ...]
    """A sentence for each value that could not be used."""


def default_setting(landscape: str = "quadratic") -> Setting:
    """The default setting on one landscape."""
    return Setting(landscape=landscape, steps=STEPS.get(landscape, 100))


def read(query: Mapping[str, str]) -> TrajectoryLink:
    """What `query` asks for; unusable names and values are left out and named in `refused`."""
    values, refused = codec.read(query, TABLE, beside=lecture.NAMES)
    setting = default_setting(values.pop("landscape"))
    for name, value in values.items():
        if value is not None:
            try:
                setting = replace(setting, **{name: value})
            except ValueError as error:
                refused.append(cut(str(error)))
    return TrajectoryLink(setting, tuple(refused))


def write(setting: Setting) -> dict[str, str]:
    """The query that `read` turns into the same; what the landscape has by default is left out."""
    default = default_setting(setting.landscape)
    changed = {name: getattr(setting, name) for name in NAMES if getattr(setting, name) != getattr(default, name)}
    return {"landscape": setting.landscape} | codec.write(changed, TABLE)


def _places(text: str) -> Points:
    pairs = [tuple(float(part) for part in pair.split(",")) for pair in text.split(";")]
    return tuple((x, y) for x, y in pairs)


def _write_places(places: Points) -> str:
    return ";".join(f"{_short(x)},{_short(y)}" for x, y in places)


def _short(value: float) -> str:
    """In six digits where they say all of it.

    >>> _short(1.0), _short(0.12345678)
    ('1', '0.12345678')
    """
    return f"{value:g}" if float(f"{value:g}") == value else repr(value)


def _whole(name: str) -> Field:
    return Field(name, None, int, expected="a whole number")


def _number(name: str) -> Field:
    return Field(name, None, float, expected="a number")


def _pairs(name: str) -> Field:
    return Field(name, None, _places, _write_places, expected="pairs x,y;x,y")


TABLE: tuple[Field, ...] = (
    codec.choice("landscape", tuple(LANDSCAPES), "quadratic"),
    *map(_whole, ("seed", "steps", "points")),
    codec.text("encoder", None),
    _whole("num_codes"),
    *map(_number, ("learning_rate", "noise", "alpha", "beta", "nu")),
    _whole("inner_steps"),
    _number("inner_share"),
    *map(_pairs, ("starts", "codes")),
    Field("methods", None, lambda text: tuple(text.split(",")), ",".join),
)
"""None: as the landscape has it by default. What goes together is for `Setting` to say."""
