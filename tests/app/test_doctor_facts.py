"""What the Doctor page draws, against plain numpy."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from app.doctor import facts as doctor_facts
from app.doctor.facts import Facts, facts_of
from app.doctor.map import how_chosen
from app.figures.histogram import Group, Mark, histogram
from app.figures.spectrum import Line, spectrum
from app.theme import role
from vqcore.checkpoints.contents import Search
from vqcore.doctor.examination import Request, examine

K, D = 32, 4


def facts(folder: Path, codebook: np.ndarray, latents: np.ndarray | None, **options) -> Facts | None:
    torch.save({"quantize.embedding.weight": torch.from_numpy(codebook)}, folder / "model.pt")
    if latents is not None:
        np.save(folder / "z_e.npy", latents)
    path = None if latents is None else folder / "z_e.npy"
    (one,) = examine(Request(path=folder / "model.pt", latents=path, **options)).examined
    return facts_of(one.evidence, one.effective.search)


@pytest.fixture
def codebook() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((K, D)).astype(np.float32) * 2 + 1


@pytest.fixture
def latents(codebook: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(1)
    chosen = codebook[generator.integers(K // 2, size=3_000)]
    return (chosen + 0.1 * generator.standard_normal(chosen.shape)).astype(np.float32)


def distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(a[:, None].astype(np.float64) - b).sum(2))


def test_lengths_and_distances_are_those_of_all_pairs(tmp_path, codebook, latents) -> None:
    found = facts(tmp_path, codebook, latents)
    among = distances(codebook, codebook) + np.diag([np.inf] * K)
    to_codes = distances(latents, codebook)
    unused = np.setdiff1d(np.arange(K), to_codes.argmin(1))
    np.testing.assert_allclose(found.norms, np.linalg.norm(codebook, axis=1), rtol=1e-5)
    np.testing.assert_allclose(found.neighbours, among.min(1), rtol=1e-4)
    np.testing.assert_allclose(np.sort(found.assigned), np.sort(to_codes.min(1)), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.flatnonzero(~found.used), unused)
    np.testing.assert_allclose(np.sort(found.stranded), np.sort(to_codes.min(0)[unused]), rtol=1e-4)
    singular = np.linalg.svd(codebook - codebook.mean(0), compute_uv=False) / K**0.5
    np.testing.assert_allclose(found.codebook_spread.singular, singular, rtol=1e-4)


def test_the_neighbours_of_some_codes_are_looked_for_among_all(tmp_path, codebook, monkeypatch) -> None:
    monkeypatch.setattr(doctor_facts, "MOST_COMPARED", 8)
    found = facts(tmp_path, codebook, None)
    among = distances(codebook, codebook) + np.diag([np.inf] * K)
    np.testing.assert_allclose(found.neighbours, among.min(1)[found.compared], rtol=1e-4)
    assert len(found.compared) == 8


def test_under_a_cosine_search_distances_are_between_directions(tmp_path, codebook, latents) -> None:
    unit = codebook / np.linalg.norm(codebook, axis=1, keepdims=True)
    found = facts(tmp_path, unit, latents)
    assert found.search == "cosine"
    directions = latents / np.linalg.norm(latents, axis=1, keepdims=True)
    np.testing.assert_allclose(np.sort(found.assigned), np.sort(distances(directions, unit).min(1)), atol=1e-4)


def test_codes_that_are_not_finite_are_left_out(tmp_path, codebook) -> None:
    codebook[3, 1] = np.nan
    found = facts(tmp_path, codebook, None)
    assert 3 not in found.codes
    assert len(found.norms) == K - 1
    assert np.isfinite(found.plane.c).all()
    assert facts(tmp_path, np.full((K, D), np.nan, np.float32), None) is None


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_few_features_are_drawn_as_they_are(tmp_path, codebook, dim) -> None:
    found = facts(
        tmp_path, np.ascontiguousarray(codebook[:, :dim]), None, axis="K,D", key="quantize.embedding.weight"
    )
    assert found.plane.c.shape == (K, 2)
    if dim < 3:
        np.testing.assert_allclose(found.plane.c[:, :dim], codebook[:, :dim])


@pytest.mark.parametrize("search", get_args(Search))
def test_a_search_that_is_not_known_is_called_so_and_not_a_way_to_choose(search) -> None:
    (said,) = how_chosen(search) or [""]
    assert "by unknown" not in said
    assert ("not known" in said and "Euclidean distance was assumed" in said) is (search == "unknown")
    assert bool(said) is (search not in ("euclidean", "cosine"))


def test_distance_is_what_was_assumed_of_a_search_that_is_not_known(tmp_path, codebook, latents) -> None:
    torch.save({"my.codes_table": torch.from_numpy(codebook)}, tmp_path / "model.pt")
    np.save(tmp_path / "z_e.npy", latents)
    request = Request(path=tmp_path / "model.pt", latents=tmp_path / "z_e.npy", key="my.codes_table")
    (one,) = examine(request).examined
    assert one.effective.search == "unknown"
    counts = np.bincount(distances(latents, codebook).argmin(1), minlength=K)
    np.testing.assert_array_equal(one.evidence.usage.counts, counts)


def group(values, label="used", **settings) -> Group:
    return Group(label=label, colour=role("Q"), values=np.asarray(values, dtype=float), whole="codes", **settings)


def heights(trace) -> np.ndarray:
    return trace["y"][1:-1:2]


def test_stacked_shares_end_at_the_whole_and_outlines_stand_alone() -> None:
    generator = np.random.default_rng(0)
    figure = histogram(
        [
            group(generator.uniform(1, 2, 30)),
            group(generator.uniform(1, 3, 70), "unused"),
            Group(label="z_e", colour=role("P"), values=generator.uniform(1, 3, 500), whole="z_e", stacked=False),
        ],
        title="length",
    )
    total, used, outline = figure["data"]
    assert [one["name"] for one in figure["data"]] == ["unused", "used", "z_e"]
    assert heights(used).sum() == pytest.approx(0.3)
    assert heights(total).sum() == pytest.approx(1.0)
    assert heights(outline).sum() == pytest.approx(1.0)
    assert "fill" not in outline


def test_values_over_many_orders_are_drawn_by_logarithm_and_zeros_left_out() -> None:
    values = np.concatenate([np.zeros(10), np.geomspace(1e-4, 1e2, 90)])
    figure = histogram([group(values)], title="distance", marks=[Mark(value=1.0, label="one")])
    assert figure["layout"]["xaxis"]["type"] == "log"
    assert heights(figure["data"][0]).sum() == pytest.approx(0.9)
    assert figure["layout"]["annotations"][-1]["x"] == 0


@pytest.mark.parametrize("values", [[0.0], [5.0, 5.0, 5.0], [0.0, 0.0], [-1.0, 2.0]])
def test_a_histogram_of_any_values_holds_them_all(values) -> None:
    figure = histogram([group(values), group([], "none")], title="x")
    assert heights(figure["data"][-1]).sum() == pytest.approx(1.0)


def test_a_histogram_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        histogram([group([])], title="x")


def test_the_spectrum_marks_the_effective_rank_of_each_set() -> None:
    lines = [
        Line(label="C", colour=role("C"), singular=np.array([3.0, 1.0, 0.0]), rank=1.4),
        Line(label="P", colour=role("P"), singular=np.array([2.0, 2.0, 2.0]), rank=3.0),
    ]
    figure = spectrum(lines)
    assert [shape["x0"] for shape in figure["layout"]["shapes"]] == [1.4, 3.0]
    assert np.isnan(figure["data"][0]["y"][2])  # a log scale has no zero
    assert "effective rank 1.4 of 3" in figure["alt"]
    with pytest.raises(ValueError, match="at least one"):
        spectrum([])
