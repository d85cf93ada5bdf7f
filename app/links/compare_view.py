"""What a watcher of the page side by side looks at, as `live_view` has it for the Live page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from app.links.compare import VIEW_TABLE, VIEWS
from app.links.selection import Choice
from app.links.selection_text import LONGEST_PACKED, pack_choice, read_choice
from app.links.told import a, control, whole

CARRIED = tuple(field for field in VIEW_TABLE if field.name in VIEWS)
"""The view controls that charts need."""


@dataclass(frozen=True, slots=True)
class CompareView:
    """Everything besides the moment that decides what the page shows."""

    controls: Mapping[str, str]
    """What every view control says, as the link names them."""

    choice: Choice = field(default_factory=Choice)
    seeds: str = ""
    """The id of the trainings over seeds shown beside the session; empty for none."""

    hands: Mapping[str, int] = field(default_factory=dict)
    """Time of the reader's last selection on each chart that the page has taken in, by key."""


def write_compare_view(view: CompareView) -> dict[str, Any]:
    """The view as JSON."""
    return {
        "page": "compare",
        "controls": {field.name: view.controls[field.name] for field in CARRIED},
        "choice": pack_choice(view.choice),
        "seeds": view.seeds,
        "hands": dict(view.hands),
    }


def read_compare_view(told: Mapping[str, Any]) -> CompareView:
    """The view that `write_compare_view` wrote.

    Raises:
        ValueError: for anything else, saying what is wrong.
    """
    controls, hands = a(dict, told, "controls"), a(dict, told, "hands")
    return CompareView(
        {field.name: control(controls, field) for field in CARRIED},
        read_choice(a(str, told, "choice"), longest=LONGEST_PACKED),
        a(str, told, "seeds"),
        {str(key): whole(hands, key) for key in list(hands)[:8]},
    )
