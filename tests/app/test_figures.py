"""Figures are tested as data: what would be drawn."""

import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from app.figures.code_bars import gradient_bars, usage_bars
from app.figures.curves import MOST_POINTS, Curve, Marker, Panel, curves
from app.figures.examples import SPACE, TILE, code_colours, examples
from app.figures.level_bars import LevelRow, level_bars
from app.figures.pcq_map import LARGE_SHARE, LARGEST_Q, LONGEST_TRAIL_CODES, SMALLEST_Q, Plane, pcq_map
from app.figures.reconstructions import Made, reconstructions
from app.theme import role

RANDOM = np.random.default_rng(0)
P = RANDOM.normal([2, 0], [3, 1], (400, 2)).astype(np.float32)
C = RANDOM.normal(size=(20, 2)).astype(np.float32)
COUNTS = np.array([0] * 5 + [1] * 10 + [100] * 5)


def plane(**changes) -> Plane:
    values = {
        "p": P,
        "c": C,
        "codes": RANDOM.integers(20, size=400),
        "counts": COUNTS,
        "axis_titles": ("x", "y"),
        "keeps_distances": True,
    }
    return Plane(**values | changes)


def trace(figure: dict, name: str) -> dict:
    return next(found for found in figure["data"] if found.get("name") == name)


def known_to_plotly(figure: dict) -> None:
    """Plotly itself accepts every property, once the colour roles are colours."""

    def coloured(value):
        if isinstance(value, dict):
            return {key: coloured(item) for key, item in value.items()}
        if isinstance(value, list):
            return [coloured(item) for item in value]
        return "#123456" if isinstance(value, str) and value.startswith("role:") else value

    go.Figure(coloured({"data": figure["data"], "layout": figure["layout"]}))


def test_the_map_shows_every_vector_and_every_code_once_by_its_own_id():
    figure = pcq_map(plane())
    known_to_plotly(figure)
    assert trace(figure, "P")["customdata"].tolist() == list(range(400))
    assert trace(figure, "dead")["customdata"].tolist() == [0, 1, 2, 3, 4]
    assert trace(figure, "Q")["customdata"].tolist() == list(range(5, 20))
    np.testing.assert_array_equal(trace(figure, "Q")["x"], C[5:, 0])


def test_a_zoom_belongs_to_one_plane():
    revisions = [pcq_map(plane(), revision=name)["layout"]["uirevision"] for name in ("level 1", "level 2")]
    assert revisions == ["level 1", "level 2"]


def test_before_the_first_batch_no_code_is_dead():
    figure = pcq_map(plane(counts=np.zeros(20, int)))
    known_to_plotly(figure)
    assert "dead" not in {found.get("name") for found in figure["data"]}
    assert len(trace(figure, "C")["x"]) == 20
    assert (usage_bars(np.zeros(20, int), order="sorted", log=True)["data"][0]["y"] == 0).all()


def test_area_goes_with_use():
    counts = np.array([0, 1, 2, 40, 50, 907])
    size = trace(pcq_map(plane(c=C[:6], counts=counts, codes=np.zeros(400, int))), "Q")["marker"]["size"]
    grown = ((size - SMALLEST_Q) / (LARGEST_Q - SMALLEST_Q)) ** 2
    np.testing.assert_allclose(grown[:4] / grown[0], counts[1:5])
    assert size.max() == LARGEST_Q
    even = trace(pcq_map(plane(c=C, counts=np.full(20, 9))), "Q")["marker"]["size"]
    np.testing.assert_allclose(((even - SMALLEST_Q) / (LARGEST_Q - SMALLEST_Q)) ** 2, (1 / 20) / LARGE_SHARE)


def test_ellipses_lie_one_standard_deviation_out_and_only_where_distances_mean_something():
    dashed = [found for found in pcq_map(plane())["data"] if found.get("line", {}).get("dash") == "dash"]
    assert [found["line"]["color"] for found in dashed] == [role("P"), role("C")]
    ring = np.stack([dashed[0]["x"], dashed[0]["y"]], 1)
    whitened = np.linalg.solve(np.linalg.cholesky(np.cov(P.T, bias=True)), (ring - P.mean(0)).T)
    np.testing.assert_allclose(np.linalg.norm(whitened, axis=0), 1, rtol=1e-3)
    umap = pcq_map(plane(keeps_distances=False))
    assert not any("dash" in found.get("line", {}) for found in umap["data"])
    assert "scaleanchor" not in umap["layout"]["yaxis"]


