"""`doctor --what-if` and `--repair`: the words of the command line over what tests/checkpoints tests in depth."""

import sys

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from test_doctor_command import refused, said
from vector_quantize_pytorch import VectorQuantize

from vqcore.cli import main
from vqcore.files.series import check_not_followed, open_series


def collapsed(folder):
    """A codebook of which all but eight codes lie far away from the latents, and the latents."""
    vectors = codebook()
    far = vectors.copy()
    far[8:] += 100
    return saved(folder, far), kept(folder, latents(vectors))


def used(table, z_e):
    return len(np.unique(np.square(z_e[:, None] - table).sum(2).argmin(1)))


def test_what_if_foretells_every_remedy_and_writes_nothing(capsys, tmp_path):
    path, z_e = collapsed(tmp_path)
    before = {each: each.read_bytes() for each in tmp_path.iterdir()}
    found = said(capsys, path, "--latents", z_e, "--what-if", code=1)["what_if"]
    assert set(found["after"]) | set(found["unsuited"]) == {"restart", "replace", "align"}
    assert found["before"]["codebooks"][0]["active"] <= 8
    assert found["after"]["restart"]["error"] < 0.2 * found["before"]["error"]
    assert found["num_fit"] + found["num_held_out"] == found["num_vectors"] == 4_000
    assert {each: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_a_repaired_copy_uses_its_codes_and_keeps_every_other_tensor(capsys, tmp_path):
    path, z_e = collapsed(tmp_path)
    out = tmp_path / "repaired.pt"
    report = said(capsys, path, "--latents", z_e, "--repair", out)
    mended, source = torch.load(out, weights_only=True), torch.load(path, weights_only=True)
    assert report["repair"]["moved_codes"] == [K - 8]
    assert torch.equal(mended["encoder.weight"], source["encoder.weight"])
    table = mended["quantize.embedding.weight"].numpy()
    assert used(table, np.load(z_e)) > 0.9 * K
    assert main(["doctor", str(out), "--latents", str(z_e)]) == 0


def test_a_repaired_file_loads_strictly_in_its_own_library(capsys, tmp_path):
    layer = VectorQuantize(dim=D, codebook_size=K, kmeans_init=False)
    with torch.no_grad():
        layer._codebook.embed[0, 8:] += 100
    path, out = tmp_path / "layer.pt", tmp_path / "repaired.pt"
    torch.save(layer.state_dict(), path)
    z_e = latents(layer._codebook.embed[0, :8].numpy(), count=6_000)
    said(capsys, path, "--latents", kept(tmp_path, z_e), "--repair", out, "--remedy", "replace")
    layer.load_state_dict(torch.load(out, weights_only=True), strict=True)
    _, codes, _ = layer.eval()(torch.from_numpy(z_e)[None])
    assert len(codes.unique()) > 0.9 * K


@pytest.mark.parametrize("wish", [("--what-if",), ("--repair", "out.pt")])
def test_without_latents_there_is_nothing_to_fit(wish, capsys, tmp_path):
    assert f"`{wish[0]}` needs the latents" in refused(capsys, saved(tmp_path, codebook()), *wish)


def test_neither_the_source_nor_an_existing_file_is_written_over(capsys, tmp_path):
    path, z_e = collapsed(tmp_path)
    source, there = path.read_bytes(), tmp_path / "there.pt"
    there.write_bytes(b"mine")
    assert "is the checkpoint itself" in refused(capsys, path, "--latents", z_e, "--repair", path, "--force")
    assert "exists" in refused(capsys, path, "--latents", z_e, "--repair", there)
    assert (path.read_bytes(), there.read_bytes()) == (source, b"mine")
    said(capsys, path, "--latents", z_e, "--repair", there, "--force")
    assert set(torch.load(there, weights_only=True)) == set(torch.load(path, weights_only=True))


def test_a_deep_list_beside_the_codebook_leads_to_no_traceback(capsys, tmp_path):
    path, z_e = collapsed(tmp_path)
    deep = []
    for _ in range(1_500):
        deep = [deep]
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(20 * limit)
    try:
        torch.save(torch.load(path, weights_only=True) | {"deep": deep}, path)
    finally:
        sys.setrecursionlimit(limit)
    out = tmp_path / "repaired.pt"
    code = main(["doctor", str(path), "--latents", str(z_e), "--repair", str(out)])
    sentences = capsys.readouterr().err.splitlines()
    assert (code, len(sentences), out.exists()) in ((0, 0, True), (2, 1, False))


def test_a_remedy_that_does_harm_is_marked_and_written_only_by_force(capsys, tmp_path):
    """A codebook as good as k-means would be, whose unused codes a remedy can only waste."""
    vectors = codebook()
    z_e = latents(vectors[:32])
    table = np.concatenate([vectors[:32], vectors[:32] + 100])
    table[:32] = [z_e[np.square(z_e - each).sum(1) < 4].mean(0) for each in vectors[:32]]
    path, given, out = saved(tmp_path, table), kept(tmp_path, z_e), tmp_path / "out.pt"
    foretold = said(capsys, path, "--latents", given, "--what-if")["what_if"]
    harmful = {name for name, one in foretold["after"].items() if one["error"] > foretold["before"]["error"]}
    assert harmful == {name for name, one in foretold["after"].items() if one["does_harm"]}
    assert "align" in harmful
    assert "would do harm" in refused(capsys, path, "--latents", given, "--repair", out, "--remedy", "align")
    assert not out.exists()
    report = said(capsys, path, "--latents", given, "--repair", out, "--remedy", "align", "--force")
    assert "decoder has never seen" in report["repair"]["warning"]


def test_a_repaired_copy_never_lands_among_the_checkpoints_that_are_followed(capsys, tmp_path):
    checkpoint, z_e = collapsed(tmp_path)
    for step in (100, 200):
        (tmp_path / f"step={step}.pt").write_bytes(checkpoint.read_bytes())
    source = tmp_path / "step=200.pt"
    said = refused(capsys, source, "--latents", z_e, "--repair", tmp_path / "mended.pt")
    assert "would lie among 2 checkpoints of a training" in said
    assert not (tmp_path / "mended.pt").exists()
    elsewhere = tmp_path / "mended"
    elsewhere.mkdir()
    assert main(["doctor", *map(str, (source, "--latents", z_e, "--repair", elsewhere / "it.pt"))]) == 0
    for unlike in ("before_step_1", "its_0"):
        (elsewhere / unlike).mkdir()
    check_not_followed(elsewhere / "its_0" / "out.pt")
    assert [point.step for point in open_series(tmp_path).points] == [100, 200]
