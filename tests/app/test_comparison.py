"""Side by side without a page: set-ups and their URL, shared axes, the table, and seeds."""

import re
from dataclasses import replace

import numpy as np
import pytest
from fake_projection import FakeProjection

from app.compare.presets import PRESETS
from app.figures.side_by_side import variant_colour
from app.links import compare as comparison
from app.links.selection import Choice
from app.links.setup import Setup, Variant, read_variant, setup_of
from app.panels import compare_reading
from app.panels.compare_map import map_legend, maps
from app.panels.compare_table import Row, table
from app.panels.markup import markup
from app.sessions.planes import MapMemory
from app.sessions.seed_runs import Line, Plan, SeedRuns, band
from app.sessions.shared_planes import shared_plane
from app.theme import DARK, LIGHT
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

SECONDS = 120
SMALL = Setup(
    problem="plane",
    common=(("seed", 3),),
    variants=(Variant("one"), read_variant("two", "num_codes=9 sync=0.5")),
)


@pytest.fixture(scope="module")
def snapshots():
    taken = {}
    for name, recipe in SMALL.recipes().items():
        trainer = Trainer(recipe, variant=name)
        for _ in range(10):
            trainer.step()
        taken[name] = trainer.snapshot()
    return taken


def rows_of(html):
    """Of the table, the value and the note of every cell."""
    return [re.findall(r"<td>(.*?)<span>(.*?)</span></td>", row) for row in re.findall(r"<tr.*?</tr>", html)[1:]]


def plane_of(snapshots):
    return shared_plane("PCA", snapshots, 0, MapMemory(), FakeProjection(), "stream")


def bars_of(snapshots, notes):
    return compare_reading.bars(snapshots, Choice(), notes, log=True)


@pytest.mark.parametrize(
    "setup", [SMALL, *(preset[-1] for preset in PRESETS)], ids=lambda setup: setup.variants[-1].name
)
def test_what_is_written_is_read_again_and_recipes_give_their_set_up_back(setup):
    query = comparison.write("abc", setup, {"curve": "task loss", "select": "c3", "seeds": "4"}, paused=True)
    request = comparison.read(query)
    assert request.refused == ()
    assert (request.session, request.setup, request.paused) == ("abc", setup, True)
    assert (request.view["curve"], request.view["select"], request.view["seeds"]) == ("task loss", "c3", "4")
    assert setup_of(setup.recipes()) == setup
    assert len({(recipe.seed, recipe.batch_size) for recipe in setup.recipes().values()}) == 1