def test_paths_end_at_the_code_break_between_codes_and_are_kept_few():
    many = RANDOM.normal(size=(300, 2)).astype(np.float32)
    earlier = many + np.linspace(0, 1, 300)[:, None].astype(np.float32)
    figure = pcq_map(plane(c=many, counts=np.ones(300, int), paths=[earlier, earlier], mean_path=[np.zeros(2)]))
    known_to_plotly(figure)
    line = next(found for found in figure["data"] if found.get("mode") == "lines")
    xs = np.asarray(line["x"]).reshape(LONGEST_TRAIL_CODES, 4)  # two earlier places, the present one, a gap
    assert np.isnan(xs[:, 3]).all()
    drawn = {float(x) for x in xs[:, 2]}
    assert drawn == {float(x) for x in many[-LONGEST_TRAIL_CODES:, 0]}  # those that moved furthest


@pytest.mark.parametrize("order", ["sorted", "by code"])
@pytest.mark.parametrize("log", [True, False])
def test_usage_bars_show_each_code_and_mark_the_dead(order, log):
    figure = usage_bars(COUNTS, order=order, log=log)
    known_to_plotly(figure)
    (bars,) = figure["data"]
    np.testing.assert_array_equal(COUNTS[bars["customdata"]], bars["text"])
    used = bars["text"] > 0
    np.testing.assert_array_equal(bars["y"][used], bars["text"][used])
    assert (bars["y"][~used] == (0.5 if log else 0)).all()
    assert sorted(bars["customdata"]) == list(range(20))
    if order == "sorted":
        assert (np.diff(bars["text"]) <= 0).all()
    even, *bands = figure["layout"]["shapes"]
    assert even["y0"] == COUNTS.sum() / 20
    width = sum(band["x1"] - band["x0"] for band in bands)
    assert width == 5
    on_line, in_corner = figure["layout"]["annotations"]
    assert "5 of 20 not in use" in in_corner["text"]
    widest_letter = 8 / 12 * in_corner["font"]["size"]
    assert -on_line["xshift"] >= 0.9 * widest_letter * len(in_corner["text"])  # beside it, however high the line is


@pytest.mark.parametrize("counts", [np.zeros(7, int), np.ones(1, int)])
def test_usage_bars_of_nothing_and_of_one_code(counts):
    known_to_plotly(usage_bars(counts, order="sorted", log=True))
    known_to_plotly(gradient_bars(counts.astype(np.float32), order="by code", log=True))


def level(name: str, active: int, perplexity: float, error: float) -> LevelRow:
    return LevelRow(name=name, num_codes=128, in_use=active, perplexity=perplexity, relative_error=error)


def texts(figure: dict) -> list[str]:
    return [note["text"] for note in figure["layout"]["annotations"]]


def test_every_level_has_a_row_with_its_shares_error_and_unused_codes():
    rows = [level("level 1", 128, 64.0, 0.25), level("level 2", 32, 6.4, 3.0), level("level 3", 1, 1.0, 0.001)]
    figure = level_bars(rows, shown=1)
    known_to_plotly(figure)
    tracks, bars = figure["data"][::2], figure["data"][1::2]
    assert [bar["x"] for bar in bars] == [[1.0, 0.25, 1 / 128], [0.5, 0.05, 1 / 128], [0.25, 3.0, 0.001]]
    assert all(bar["y"] == ["level 1", "level 2", "level 3"] for bar in bars)
    assert [track["x"][0] for track in tracks] == [1.0, 1.0, 4.0]  # an error beyond 1 has room
    said = texts(figure)
    assert {"100%", "25%", "50%", "5%", "0.25", "3.00", "<0.01"} <= set(said)
    assert said[-3:] == ["0", "96", "127"]  # not in use
    assert [text for text in said if "<b>" in text] == ["<b>level 2</b>"]


def test_levels_before_the_first_batch_have_no_share_and_no_unused_codes():
    figure = level_bars([level("group 1", 0, np.nan, np.nan)] * 2, shown=0)
    known_to_plotly(figure)
    assert texts(figure).count("–") == 8
    assert "128" not in texts(figure)


def test_two_levels_have_rows_as_tall_as_five():
    low, high = level_bars([level("level 1", 9, 3.0, 0.5)] * 2, shown=0)["layout"]["yaxis"]["range"]
    assert low - high == 5


def curve(values, label="loss") -> Curve:
    return bucketed(np.asarray(values, dtype=np.float32), np.ones(len(values), int), label)


