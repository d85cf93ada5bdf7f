"""What a watcher of the side-by-side page looks at, like `view` for the Live page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.links import compare as comparison
from app.links.selection import LONGEST_PACKED, Choice, pack_choice, read_choice
from app.links.told import a, whole


@dataclass(frozen=True, slots=True)
class CompareView:
    """Everything besides the moment that decides what the page shows."""

    controls: Mapping[str, str]
    """Value of every view control, under its name in `comparison`."""

    choice: Choice = field(default_factory=Choice)
    hands: Mapping[str, int] = field(default_factory=dict)
    """Time of the reader's last selection on each chart that the page has taken in, by key."""


def write_compare_view(view: CompareView) -> dict[str, Any]:
    """The view as JSON."""
    return {
        "page": "compare",
        "controls": {name: view.controls[name] for name in comparison.VIEWS},
        "choice": pack_choice(view.choice),
        "hands": dict(view.hands),
    }


def read_compare_view(told: Mapping[str, Any]) -> CompareView:
    """The view that `write_compare_view` wrote.

    Raises:
        ValueError: for anything else, saying what is wrong.
    """
    controls, hands = a(dict, told, "controls"), a(dict, told, "hands")
    for name, allowed in comparison.VIEWS.items():
        if controls.get(name) not in allowed:
            raise ValueError(f"`{name}` must be one of {', '.join(allowed)}")
    return CompareView(
        {name: controls[name] for name in comparison.VIEWS},
        read_choice(a(str, told, "choice"), longest=LONGEST_PACKED),
        {str(key): whole(hands, key) for key in list(hands)[:8]},
    )
