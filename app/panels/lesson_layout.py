"""Layout of a lesson step's panels, with heights that fit one window."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from demos.lesson import OF_ALL_TRAININGS

SHORTEST_WINDOW = 768
"""Height of a projector's picture in pixels; a higher window gives its charts more, see `live_plot`."""

ABOVE, PER_ROW = 118, 88
"""Pixels taken by the page's head at its largest letters, and by heading and caption of each row of charts."""

NARROW = 3
"""With this many charts in a row a heading no longer fits on one line."""

LINE = 20
"""Height of a second line in pixels."""

WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"map": 1.2, "usage": 0.8, "curves": 0.9, "examples": 0.8, "compare": 1.2, "arrows": 1.2, "toy": 1.6}
)
"""How much height a panel wants relative to the others."""

LOWEST = 110


class Row(NamedTuple):
    """Panels beside each other."""

    panels: tuple[str, ...]
    height: int
    """Height of each chart in the shortest window."""

    share: float
    """Share of the extra height of a higher window."""

    lines: int
    """Lines of its headings."""


def rows(panels: Sequence[str], num_trainings: int) -> list[Row]:
    """Each kind of panel in its own row; of three with one training, two share a row.

    >>> [row.panels for row in rows(("examples", "map", "curves"), 1)]
    [('examples',), ('map', 'curves')]
    >>> [row.height for row in rows(("map", "usage"), 1)]
    [284, 190]
    """
    kinds = [(panel,) for panel in panels if panel != "paths"]
    grouped: list[tuple[str, ...]] = list(kinds)
    if len(kinds) > 2 and num_trainings == 1:
        grouped = [*kinds[:-2], (*kinds[-2], *kinds[-1])]
    lines = [2 if row[0] not in OF_ALL_TRAININGS and len(row) * num_trainings >= NARROW else 1 for row in grouped]
    room = SHORTEST_WINDOW - ABOVE - PER_ROW * len(grouped) - LINE * (sum(lines) - len(lines))
    weights = [max(WEIGHTS[panel] for panel in row) for row in grouped]
    shares = [weight / sum(weights) for weight in weights]
    return [
        Row(row, max(LOWEST, round(room * share)), share, count)
        for row, share, count in zip(grouped, shares, lines, strict=True)
    ]