def bucketed(values: np.ndarray, sizes: np.ndarray, label: str = "loss") -> Curve:
    """The curve of `values`, one a step, of which each point stands for so many as `sizes` says."""
    parts = np.split(values.astype(np.float64), np.cumsum(sizes)[:-1]) if len(sizes) else []
    parts = [part[np.isfinite(part)] for part in parts]
    low, mean, high = (
        np.array([of(part) if len(part) else np.nan for part in parts], dtype=np.float32)
        for of in (np.min, np.mean, np.max)
    )
    return Curve(
        label=label,
        colour=role("P"),
        steps=np.cumsum(sizes),
        rows=sizes,
        finite=np.array([len(part) for part in parts], dtype=int),
        low=low,
        values=mean,
        high=high,
    )


def test_a_long_curve_is_thinned_to_means_of_equal_runs_and_keeps_its_end():
    values = RANDOM.normal(size=12_345)
    figure = curves([Panel(title="", curves=[curve(values)])], [], smoothing=1, last_step=12_345, height=300)
    band, line = figure["data"]
    assert len(line["x"]) <= MOST_POINTS
    assert len(band["x"]) <= 2 * MOST_POINTS + 1
    assert line["x"][-1] == 12_345
    run = line["x"][-1] - line["x"][-2]
    assert line["y"][-1] == pytest.approx(values[-run:].mean(), rel=1e-5)
    weights = np.diff(np.concatenate([[0], line["x"]]))
    assert np.average(line["y"], weights=weights) == pytest.approx(values.mean(), abs=1e-6)


def test_smoothing_is_a_running_mean():
    figure = curves([Panel(title="", curves=[curve([1, 2, 3, 4])])], [], smoothing=2, last_step=4, height=300)
    assert figure["data"][0]["y"].tolist() == [1, 1.5, 2.5, 3.5]


SIZES = np.array([64] * 40 + [1] * 3000)
"""As a long curve comes: buckets, then the rows themselves."""


@pytest.mark.parametrize("smoothing", [1, 25])
def test_a_curve_of_buckets_and_rows_is_drawn_as_if_all_rows_were_there(smoothing):
    values = np.exp(np.cumsum(RANDOM.normal(0, 0.02, SIZES.sum()))).astype(np.float32)
    figures = [
        curves([Panel(title="", curves=[found])], [], smoothing=smoothing, last_step=len(values), height=300)
        for found in (curve(values), bucketed(values, SIZES))
    ]
    (_, whole), (band, joined) = (figure["data"] for figure in figures)
    known_to_plotly(figures[1])
    late = joined["x"] > 64 * 40 + smoothing + 14  # the run that holds the seam differs, and smoothing looks back
    np.testing.assert_array_equal(joined["x"][late], whole["x"][-late.sum() :])
    np.testing.assert_allclose(joined["y"][late], whole["y"][-late.sum() :], rtol=1e-6)
    assert (np.diff(joined["x"]) > 0).all()
    half = len(joined["x"])
    np.testing.assert_array_equal(band["x"][:half], joined["x"])
    start = 0
    drawn = zip(joined["x"], joined["y"], band["y"][:half], band["y"][half : 2 * half][::-1], strict=True)
    for stop, mean, high, low in drawn:
        assert (low, high) == (values[start:stop].min(), values[start:stop].max())
        assert smoothing > 1 or mean == pytest.approx(values[start:stop].mean(), rel=1e-5)
        start = stop


