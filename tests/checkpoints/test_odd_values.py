"""Numbers in and beside a codebook that no training writes: an answer or a sentence, and no warning of a library."""

import json
import re
import zipfile
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import torch

from vqcore.cli import main
from vqcore.doctor.json_schema import DOCUMENT

K, D = 16, 4
MODULE = "vq.layers.0._codebook."


def state(**changed: torch.Tensor) -> dict[str, torch.Tensor]:
    """EnCodec's layout, of which half of the codes lie where no latent is."""
    torch.manual_seed(0)
    table, counts = torch.randn(K, D), 1 + torch.rand(K)
    table[K // 2 :] += 50
    made = {"embed": table, "embed_avg": table * counts[:, None], "cluster_size": counts, "inited": torch.ones(1)}
    return {MODULE + name: values for name, values in (made | changed).items()}


def saved(folder: Path, name: str = "model.pt", **changed: torch.Tensor) -> Path:
    made = state(**changed)
    if name.endswith(".npz"):
        np.savez(folder / name, **{key: value.numpy() for key, value in made.items()})
    else:
        torch.save(made, folder / name)
    return folder / name


def asked(capsys, *words: object) -> dict:
    """The report on what can be examined, though perhaps with a severe finding."""
    code = main(["doctor", *map(str, words), "--json"])
    out, err = capsys.readouterr()
    assert (code < 2, err) == (True, "")
    report = json.loads(out)
    jsonschema.Draft202012Validator(DOCUMENT).validate(report)
    return report


def mended(capsys, source: Path, *, distinct: int = 800) -> str:
    """What is said about a repair that was refused; empty if it was written."""
    latents, out = source.with_name("z_e.npy"), source.with_name(f"mended{source.suffix}")
    different = np.random.default_rng(0).standard_normal((distinct, D)).astype(np.float32)
    np.save(latents, different[np.arange(800) % distinct])
    words = ["doctor", source, "--latents", latents, "--repair", out, "--force"]
    code = main([*map(str, words)])
    err = capsys.readouterr().err
    assert (code == 0) == out.exists() == (err == "")
    assert "fault of VQ Scope" not in err
    return err


def test_a_search_by_cosine_leaves_broken_rows_to_the_diagnosis(capsys, tmp_path):
    table = torch.randn(K, D)
    table[1, 2] = float("inf")
    path = saved(tmp_path, embed=table)
    (one,) = asked(capsys, path, "--search", "cosine")["codebooks"]
    assert one["findings"][0]["condition"] == "broken-numbers"


@pytest.mark.parametrize("name", ["embed_avg", "cluster_size"])
def test_averages_beyond_float32_are_not_squared(name, capsys, tmp_path):
    path = saved(tmp_path, **{name: state()[MODULE + name].double() * 1e200})
    (one,) = asked(capsys, path)["codebooks"]
    assert "ema-bookkeeping" not in {found["condition"] for found in one["findings"]}


def test_a_threshold_next_to_zero_can_be_met(capsys, tmp_path):
    path = saved(tmp_path, cluster_size=1e30 * (1 + torch.rand(K)))
    (one,) = asked(capsys, path, "--threshold", "1e-300")["codebooks"]
    assert "unreachable-threshold" not in {found["condition"] for found in one["findings"]}


def test_a_table_that_was_named_is_in_the_schema(capsys, tmp_path):
    torch.save({"some.thing": torch.randn(K, D)}, tmp_path / "x.pt")
    (one,) = asked(capsys, tmp_path / "x.pt", "--codebook", "some.thing")["codebooks"]
    assert one["confidence"] == "told"


@pytest.mark.parametrize(
    "counts",
    [
        torch.complex(torch.rand(K), torch.rand(K)),
        torch.rand(K).index_fill(0, torch.tensor([3]), float("nan")),
        torch.rand(K).index_fill(0, torch.tensor([3]), float("inf")),
        -torch.rand(K),
    ],
    ids=["complex", "NaN", "infinite", "negative"],
)
def test_counts_that_would_spoil_a_repair_are_named(counts, capsys, tmp_path):
    said = mended(capsys, saved(tmp_path, cluster_size=counts))
    assert re.fullmatch(r"`.*embed` cannot be repaired: the counts .*cluster_size, are not .*\. Start .*\.\n", said)


def test_broken_codes_that_no_latent_is_left_for_stay_beside_repaired_ones(capsys, tmp_path):
    table = torch.cat([torch.full((1, D), float("inf")), 50 + torch.randn(K - 1, D)]).roll(-1, 0)
    torch.save({"quantize.embedding.weight": table}, tmp_path / "x.pt")
    assert mended(capsys, tmp_path / "x.pt", distinct=3) == ""
    after = torch.load(tmp_path / "mended.pt")["quantize.embedding.weight"]
    assert (after[:-1] != table[:-1]).any()
    assert torch.equal(after[-1], table[-1])


@pytest.mark.parametrize("shape", [(0, K, D), (3, K, D)])
def test_sums_of_another_shape_are_left_as_they_are(shape, capsys, tmp_path):
    source = saved(tmp_path, embed_avg=torch.ones(shape))
    assert mended(capsys, source) == ""
    assert torch.equal(torch.load(tmp_path / "mended.pt")[MODULE + "embed_avg"], torch.ones(shape))


def test_counts_near_the_end_of_float32_are_averaged_without_overflow(capsys, tmp_path):
    said = mended(capsys, saved(tmp_path, embed_avg=torch.ones(1), cluster_size=3e38 * (0.5 + torch.rand(K) / 2)))
    assert said == ""


@pytest.mark.parametrize("name", ["model.pt", "model.npz"])
def test_sums_that_their_dtype_cannot_hold_are_not_written(name, capsys, tmp_path):
    said = mended(
        capsys, saved(tmp_path, name, embed_avg=torch.ones(K, D).half(), cluster_size=torch.full((K,), 1e5))
    )
    assert re.fullmatch(r"`.*embed_avg` cannot hold the repaired codes: float16 ends .*\. Restart .*\.\n", said)


def test_a_member_whose_name_is_not_that_of_its_archive_is_named(capsys, tmp_path):
    """Values are read in place, past the name that stands before them."""
    path = saved(tmp_path, "model.npz")
    with zipfile.ZipFile(path) as archive:
        start = archive.infolist()[-1].header_offset
    data = bytearray(path.read_bytes())
    data[start + 30] ^= 1
    path.write_bytes(data)
    said = mended(capsys, path)
    assert re.fullmatch(r"`.*inited\.npy` cannot be copied from its archive \(.*\)\. Save it again .*\.\n", said)
