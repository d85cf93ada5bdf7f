"""Layers, colours by value, links and pins of the map, as data."""

import itertools

import numpy as np
import plotly.graph_objects as go
import pytest

from app.figures.code_bars import MOST_POINTED, Marked, usage_bars
from app.figures.map_layers import (
    FIRST_LAYERS,
    LAYERS,
    MOST_CLASSES,
    UNKNOWN,
    Look,
    Scale,
    Shade,
    read_layers,
    write_layers,
)
from app.figures.pcq_map import Plane, pcq_map
from app.theme import LIGHT, role

RANDOM = np.random.default_rng(1)
M, K = 50, 10
P = RANDOM.normal(size=(M, 2)).astype(np.float32)
C = RANDOM.normal(size=(K, 2)).astype(np.float32)
CODES = RANDOM.integers(3, K, M)
COUNTS = np.bincount(CODES, minlength=K)


def drawn(look: Look) -> dict:
    plane = Plane(
        p=P,
        c=C,
        codes=CODES,
        counts=COUNTS,
        axis_titles=("PC 1", "PC 2"),
        keeps_distances=True,
        paths=[C + 1],
        mean_path=[np.zeros(2, np.float32)],
    )
    figure = pcq_map(plane, look=look)
    go.Figure({"data": resolved(figure["data"]), "layout": resolved(figure["layout"])})  # Plotly knows every name
    return figure


def resolved(value):
    """The figure with roles as colours, as the browser has it."""
    if isinstance(value, str) and value.startswith("role:"):
        return LIGHT.get(value.removeprefix("role:").split("/")[0], "#000000")
    if isinstance(value, list | tuple):
        return [resolved(item) for item in value]
    return {key: resolved(item) for key, item in value.items()} if isinstance(value, dict) else value


def names(figure: dict) -> set[str]:
    return {trace["name"] for trace in figure["data"] if "name" in trace}


def trace(figure: dict, name: str) -> dict:
    return next(found for found in figure["data"] if found.get("name") == name)


@pytest.mark.parametrize("layer", ["P", "C", "Q", "dead", "links"])
def test_a_layer_is_there_alone_or_not_at_all(layer):
    assert names(drawn(Look(layers=frozenset([layer])))) == {layer}
    assert layer not in names(drawn(Look(layers=frozenset(LAYERS) - {layer})))


def test_without_layers_nothing_is_drawn_and_at_first_all_but_links():
    assert drawn(Look(layers=frozenset()))["data"] == []
    assert names(drawn(Look())) == {"P", "C", "Q", "dead"}
    assert "links" not in FIRST_LAYERS


def test_layers_are_read_as_written():
    for layers in (FIRST_LAYERS, frozenset(), frozenset(LAYERS), frozenset(["1σ", "P"])):
        assert read_layers(write_layers(layers)) == layers
    with pytest.raises(ValueError, match=r"`layers` in the link must be none or some of P,C,Q.* but has 'imgx'"):
        read_layers("P,![img](x)")


def test_every_link_goes_from_a_vector_to_its_code_vector():
    line = trace(drawn(Look(layers=frozenset(["links"]))), "links")
    x = np.asarray(line["x"]).reshape(M, 3)
    np.testing.assert_array_equal(x[:, 0], P[:, 0])
    np.testing.assert_array_equal(x[:, 1], C[CODES, 0])
    assert np.isnan(x[:, 2]).all()
    few = trace(drawn(Look(layers=frozenset(["P"]), linked=np.array([4, 7]))), "links")  # shown though not asked for
    np.testing.assert_array_equal(np.asarray(few["x"]).reshape(2, 3)[:, 0], P[[4, 7], 0])