def test_what_is_not_finite_is_a_gap_and_spoils_no_neighbour():
    values = np.ones(2000, np.float32)
    values[500] = np.nan
    values[1000:1100] = np.inf
    values[1500] = 3
    figure = curves([Panel(title="", curves=[curve(values)])], [], smoothing=5, last_step=2000, height=300)
    band, line = figure["data"]
    known_to_plotly(figure)
    gap = np.isnan(line["y"])
    together = -(-2000 // MOST_POINTS)
    assert gap.sum() == pytest.approx(100 / together, abs=2)
    assert ((line["x"][gap] > 1000) & (line["x"][gap] <= 1100 + together)).all()
    assert np.isnan(band["x"]).sum() == 2  # one after each stretch
    assert np.nanmax(band["y"]) == 3


def test_the_cursor_stands_at_its_step():
    figure = curves([Panel(title="", curves=[curve([1, 2, 3])])], [], smoothing=1, last_step=3, height=300, cursor=2)
    (line,) = figure["layout"]["shapes"]
    assert (line["x0"], line["x1"], line["line"]["color"]) == (2, 2, role("text"))


def test_markers_stand_where_switches_fell_and_names_do_not_overlap():
    panel = Panel(title="", curves=[curve([1.0, 1.0], "one"), curve([1.0, 1.0], "two")], log=True)
    figure = curves([panel, panel], [Marker(step=1, label="sync 0.5")], smoothing=1, last_step=2, height=300)
    known_to_plotly(figure)
    (line,) = figure["layout"]["shapes"]
    assert (line["x0"], line["x1"]) == (1, 1)
    names = [note for note in figure["layout"]["annotations"] if note["text"] in ("one", "two")]
    heights = sorted(note["y"] for note in names)
    assert len(names) == 4
    assert (np.diff(heights) * 300 > 10).all()
    assert heights[0] >= 0
    assert any(note["text"] == "sync 0.5" for note in figure["layout"]["annotations"])


def test_curves_without_a_step_or_a_finite_value_draw_empty_axes():
    for values in ([], [np.nan, np.nan], [0.0, 0.0]):
        panel = Panel(title="", curves=[curve(values)], log=True)
        figure = curves([panel], [], smoothing=5, last_step=0, height=300)
        known_to_plotly(figure)
        assert "range" not in figure["layout"]["yaxis"]


def picture(figure: dict) -> np.ndarray:
    """All its pictures where they stand on the axes."""
    shown = np.zeros((200, 200, 4), np.uint8)
    for trace in figure["data"]:
        if trace["type"] == "image":
            source = trace["source"].removeprefix("data:image/png;base64,")
            pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))))
            top = trace.get("y0", 0)
            shown[top : top + len(pixels), : pixels.shape[1]] = pixels
    bottom, right = np.argwhere(shown[..., 3] > 0).max(0) + 1
    return shown[:bottom, :right]


def test_examples_show_inputs_decoded_and_codes_pixel_for_pixel():
    inputs = RANDOM.uniform(-1, 1, (3, 3, 8, 8)).astype(np.float32)
    codes = RANDOM.integers(5, size=(3, 4, 4))
    figure = examples(inputs, codes, 5, reconstructions=-inputs)
    known_to_plotly(figure)
    sheet, pixel = picture(figure), TILE // 8
    pitch = (sheet.shape[1] - TILE) // 2
    seen = sheet[:TILE:pixel, pitch : pitch + TILE : pixel, :3]
    np.testing.assert_allclose(seen, (inputs[1].transpose(1, 2, 0) + 1) * 127.5, atol=1)
    mosaic = sheet[2 * pitch : 2 * pitch + TILE : TILE // 4, : TILE : TILE // 4, :3]
    np.testing.assert_array_equal(mosaic, code_colours(5)[codes[0]])


@pytest.mark.parametrize("size", [8, 28, 48, 64, 128])
def test_an_image_of_any_size_fills_its_tile(size):
    """Its four quarters are where the outlines of its places and the codes below them take them to be."""
    quarters = RANDOM.integers(256, size=(2, 3, 2, 2))
    inputs = (quarters / 127.5 - 1).repeat(size // 2, 2).repeat(size // 2, 3).astype(np.float32)
    above = picture(examples(inputs, np.zeros((2, 1, 1), int), 1))
    beside = picture(reconstructions([Made(name="input", colour="", pictures=inputs)]))
    for sheet in (above, beside):
        for tile, expected in zip((sheet, sheet[:, TILE + SPACE :]), quarters, strict=True):
            found = tile[:TILE, :TILE].reshape(2, TILE // 2, 2, TILE // 2, 4).transpose(4, 0, 2, 1, 3)
            assert (np.abs(found[:3] - expected[..., None, None]) <= 1).all()
            assert (found[3] == 255).all()


def test_a_classifiers_answers_stand_below_in_the_colour_and_with_the_sign_of_right_and_wrong():
    figure = examples(
        np.zeros((2, 1, 8, 8), np.float32),
        np.zeros((2, 4, 4), int),
        4,
        captions=["3 · 90%", "7 · 51%<br>is 1"],
        right=[True, False],
    )
    known_to_plotly(figure)
    notes = {note["text"]: note["font"]["color"] for note in figure["layout"]["annotations"]}
    assert (notes["✓ 3 · 90%"], notes["✗ 7 · 51%<br>is 1"]) == (role("good"), role("bad"))


def test_code_colours_differ():
    assert len({tuple(colour) for colour in code_colours(512).tolist()}) > 480
