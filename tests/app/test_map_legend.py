"""The map's legend names what is drawn and nothing else, in the colours drawn, however the map is coloured."""

import itertools
import re

import numpy as np
import pytest
from test_map_layers import CODES, COUNTS, C, K, M, P

from app.figures.map_layers import FIRST_LAYERS, LAYERS, Look, Shade
from app.figures.pcq_map import Plane, pcq_map
from app.theme import role

SIGNS = {"circle": "●", "circle-open": "○", "diamond": "◆", "x-thin": "✕", "cross": "✚"}
USAGE = Shade(title="use", p=COUNTS[CODES].astype(np.float32), c=COUNTS.astype(np.float32), log=True)
CLASS = Shade(
    title="class",
    p=np.arange(M, dtype=np.float32) % 3,
    c=np.where(COUNTS > 0, np.arange(K) % 3, np.nan).astype(np.float32),
    classes=("a", "b", "c"),
)


def drawn(look: Look, **changes) -> dict:
    values = {
        "p": P,
        "c": C,
        "codes": CODES,
        "counts": COUNTS,
        "axis_titles": ("PC 1", "PC 2"),
        "keeps_distances": True,
        "paths": [C + 1],
        "mean_path": [np.full(2, 50.0)],
    }
    return pcq_map(Plane(**values | changes), look=look)


def told(figure: dict) -> list[tuple[str, str, str]]:
    """The sign, the colour and the words of each entry of the legend."""
    texts = [note["text"] for note in figure["layout"]["annotations"] if note.get("name") == "legend"]
    entries = [entry for text in texts for entry in text.split("   ")]
    return [
        (sign, colour, entry.rpartition("</span> ")[2])
        for entry in entries
        for colour, sign in re.findall(r"<span style='color:([^']+)'>(.)</span>", entry)
    ]


def colour_of(trace: dict) -> object:
    """The one colour of a trace, without its opacity; None where it goes by value."""
    marker = trace.get("marker", {})
    colour = trace["line"]["color"] if trace["mode"] == "lines" else marker["color"]
    return colour.split("/")[0] if isinstance(colour, str) else None


def sign_of(trace: dict) -> str:
    if trace["mode"] == "lines":
        return "╌" if "dash" in trace["line"] else "─"
    return SIGNS[trace["marker"].get("symbol", "circle")]


LOOKS = [frozenset(chosen) for size in (1, 2, len(LAYERS) - 1) for chosen in itertools.combinations(LAYERS, size)] + [
    FIRST_LAYERS,
    frozenset(LAYERS),
]


@pytest.mark.parametrize("shade", [None, USAGE, CLASS], ids=["role", "usage", "class"])
def test_every_mark_is_in_the_legend_in_its_colour_and_every_entry_is_on_the_map(shade):
    for layers in LOOKS:
        figure = drawn(Look(layers=layers, shade=shade))
        entries = told(figure)
        expected = set()
        for trace in figure["data"]:
            if sign_of(trace) == "─" and colour_of(trace) == role("P"):
                continue  # the way of the mean, told with its end
            # by value, the sign has the colour of words, and the bar says what the colours mean
            expected.add((sign_of(trace), colour_of(trace) or role("text")))
        without_value = {(sign, colour) for sign, colour, words in entries if words == "no value"}
        assert {(sign, colour) for sign, colour, _ in entries} - without_value == expected, layers
        assert len(entries) == len(expected | without_value)


@pytest.mark.parametrize("shade", [USAGE, CLASS], ids=["usage", "class"])
def test_coloured_by_value_nothing_has_the_colours_of_roles_but_lines_and_one_bar_explains_the_rest(shade):
    figure = drawn(Look(shade=shade))
    points = [trace for trace in figure["data"] if trace["mode"] == "markers" and trace.get("name")]
    assert not {role(name) for name in ("P", "C", "Q", "dead")} & {colour_of(trace) for trace in points}
    (bar,) = [trace["marker"]["colorbar"] for trace in points if trace["marker"].get("showscale")]
    assert bar["title"]["text"] == shade.title
    greys = any((np.asarray(trace["marker"]["color"]) == 0).any() for trace in points if colour_of(trace) is None)
    assert greys == ("no value" in {words for _, _, words in told(figure)})


def test_a_code_is_in_use_or_dead_and_its_ring_is_there_in_any_case():
    traces = {trace.get("name"): trace for trace in drawn(Look())["data"]}
    used, dead = (set(traces[name]["customdata"].tolist()) for name in ("Q", "dead"))
    assert used == set(CODES.tolist())
    assert dead == set(range(K)) - used
    assert traces["C"]["customdata"].tolist() == list(range(K))
    assert traces["Q"]["marker"]["symbol"] != traces["C"]["marker"]["symbol"]
    order = list(traces)
    assert order.index("P") < order.index("C") < order.index("Q")  # what lies above is seen


def test_where_every_code_is_in_use_the_legend_has_no_dead_one():
    assert "dead" not in {words for *_, words in told(drawn(Look(), counts=np.ones(K, int)))}


def test_paths_alone_do_not_count_for_the_scale_of_the_axes():
    uncounted = [
        trace for trace in drawn(Look(layers=frozenset(LAYERS)))["data"] if not trace["meta"].get("scales", True)
    ]
    assert [trace["mode"] for trace in uncounted] == ["lines", "lines"]
    reach = [np.nanmax(np.asarray(trace["x"])) for trace in uncounted]
    assert max(reach) == 50
    counted = [trace for trace in drawn(Look(layers=frozenset(LAYERS)))["data"] if trace["meta"].get("scales", True)]
    highest = max(np.nanmax(np.asarray(trace["x"])) for trace in counted)
    assert highest <= max(
        P[:, 0].max(), C[:, 0].max(), P[:, 0].mean() + P[:, 0].std(), C[:, 0].mean() + C[:, 0].std()
    )


def test_axes_are_free_by_default_and_equal_on_request_each_with_a_zoom_of_its_own():
    free, equal = drawn(Look())["layout"], drawn(Look(equal_scale=True))["layout"]
    assert "scaleanchor" not in free["yaxis"]
    assert equal["yaxis"]["scaleanchor"] == "x"
    assert free["uirevision"] != equal["uirevision"]
