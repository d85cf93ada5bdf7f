"""Usage through time as it would be drawn, against shares computed here."""

import numpy as np
import pytest
from test_figures import known_to_plotly

from app.figures.usage_map import DEAD_SHARE, MOST_ROWS, MOST_SPANS, SHADES, usage_map
from app.theme import role

RANDOM = np.random.default_rng(0)
SPANS = 12
FIRST, LAST = 1 + 4 * np.arange(SPANS), np.minimum(4 + 4 * np.arange(SPANS), 46)


def drawn(counts: np.ndarray, order: str = "by birth", **changes) -> dict:
    used = counts > 0
    values = {
        "born": np.where(used.any(0), FIRST[used.argmax(0)], -1),
        "now": counts[-1].astype(np.int64),
        "order": order,
        "marks": [],
    }
    figure = usage_map(counts, FIRST, LAST, **values | changes)
    known_to_plotly(figure)
    return figure


def some_counts(num_codes: int) -> np.ndarray:
    """(SPANS, K): a third of the codes dies, a third is born late, the last is never used."""
    counts = RANDOM.integers(1, 1000, (SPANS, num_codes)).astype(np.float32)
    counts[5:, : num_codes // 3] = 0
    counts[:7, num_codes // 3 : 2 * num_codes // 3] = 0
    counts[:, -1] = 0
    return counts


def test_every_cell_is_the_share_of_its_code_beside_even_use_on_a_log_scale():
    counts = some_counts(20)
    figure = drawn(counts)
    (heat,) = figure["data"]
    rows = [int(name.removeprefix("code ")) for name in heat["y"]]
    assert sorted(rows) == list(range(20))
    share = 20 * counts / counts.sum(1, keepdims=True)
    ticks = dict(zip(heat["colorbar"]["ticktext"], heat["colorbar"]["tickvals"], strict=True))
    assert next(iter(ticks)) == "unused"
    powers = [float(text) for text in list(ticks)[1:]]
    slope, zero = np.polyfit(np.log10(powers), list(ticks.values())[1:], 1)
    for row, code in zip(heat["z"].astype(float), rows, strict=True):
        used = share[:, code] > 0
        assert (row[~used] == 0).all()
        expected = zero + slope * np.log10(share[used, code])
        beyond = share[used, code] > powers[-1]  # the scale ends at K, between two powers of ten
        np.testing.assert_allclose(row[used][~beyond], expected[~beyond], atol=0.51)
        assert (row[used] > 0).all()
    assert heat["x"].tolist() == [*(FIRST - 0.5), 46.5]


def test_a_byte_can_be_read_back_as_the_share_that_it_stands_for():
    counts = some_counts(20)
    (heat,) = drawn(counts)["data"]
    scale = heat["meta"]["logCells"]
    rows = [int(name.removeprefix("code ")) for name in heat["y"]]
    share = (20 * counts / counts.sum(1, keepdims=True)).T[rows]
    cells = heat["z"].astype(float)
    decades = scale["high"] - scale["low"]
    told = 10 ** (scale["low"] + (cells - 1) / (scale["shades"] - 1) * decades)
    half_a_shade = 10 ** (decades / (scale["shades"] - 1) / 2)
    used = share > 0
    np.testing.assert_allclose(np.log(told[used]), np.log(share[used]), atol=1.001 * np.log(half_a_shade))
    assert half_a_shade < 1.05  # "about" is true of two digits
    assert (cells[~used] == 0).all()
    assert "text" not in heat  # written in the browser: a text for every cell would be the whole payload again


def test_unused_cells_alone_have_the_dead_colour():
    (heat,) = drawn(some_counts(20))["data"]
    stops = heat["colorscale"]
    assert stops[0][1] == stops[1][1] == role("dead", 0.35)
    reach = heat["zmin"] + stops[1][0] * (heat["zmax"] - heat["zmin"])
    assert 0 < reach < 1  # between no use and the least use
    assert heat["zmin"] == -SHADES * DEAD_SHARE


def test_rows_are_sorted_by_first_use_or_by_use_now():
    counts = some_counts(30)
    codes = [int(name.removeprefix("code ")) for name in drawn(counts)["data"][0]["y"]]
    births = [(counts[:, code] > 0).argmax() if counts[:, code].any() else SPANS for code in codes]
    assert births == sorted(births)
    assert codes[-1] == 29
    codes = [int(name.removeprefix("code ")) for name in drawn(counts, "by usage now")["data"][0]["y"]]
    assert (np.diff(counts[-1, codes]) <= 0).all()


@pytest.mark.parametrize("num_codes", [MOST_ROWS + 1, 16_384])
def test_many_codes_share_rows_and_none_is_lost(num_codes):
    counts = some_counts(num_codes)
    (heat,) = drawn(counts, "by usage now")["data"]
    assert MOST_ROWS // 2 < len(heat["y"]) <= MOST_ROWS
    assert heat["z"].shape == (len(heat["y"]), SPANS)
    assert sum(1 if "…" not in name else int(name.split(", ")[1].split()[0]) for name in heat["y"]) == num_codes
    assert heat["z"].nbytes <= 2**17


def test_many_spans_share_columns_and_no_use_is_lost():
    spans = 2 * MOST_SPANS + 3
    counts = RANDOM.integers(1, 9, (spans, 4)).astype(np.float32)
    first = 1 + 5 * np.arange(spans)
    of_codes = {"born": np.ones(4, int), "now": counts[-1].astype(int), "order": "by birth", "marks": []}
    (heat,) = usage_map(counts, first, first + 4, **of_codes)["data"]
    together = np.stack([counts[start : start + 3].sum(0) for start in range(0, spans, 3)])
    (expected,) = usage_map(together, first[::3], np.append(first[3::3] - 1, 5 * spans), **of_codes)["data"]
    assert len(together) == 87
    assert heat["x"].tolist() == expected["x"].tolist() == [*(first[::3] - 0.5), 5 * spans + 0.5]
    assert heat["z"].tolist() == expected["z"].tolist()


def test_before_the_first_step_there_is_an_empty_chart_and_switches_and_the_cursor_have_lines():
    none = np.empty(0, dtype=np.int64)
    empty = usage_map(np.empty((0, 4)), none, none, np.full(4, -1), np.zeros(4, int), order="by birth", marks=[])
    assert empty["data"] == []
    shapes = drawn(some_counts(9), marks=[7, 30], cursor=12)["layout"]["shapes"]
    assert [line["x0"] for line in shapes] == [7, 30, 12]


@pytest.mark.parametrize("order", ["by birth", "by usage now"])
@pytest.mark.parametrize("num_codes", [16, 300])
def test_each_code_is_said_to_lie_in_the_row_that_its_use_is_drawn_in(order, num_codes):
    code, counts = 11, np.zeros((4, num_codes), np.float32)
    counts[:, code] = 9
    born, now = np.full(num_codes, -1), np.zeros(num_codes, int)
    born[[3, code]], now[[7, code]] = [0, 1], [90, 5]
    starts = np.arange(4) * 10
    (heat,) = usage_map(counts, starts, starts + 9, born, now, order=order, marks=[])["data"]
    assert np.flatnonzero(heat["z"].any(1)).tolist() == [heat["meta"]["rowOf"][code]]
