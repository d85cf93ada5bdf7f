"""The recorded tables that are shipped: on how many seeds each claim of a lesson held, and with which code."""

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import NamedTuple


class Count(NamedTuple):
    """On how many seeds one claim held, and where that comes from."""

    held: int
    seeds: int
    first_seed: int
    last_seed: int
    commit: str
    """Of the code that computed it; empty where there was no repository."""

    date: str
    """Of the day it was computed, as 2026-11-28."""


@cache
def recorded_counts(lesson_name: str) -> Mapping[str, Count]:
    """By the text of each claim, its recorded count; empty for a lesson that has no recorded table.

    Texts are those of the day it was recorded: a claim that was reworded since has none.
    """
    file = files("demos") / "recorded" / f"{lesson_name}.json"
    if not file.is_file():
        return MappingProxyType({})
    report = json.loads(file.read_text(encoding="utf-8"))
    where = (report["first_seed"], report["last_seed"], report["commit"], report["date"])
    return MappingProxyType({row["claim"]: Count(row["held"], row["seeds"], *where) for row in report["claims"]})
