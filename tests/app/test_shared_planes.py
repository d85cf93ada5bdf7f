"""One layout of all variants: where each lies in it, which moments it shows, and what stands in for it."""

from dataclasses import replace

import numpy as np
import pytest
from fake_projection import FakeProjection

from app.figures.map_layers import Scale
from app.panels.compare_map import maps, shared_shades
from app.panels.map_shades import shade
from app.sessions.planes import MapMemory
from app.sessions.shared_planes import shared_plane
from vqcore.problems.catalogue import find_problem
from vqcore.projection.service import State, Status
from vqcore.projection.streams import Layout
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

STREAM = "all"


@pytest.fixture(scope="module")
def snapshots():
    recipes = {"a": default_recipe("digits", device="cpu", num_codes=6), "b": default_recipe("digits", device="cpu")}
    return {name: Trainer(recipe, variant=name).snapshot() for name, recipe in recipes.items()}


@pytest.fixture
def projection():
    found = FakeProjection()
    found.status = Status(State.READY, "UMAP is ready.")
    return found


def umap(snapshots, projection, memory=None, run=0):
    return shared_plane("UMAP", snapshots, run, memory or MapMemory(), projection, STREAM)


def laid_out(projection):
    """The newest request answered by a layout that says which row each point was."""
    _, points, tag = projection.requests[-1]
    rows = np.arange(len(points), dtype=np.float32)
    layout = Layout(np.stack([rows, -rows], 1), tag=tag, seconds=1.5, warm=False)
    projection.layouts[STREAM] = layout
    return points


def test_all_variants_are_laid_out_together_and_each_finds_its_own_points_again(snapshots, projection):
    assert umap(snapshots, projection).note.startswith("PCA for now")
    points = laid_out(projection)
    plane = umap(snapshots, projection)
    assert not plane.keeps_distances
    assert "of step 0" in plane.note
    for name, snapshot in snapshots.items():
        for drawn, expected in zip(plane.places[name], (snapshot.z_e, snapshot.codebook), strict=True):
            np.testing.assert_array_equal(points[drawn[:, 0].astype(int)], expected)
    assert len(projection.requests) == 1


def test_a_later_moment_is_laid_out_anew_and_the_older_layout_says_its_step_meanwhile(snapshots, projection):
    umap(snapshots, projection)
    laid_out(projection)
    later = {name: replace(snapshot, step=7) for name, snapshot in snapshots.items()}
    plane = umap(later, projection)
    assert {snapshot.step for snapshot in plane.snapshots.values()} == {0}
    assert "of step 0" in plane.note
    assert len(projection.requests) == 2


def test_a_layout_of_another_run_or_of_other_variants_is_not_shown(snapshots, projection):
    umap(snapshots, projection)
    laid_out(projection)
    assert umap(snapshots, projection, run=1).note.startswith("PCA for now")
    assert umap({"a": snapshots["a"]}, projection).note.startswith("PCA for now")


def test_one_scale_of_colours_holds_for_all_and_has_one_bar(snapshots, projection):
    problem = find_problem("digits")
    plane = shared_plane("PCA", snapshots, 0, MapMemory(), projection, STREAM)
    figure = maps(plane, shades=shared_shades("error", snapshots, problem))
    bars = [trace for trace in figure["data"] if trace.get("marker", {}).get("showscale")]
    assert len(bars) == 1
    shades = [shade("error", snapshot, problem) for snapshot in snapshots.values()]
    together = np.concatenate([part for each in shades for part in (each.p, each.c)])
    together = together[np.isfinite(together) & (together > 0)]
    scale = Scale(replace(shades[0], ends=(float(together.min()), float(together.max()))))
    for name, each in zip(snapshots, shades, strict=True):
        (cloud,) = [trace for trace in figure["data"] if trace.get("name") == f"{name} P"]
        np.testing.assert_allclose(cloud["marker"]["color"], scale.places(each.p), rtol=1e-5)
