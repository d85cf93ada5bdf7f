"""What the marks of the map mean, in one line, made of the marks that are drawn and of no others."""

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from typing import Any, NamedTuple

from app.theme import role


class Mark(NamedTuple):
    """One entry of the legend."""

    sign: str
    colour: str
    """A role."""

    words: str


MARKS: Mapping[str, Mark] = {
    "P": Mark("●", "P", "P"),
    "C": Mark("○", "C", "C"),
    "Q": Mark("◆", "Q", "Q, area = use"),
    "dead": Mark("✕", "dead", "dead"),
    "1σ of P": Mark("╌", "P", "1σ"),
    "1σ of C": Mark("╌", "C", "1σ"),
    "links": Mark("─", "muted", "z_e to its code"),
    "paths": Mark("─", "C", "codes' paths"),
    "mean": Mark("✚", "P", "mean of P, its path"),
    "no value": Mark("●", "unselected", "no value"),
}
"""By the name that a trace has in ``meta["marks"]``, in the order of the legend. Pins carry their numbers."""

SHADED = ("P", "Q", "dead")
"""Marks whose colour tells a value where the map is coloured by one."""

SHADED_SIGN, SHADED_RING = "text", "muted"
"""The roles of the signs of those marks then, and of C's rings: no colour that could be read as a value."""


def marks_of(traces: Iterable[Mapping[str, Any]], *, by_value: bool = False) -> list[Mark]:
    """The entries for all that `traces` draw, each once."""
    return marks_named(
        {name for trace in traces for name in trace.get("meta", {}).get("marks", ())}, by_value=by_value
    )


def marks_named(names: Collection[str], *, by_value: bool = False) -> list[Mark]:
    """The entries of these names, in their order."""
    return [_as_drawn(name, mark, by_value) for name, mark in MARKS.items() if name in names]


def _as_drawn(name: str, mark: Mark, by_value: bool) -> Mark:
    if by_value and name in SHADED:
        return mark._replace(colour=SHADED_SIGN)
    return mark._replace(colour=SHADED_RING) if by_value and name == "C" else mark


def by_words(marks: Iterable[Mark]) -> list[tuple[str, list[Mark]]]:
    """Marks of the same words are one entry, with a sign for each."""
    return [(words, list(alike)) for words, alike in groupby(marks, key=lambda mark: mark.words)]


def legend(marks: Iterable[Mark]) -> dict[str, Any]:
    """The annotation that stands above the map, with the signs in their colours.

    >>> legend([MARKS["dead"]])["text"]
    "<span style='color:role:dead'>✕</span> dead"
    """
    return {
        "name": "legend",
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 1,
        "xanchor": "left",
        "yanchor": "bottom",
        "text": "   ".join(f"{''.join(map(_sign, alike))} {words}" for words, alike in by_words(marks)),
        "showarrow": False,
        "font": {"size": 12, "color": role("muted")},
    }


def _sign(mark: Mark) -> str:
    return f"<span style='color:{role(mark.colour)}'>{mark.sign}</span>"
