"""Which code's card is open on the Runs page: by its number, by a point on a chart, or by a neighbour on a card."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.links.selection import CODE_ROLES
from app.live_plot.component import last_hand
from app.panels.run_charts import finite
from app.panels.run_scene import RunScene
from app.runs.state import runs_state

CHARTS = ("run-card", "run-map-plot", "run-bars-plot")
"""Where a code can be clicked on."""


def obey_hands(scene: RunScene | None) -> None:
    """Open the card of what was clicked on since the last run of the script; a double click on nothing closes it."""
    state = runs_state()
    hands = [(key, hand) for key in CHARTS if (hand := last_hand(key)) is not None]
    new = [(key, hand) for key, hand in hands if hand.at != state.hands_seen.get(key)]
    if not new:
        return
    state.hands_seen.update((key, hand.at) for key, hand in new)
    _, last = max(new, key=lambda each: each[1].at)
    code = code_of(last.ids, scene)
    state.look_at(replace(state.place.view, code=code, hands=dict(state.hands_seen)))


def code_of(ids: Mapping[str, Sequence[int]], scene: RunScene | None) -> int | None:
    """The code among the `ids` by role, or that of a vector; None where there is none."""
    codes = [int(code) for role in CODE_ROLES for code in ids.get(role, ())]
    if codes or not ids.get("P"):
        return codes[0] if codes else None
    book = None if scene is None else scene.codebook()
    codes_of_p = [] if book is None else finite(book)[2].tolist()
    row = int(ids["P"][0])
    return codes_of_p[row] if row < len(codes_of_p) and codes_of_p[row] >= 0 else None