def test_one_legend_stands_for_the_maps_of_all_variants(snapshots):
    html = map_legend(plane_of(snapshots), {})
    figure = maps(plane_of(snapshots))
    marks = {mark for trace in figure["data"] for mark in trace["meta"]["marks"]}
    signs = {"P": "●", "C": "○", "Q": "◆", "dead": "✕", "1σ of P": "╌", "1σ of C": "╌"}
    assert set(re.findall(r"<i class=.[pcqd].>(.)</i>", html)) == {signs[mark] for mark in marks}
    assert not any(note.get("name") == "legend" for note in figure["layout"]["annotations"])
    assert "scaleanchor" not in figure["layout"]["yaxis"]
    assert maps(plane_of(snapshots), equal=True)["layout"]["yaxis"]["scaleanchor"] == "x"


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"problem": "nope"}, "'nope'"),
        ({"problem": "plane", "v1": "a;seed=3"}, "`seed`"),
        ({"problem": "plane", "v1": "a;sync=-1"}, "`sync`"),
        ({"problem": "plane", "v1": "a", "v2": "a"}, "'a' twice"),
        ({"problem": "plane", "v1": "<b>"}, "none of them"),
        ({"problem": "plane", "seed": "x"}, "`seed`"),
        ({"problem": "plane", "curve": "x"}, "`curve`"),
        ({"problem": "plane", "steps": "0"}, "`steps`"),
        ({"problem": "plane", "select": "??"}, "`select`"),
        ({"v1": "a"}, "without a `problem`"),
        ({"gamma": "1"}, "`gamma`"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(query, named):
    (sentence,) = comparison.read(query).refused
    assert named in sentence


def test_there_are_one_to_four_variants():
    with pytest.raises(ValueError, match="1 to 4 variants, but got 5"):
        replace(SMALL, variants=tuple(Variant(f"v{place}") for place in range(5)))


def test_all_maps_share_one_plane_fitted_to_all_and_its_axes():
    digits = {
        name: Trainer(default_recipe("digits", sync=nu), variant=name).snapshot() for name, nu in (("a", 0), ("b", 1))
    }
    memory, projection = MapMemory(), FakeProjection()
    plane = shared_plane("PCA", digits, 0, memory, projection, "stream")
    basis = memory.basis
    points = np.concatenate([part for each in digits.values() for part in (each.z_e, each.codebook)]).astype(
        np.float64
    )
    centred = points - points.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    figure = maps(plane)
    for name, number in (("a", ""), ("b", "2")):
        (trace,) = [trace for trace in figure["data"] if trace.get("name") == f"{name} P"]
        assert (trace["xaxis"], trace["yaxis"]) == (f"x{number}", f"y{number}")
        expected = np.abs((digits[name].z_e - points.mean(0)) @ axes[0])
        np.testing.assert_allclose(np.abs(trace["x"]), np.abs(expected), atol=1e-3)
    assert (figure["layout"]["xaxis2"]["matches"], figure["layout"]["yaxis2"]["matches"]) == ("x", "y")
    assert shared_plane("PCA", digits, 0, memory, projection, "stream").note == plane.note
    assert memory.basis is basis


def test_the_bars_have_one_scale_and_room_for_the_largest_codebook(snapshots):
    figure = compare_reading.bars(snapshots, Choice(), log=True)
    highest = max(np.bincount(snapshot.codes).max() for snapshot in snapshots.values())
    low, high = figure["layout"]["yaxis"]["range"]
    assert 10**low < 1
    assert highest <= 10**high < 3 * highest
    assert figure["layout"]["xaxis"]["range"] == [
        -0.5,
        max(snapshot.num_codes for snapshot in snapshots.values()) - 0.5,
    ]
    assert figure["layout"]["yaxis2"]["matches"] == "y"
    drawn = {trace["name"]: trace for trace in figure["data"]}
    np.testing.assert_array_equal(
        drawn["two assignments"]["text"], np.sort(np.bincount(snapshots["two"].codes, minlength=9))[::-1]
    )


def test_a_code_chosen_in_one_is_chosen_in_all_with_the_vectors_that_each_gives_it(snapshots):
    code = int(snapshots["one"].codes[0])
    chosen = compare_reading.selected(snapshots, Choice(codes=(code,)))
    for place, snapshot in enumerate(snapshots.values()):
        assert chosen[f"Q{place}"] == [code]
        assert chosen[f"P{place}"] == np.flatnonzero(snapshot.codes == code).tolist()
    metas = [trace["meta"] for trace in maps(plane_of(snapshots))["data"]]
    roles = {meta["role"] for meta in metas if "role" in meta}
    assert roles <= chosen.keys()


def test_the_table_has_present_numbers_and_differences_to_the_first(snapshots):
    cells = rows_of(table(snapshots, None))
    one, two = (snapshot.held_out for snapshot in snapshots.values())
    first, second = (len(np.unique(snapshot.codes)) for snapshot in snapshots.values())
    assert cells[0][:2] == [("10", ""), (f"{first} of {snapshots['one'].num_codes}", "")]
    assert cells[1][1] == (f"{second} of 9", f"{second - first:+d}".replace("-", "−") if second != first else "±0")
    percent = round(100 * (two.task_loss / one.task_loss - 1))
    assert cells[1][3][1] == (f"{percent:+d}%".replace("-", "−") if percent else "±0%")


def test_a_variant_that_broke_says_so_and_its_step_wherever_it_is_shown(snapshots):
    early = replace(snapshots["two"], step=4)
    shown = {"one": snapshots["one"], "two": early}
    step, *cells = rows_of(table(shown, None, {"two": 5}))[1]
    assert step == ("4", "broke at 5")
    assert [beside for _, beside in cells] == [""] * len(cells)  # numbers of two steps do not compare
    for figure in (maps(plane_of(shown), {"two": "broke, step 4"}), bars_of(shown, {"two": "broke, step 4"})):
        (heading,) = [each["text"] for each in figure["layout"]["annotations"] if "two" in each["text"]]
        assert heading == "<b>two</b>  broke, step 4"


def test_names_are_shown_as_they_are():
    assert "&lt;b&gt;" in markup("compared", columns=["x"], rows=[Row(0, "<b>", "1", "", [("1", "")])])


def test_a_band_is_mean_and_range_of_the_seeds_that_are_finite_there():
    whole, ended = np.arange(1, 4), np.arange(1, 3)
    values = [(whole, [1.0, 2.0, 9.0]), (whole, [3.0, np.nan, np.nan]), (ended, [5.0, 4.0])]
    results = [{"a": {"task_loss": Line(steps, np.array(row, np.float32))}} for steps, row in values]
    found = band(results, "a", "task_loss")
    np.testing.assert_array_equal(found.steps, whole)
    np.testing.assert_array_equal(found.mean, np.array([3, 3, 9], np.float32))
    np.testing.assert_array_equal(found.least, np.array([1, 2, 9], np.float32))
    np.testing.assert_array_equal(found.greatest, np.array([5, 4, 9], np.float32))


def test_seeds_are_trainings_of_their_own_from_the_first_seed_on():
    recipes = SMALL.recipes()
    runs = SeedRuns(Plan(tuple(recipes.items()), seeds=2, steps=12))
    runs.start()
    assert runs.wait(SECONDS)
    assert (runs.problem, runs.share, len(runs.results)) == ("", 1.0, 2)
    for number, result in enumerate(runs.results):
        trainer, losses, perplexities = Trainer(replace(recipes["two"], seed=3 + number)), [], []
        for _ in range(12):
            trainer.step()
            held_out = trainer.snapshot().held_out
            losses.append(np.float32(held_out.task_loss))
            perplexities.append(np.float32(held_out.perplexity))
        np.testing.assert_array_equal(result["two"]["task_loss"].values, losses)
        np.testing.assert_array_equal(result["two"]["perplexity"].values, perplexities)
    runs.stop()


def test_seeds_can_be_cancelled_and_one_that_breaks_is_named():
    runs = SeedRuns(Plan(tuple(SMALL.recipes().items()), seeds=50, steps=100_000))
    runs.start()
    runs.cancel()
    assert runs.wait(SECONDS)
    assert not runs.is_running
    assert runs.results == ()
    wild = SeedRuns(Plan((("wild", default_recipe("plane", learning_rate=1e9)),), seeds=1, steps=30))
    wild.start()
    assert wild.wait(SECONDS)
    assert "wild on seed 0: " in wild.diverged[0]
    assert not wild.problem
    assert wild.share == 1.0


# Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB.
SEEN = {
    "all colours": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def lab(colour: str, seen: np.ndarray) -> np.ndarray:
    values = np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    x, y, z = np.cbrt((TO_XYZ @ (seen @ linear).clip(0, 1)) / [0.9505, 1, 1.089] + 1e-9)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("eyes", SEEN)
def test_variants_are_told_apart_by_colour_blind_readers_and_from_p_c_and_q(palette, eyes):
    variants = [f"variant{place}" for place in range(4)]
    assert variant_colour(2) == "role:variant2"
    for order, one in enumerate(variants):
        for other in [*variants[order + 1 :], "P", "C", "Q"]:
            distance = np.linalg.norm(lab(palette[one], SEEN[eyes]) - lab(palette[other], SEEN[eyes]))
            assert distance >= 15, (one, other, distance)
