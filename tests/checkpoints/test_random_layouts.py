"""Codebooks of layouts that no rule names, found by what speaks for them; see `random_layouts` for more of them."""

import numpy as np
import pytest
import torch
from random_layouts import FAMILIES, invented, misread, random_layout, random_model, save, trained

from vqcore.checkpoints.reader import open_checkpoint
from vqcore.doctor.examination import Request, examine

K, D = 64, 8


@pytest.mark.parametrize("seed", range(2 * len(FAMILIES)))
def test_codebooks_under_names_drawn_at_random_are_found(seed, tmp_path):
    layout = random_layout(seed)
    assert misread(layout, save(layout.state, tmp_path / "model.pt", np.random.default_rng(seed))) == ""


@pytest.mark.parametrize("seed", range(20))
def test_no_table_of_a_model_without_a_codebook_is_examined(seed, tmp_path):
    assert invented(save(random_model(seed), tmp_path / "model.pt", np.random.default_rng(seed))) == ""


def values(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    table, counts, sums = trained(np.random.default_rng(seed), K, D)
    return torch.from_numpy(table).float(), torch.from_numpy(counts).float(), torch.from_numpy(sums).float()


def test_a_statistic_is_never_offered_nor_taken_even_alone(tmp_path):
    table, counts, sums = values()
    statistics = {"vq.ema_sum": sums, "vq.usage_count": counts[None].repeat(D, 1), "vq.stale_counter": table}
    torch.save(statistics, tmp_path / "x.pt")
    checkpoint = open_checkpoint(tmp_path / "x.pt")
    assert (checkpoint.codebooks, checkpoint.candidates) == ((), ())


@pytest.mark.parametrize(("name", "found"), [("table", 1), ("latents", 0), ("z_e", 0)])
def test_the_only_table_of_a_file_is_examined_unless_it_is_what_goes_into_a_quantizer(name, found, tmp_path):
    np.save(tmp_path / f"{name}.npy", values()[0].numpy())
    assert len(open_checkpoint(tmp_path / f"{name}.npy").codebooks) == found


def test_a_candidate_is_examined_only_where_nothing_better_stands_in_the_file(tmp_path):
    alone = {"bottleneck.codes": values()[0], "encoder.weight": torch.zeros(3, 3)}
    for state, expected in (
        (alone, ["bottleneck.codes"]),
        (alone | {"vq.table": values(1)[0], "vq.counts": values(1)[1]}, ["vq.table"]),
    ):
        torch.save(state, tmp_path / "x.pt")
        (one,) = examine(Request(path=tmp_path / "x.pt")).examined
        assert [one.codebook.key] == expected
        assert ("only a candidate" in one.read[0]) == (one.codebook.confidence == "candidate")
        assert "--codebook KEY" in one.read[0]


@pytest.mark.parametrize("key", ["my.thing", "quantize.embedding.weight"])
def test_counts_beside_a_table_are_used_whether_it_is_told_or_known(key, tmp_path):
    table, counts, _ = values()
    counts[:40] = 0
    torch.save({key: table, f"{key.partition('.')[0]}.ema_cluster_size": counts}, tmp_path / "x.pt")
    (one,) = examine(Request(path=tmp_path / "x.pt", key=key)).examined
    assert one.evidence.usage is not None
    assert np.count_nonzero(one.evidence.usage.counts) == np.count_nonzero(counts)


@pytest.mark.parametrize("name", ["vq.codes_{}", "vq{}.codes", "vq.stage{}.embed"])
def test_numbered_tables_are_levels_of_latents_as_wide_as_one_and_groups_of_wider_ones(name, tmp_path):
    state = {name.format(number): values(number)[0] for number in (1, 2)}
    torch.save(state, tmp_path / "x.pt")
    first, second = (table.numpy() for table in state.values())
    for z_e in (first[:, None] + second, np.concatenate([first, second], 1)):
        np.save(tmp_path / "z.npy", z_e.reshape(-1, z_e.shape[-1]))
        examined = examine(Request(path=tmp_path / "x.pt", latents=tmp_path / "z.npy")).examined
        assert [one.evidence.latents is not None for one in examined] == [True, True]
        if z_e.ndim == 2:
            assert [one.evidence.latents.error for one in examined] == pytest.approx([0, 0], abs=1e-6)
