"""A training seen through its checkpoints, as plain values and as the rows of a table."""

import math
from typing import Any

from vqcore.doctor.following import Following, Moment
from vqcore.files.errors import shown

MOST_ROWS = 60
"""Most rows of a table for people: more are thinned out evenly, always keeping the first and the newest."""


def following_words(following: Following) -> str:
    """Caption of the table."""
    points = len({one.point for one in following.moments})
    rows, shown_rows = len(following.moments), len(_thinned(following))
    thinned = "" if rows == shown_rows else f", {shown_rows} of {rows:,} rows"
    return (
        f"{points:,} checkpoint{'s' if points > 1 else ''}{thinned}; used: by the statistics in the file; moved: "
        "root mean square since the previous one, over the codebook's spread. The newest is examined."
    )


def following_head(following: Following) -> tuple[str, ...]:
    """The table's columns."""
    several = _has_several(following)
    return (
        following.series.unit,
        "file",
        *(("codebook",) if several else ()),
        "used",
        "mean ‖c‖",
        "moved",
        "codes moved",
    )


def following_rows(following: Following) -> list[tuple[str, ...]]:
    """A row for each codebook in each checkpoint, oldest first; not escaped."""
    several = _has_several(following)
    return [
        (
            f"{one.point.step:,}",
            shown(one.point.path.relative_to(following.folder)),
            *((one.codebook,) if several else ()),
            "–" if one.usage is None else f"{one.usage.used:,} of {one.usage.num_codes:,}",
            f"{one.mean_norm:.3g}",
            "–" if one.moved is None else f"{one.moved.relative:.3g}",
            "–" if one.moved is None else f"{one.moved.codes:,} of {one.num_codes:,}",
        )
        for one in _thinned(following)
    ]


def following_values(following: Following) -> dict[str, Any]:
    """The whole report, ready for JSON."""
    return {
        "folder": str(following.folder),
        "unit": following.series.unit,
        "newest": str(following.newest.path),
        "moments": [_moment(one) for one in following.moments],
        "skipped": [{"file": str(one.path), "reason": one.reason} for one in following.skipped],
    }


def _moment(one: Moment) -> dict[str, Any]:
    return {
        "step": one.point.step,
        "file": str(one.point.path),
        "codebook": one.codebook,
        "num_codes": one.num_codes,
        "dim": one.dim,
        "used": None if one.usage is None else one.usage.used,
        "usage_window": None if one.usage is None else one.usage.window,
        "mean_norm": _number(one.mean_norm),
        "largest_norm": _number(one.largest_norm),
        "codes_moved": None if one.moved is None else one.moved.codes,
        "moved": None if one.moved is None else _number(one.moved.distance),
        "moved_over_spread": None if one.moved is None else _number(one.moved.relative),
    }


def _number(value: float) -> float | None:
    """JSON has no infinity."""
    return value if math.isfinite(value) else None


def _has_several(following: Following) -> bool:
    return len({one.codebook for one in following.moments}) > 1


def _thinned(following: Following) -> list[Moment]:
    moments = following.moments
    if len(moments) <= MOST_ROWS:
        return list(moments)
    return [moments[round(at * (len(moments) - 1) / (MOST_ROWS - 1))] for at in range(MOST_ROWS)]
