"""Where switches were thrown: a line for each, and labels that never cover each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from app.theme import role

PLOT_PIXELS = 480
"""Width of a narrow chart without its margins: labels that are legible there are so in any wider one."""

LETTER_PIXELS, LABEL_GAP = 6.2, 8
ROWS, ROW_SHARE = 3, 0.09
"""Rows of labels, and how far apart they are as a share of the figure's height."""

LONGEST_LABEL = 34
RIGHT_FROM = 0.6
"""Share of the axis from which a label stands left of its line, where it has more room."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Marker:
    """Where a switch was thrown."""

    step: int
    label: str


class _Label(NamedTuple):
    """The words of one marker, or of several that stand too close to be told apart."""

    markers: tuple[Marker, ...]
    names_all: bool = True
    """Whether several are named rather than counted."""

    @property
    def text(self) -> str:
        words = ", ".join(marker.label for marker in self.markers)
        if len(words) <= LONGEST_LABEL and self.names_all:
            return words
        return f"{words[: LONGEST_LABEL - 1]}…" if len(self.markers) == 1 else f"{len(self.markers)} switches"

    @property
    def step(self) -> int:
        return self.markers[-1].step

    def is_left(self, last_step: int) -> bool:
        """Whether it stands left of its line."""
        return self.step > RIGHT_FROM * last_step

    def ends(self, last_step: int) -> tuple[float, float]:
        """The pixels between which it stands."""
        at = PLOT_PIXELS * self.step / max(last_step, 1)
        width = LETTER_PIXELS * len(self.text) + LABEL_GAP
        return (at - width, at) if self.is_left(last_step) else (at, at + width)


def marker_labels(markers: Sequence[Marker], last_step: int) -> list[dict[str, Any]]:
    """Annotations in rows below the figure's upper edge; what finds no room in any row joins its neighbour.

    Those that have joined are named where there is room for that, and else counted; pointed at, each is named.
    """
    labels = [_Label((marker,)) for marker in sorted(markers, key=lambda marker: marker.step) if marker.label]
    while (rows := _rows(labels, last_step)) and None in rows:
        crowded = max(rows.index(None), 1)
        joined = _Label((*labels[crowded - 1].markers, *labels[crowded].markers))
        around = labels[: crowded - 1], labels[crowded + 1 :]
        has_room = None not in _rows([*around[0], joined], last_step)
        labels = [*around[0], joined if has_room else joined._replace(names_all=False), *around[1]]
    return [_annotation(label, row or 0, last_step) for label, row in zip(labels, rows, strict=True)]


def _rows(labels: Sequence[_Label], last_step: int) -> list[int | None]:
    """The first row in which each label covers none before it; None where all are taken."""
    taken: list[list[tuple[float, float]]] = [[] for _ in range(ROWS)]
    rows: list[int | None] = []
    for label in labels:
        start, end = label.ends(last_step)
        free = (row for row, others in enumerate(taken) if all(end <= low or high <= start for low, high in others))
        row = next(free, None)
        if row is not None:
            taken[row].append((start, end))
        rows.append(row)
    return rows


def _annotation(label: _Label, row: int, last_step: int) -> dict[str, Any]:
    is_left = label.is_left(last_step)
    return {
        "x": label.step,
        "yref": "paper",
        "y": 1 - ROW_SHARE * row,
        "yanchor": "top",
        "xanchor": "right" if is_left else "left",
        "xshift": -3 if is_left else 3,
        "text": label.text,
        "hovertext": "<br>".join(f"step {marker.step:,}: {marker.label}" for marker in label.markers),
        "showarrow": False,
        "font": {"color": role("text"), "size": 11},
        "bgcolor": role("background", 0.75),
    }