@pytest.mark.parametrize("log", [False, True])
def test_colour_goes_with_the_value_and_its_bar_says_which(log):
    values = RANDOM.uniform(1, 1000, M).astype(np.float32)
    scale = Scale(Shade(title="value", p=values, c=values[:K], log=log))
    places = scale.places(values)
    assert (np.argsort(places) == np.argsort(values)).all()
    assert places.min() >= UNKNOWN - 1e-6
    assert places.max() == pytest.approx(1)
    middle = np.sqrt(values.min() * values.max()) if log else (values.min() + values.max()) / 2
    assert scale.places(np.array([middle]))[0] == pytest.approx((1 + UNKNOWN) / 2, abs=1e-5)
    marks = scale.marker(values, bar=True)["colorbar"]
    assert len(marks["tickvals"]) == len(marks["ticktext"]) == 3
    assert scale.places(np.array([np.nan]))[0] == 0
    assert scale.places(np.array([0.0]))[0] == pytest.approx(UNKNOWN)  # a logarithm of zero is the lowest


def test_a_class_has_one_colour_on_the_scale():
    classes = tuple("abcd")
    shade = Shade(
        title="class", p=np.arange(M) % 4 * np.float32(1), c=np.full(K, np.nan, np.float32), classes=classes
    )
    figure = drawn(Look(shade=shade))
    marker = trace(figure, "P")["marker"]
    stops = [(place, name) for place, name in marker["colorscale"]]
    for vector in range(M):
        at = marker["color"][vector]
        (below,) = {name for (low, name), (high, _) in itertools.pairwise(stops) if low < at < high}
        assert below == role(f"class{vector % 4}")
    (bar,) = [found["marker"]["colorbar"] for found in figure["data"] if found.get("marker", {}).get("showscale")]
    assert bar["ticktext"] == ["a", "b", "c", "d"]
    assert (trace(figure, "Q")["marker"]["color"] == 0).all()  # no vector, no class: grey
    assert sum(name.startswith("class") for name in LIGHT) == MOST_CLASSES


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 10, 12])
def test_a_scale_rises_from_exactly_0_to_exactly_1(count):
    """Plotly silently draws in other colours otherwise."""
    values = (np.arange(M) % max(count, 1)).astype(np.float32)
    shade = Shade(title="", p=values, c=values[:K], classes=tuple(map(str, range(count))))
    stops = [place for place, _ in Scale(shade).marker(values, bar=True)["colorscale"]]
    assert (stops[0], stops[-1]) == (0, 1)
    assert stops == sorted(stops)


def test_only_one_bar_is_shown():
    shade = Shade(title="use", p=np.ones(M, np.float32), c=np.arange(K, dtype=np.float32))
    for layers in (FIRST_LAYERS, frozenset(["Q"])):
        bars = [
            found
            for found in drawn(Look(shade=shade, layers=layers))["data"]
            if found.get("marker", {}).get("showscale")
        ]
        assert len(bars) == 1


def test_a_pin_rings_its_code_and_dots_its_vectors_in_its_colour():
    figure = drawn(Look(pins={5: 0, 4: 1, 99: 2}))
    rings = trace(figure, "pins")
    assert rings["marker"]["color"] == [role("pin0"), role("pin1")]
    np.testing.assert_array_equal(rings["x"], C[[5, 4], 0])
    dots = [found for found in figure["data"] if found.get("marker", {}).get("color") == role("pin1", 0.9)]
    np.testing.assert_array_equal(dots[0]["x"], P[CODES == 4, 0])
    _, *numbers = figure["layout"]["annotations"]
    assert [note["text"] for note in numbers] == ["<b>5</b>", "<b>4</b>"]


@pytest.mark.parametrize("log", [False, True])
def test_chosen_bars_keep_their_height_and_the_others_are_grey(log):
    figure = usage_bars(COUNTS, order="sorted", log=log, marked=Marked(chosen=[4, 8], pins={6: 0}))
    everything, kept, marks, pins = figure["data"]
    assert everything["fillcolor"] == role("unselected", 0.6)
    for row, code in enumerate(everything["customdata"]):
        assert kept["y"][row] == (COUNTS[code] if code in (4, 8) else 0.5 * log)
    assert sorted(everything["customdata"][marks["x"]]) == [4, 8]
    assert everything["customdata"][pins["x"][0]] == 6
    many = usage_bars(np.ones(200, int), order="sorted", log=log, marked=Marked(chosen=range(MOST_POINTED + 1)))
    assert len(many["data"]) == 2
