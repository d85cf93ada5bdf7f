"""`doctor FOLDER`: the checkpoints of one training, in order, and the newest in the light of the others."""

import json
import re
from html import unescape

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents
from test_doctor_command import refused, said
from vector_quantize_pytorch import VectorQuantize

from vqcore.cli import main
from vqcore.doctor import examination, following
from vqcore.files.errors import CheckpointError


def written(folder, step, vectors, **beside):
    path = folder / f"step={step}.ckpt"
    torch.save({"state_dict": {"quantize.embedding.weight": torch.from_numpy(vectors)}, **beside}, path)
    return path


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "run"
    made.mkdir()
    return made


def test_each_step_has_norms_and_the_movement_since_the_one_before(capsys, folder):
    first = codebook()
    second = first.copy()
    second[:10] += 0.5
    for step, vectors in ((20, second), (3, first), (100, second * 2)):
        written(folder, step, vectors)
    series = said(capsys, folder)["series"]
    moments = series["moments"]
    assert [one["step"] for one in moments] == [3, 20, 100]
    assert series["unit"] == "step"
    assert [one["codes_moved"] for one in moments] == [None, 10, K]
    spread = np.sqrt(first.var(0).sum())
    assert moments[1]["moved"] == pytest.approx(np.sqrt(10 * D * 0.25 / K), rel=1e-5)
    assert moments[1]["moved_over_spread"] == pytest.approx(moments[1]["moved"] / spread, rel=1e-5)
    assert moments[2]["mean_norm"] == pytest.approx(2 * np.linalg.norm(second, axis=1).mean(), rel=1e-5)


def test_the_newest_is_examined_and_latents_are_held_against_it_alone(capsys, folder, tmp_path):
    written(folder, 1, codebook() + 90)
    written(folder, 2, codebook())
    report = said(capsys, folder, "--latents", kept(tmp_path, latents(codebook())))
    assert report["file"].endswith("step=2.ckpt")
    assert report["codebooks"][0]["usage"]["used"] == K


def test_a_codebook_that_no_checkpoint_changed_never_received_a_gradient(capsys, folder):
    for step in (100, 200, 300):
        written(folder, step, codebook())
    report = said(capsys, folder, code=1)
    finding = report["codebooks"][0]["findings"][0]
    assert (finding["condition"], finding["severity"]) == ("no-gradient", "severe")
    assert finding["title"] == "Not one code vector has changed in 200 steps."


def test_a_codebook_that_stands_still_only_lately_is_no_fault_but_is_told(capsys, folder):
    for step, scale in ((100, 1.0), (200, 2.0), (300, 2.0)):
        written(folder, step, scale * codebook())
    (one,) = said(capsys, folder)["codebooks"]
    assert "no-gradient" not in {finding["condition"] for finding in one["findings"]}
    assert any("not changed since step 200" in sentence for sentence in one["read"])


def test_a_copy_of_the_last_step_is_no_standstill(capsys, folder):
    written(folder, 100, codebook())
    torch.save(
        {"state_dict": {"quantize.embedding.weight": torch.from_numpy(codebook())}, "global_step": 100},
        folder / "last.ckpt",
    )
    (one,) = said(capsys, folder)["codebooks"]
    assert "no-gradient" not in {finding["condition"] for finding in one["findings"]}


def test_what_moves_is_not_taken_for_an_initialization(capsys, folder):
    drawn = np.random.default_rng(0).standard_normal((2, 256, 16)).astype(np.float32)
    written(folder, 1, drawn[0])
    assert said(capsys, folder, code=1)["codebooks"][0]["findings"][0]["condition"] == "never-trained"
    written(folder, 2, drawn[1])
    assert said(capsys, folder)["codebooks"][0]["findings"][0]["condition"] == "not-enough-data"


def test_usage_by_the_statistics_of_a_real_layer_is_in_the_table(capsys, folder):
    layer = VectorQuantize(dim=D, codebook_size=K, kmeans_init=True).train()
    for step in range(1, 4):
        layer(torch.from_numpy(latents(codebook(), step, 1_000))[None])
        torch.save(layer.state_dict(), folder / f"vq_{step}.pt")
    sizes = layer._codebook.cluster_size[0].numpy()
    moments = said(capsys, folder)["series"]["moments"]
    assert moments[-1]["used"] == int((sizes >= 0.01 * sizes.mean()).sum())
    assert main(["doctor", str(folder)]) == 0
    text = capsys.readouterr().out
    assert re.search(rf"^3 +vq_3\.pt +{moments[-1]['used']} of {K} ", text, re.MULTILINE)


def test_a_frozen_codebook_that_drifts_is_named_with_the_codes_that_change(capsys, folder, tmp_path):
    drifted = codebook()
    drifted[:8] += np.random.default_rng(0).standard_normal((8, D)).astype(np.float32)
    z_e = latents(codebook())
    codes = [np.square(z_e[:, None] - table).sum(2).argmin(1) for table in (codebook(), drifted)]
    churn = (codes[0] != codes[1]).mean()
    for step, vectors in ((100, codebook()), (500, drifted)):
        written(folder, step, vectors)
    given = ("--latents", kept(tmp_path, z_e))
    (quiet,) = said(capsys, folder, *given)["codebooks"]
    assert quiet["severity"] == "healthy"
    assert "the codebook of step 100 gives" in " ".join(quiet["read"])
    (one,) = said(capsys, folder, *given, "--frozen", code=1)["codebooks"]
    (found,) = [finding for finding in one["findings"] if finding["condition"] == "moves-though-frozen"]
    shares = {number["name"]: number["value"] for number in found["numbers"]}
    assert found["title"].startswith(f"The codebook is not frozen: 8 of {K} code vectors moved")
    assert shares["latents with another code"] == pytest.approx(churn, abs=0.02)
    written(folder, 500, codebook())
    assert said(capsys, folder, *given, "--frozen")["codebooks"][0]["severity"] == "healthy"


def test_codes_that_alone_stood_still_between_two_files_were_never_trained(capsys, folder):
    moved = codebook() + 0.1
    moved[:40] = codebook()[:40]
    for step, vectors in ((100, codebook()), (500, moved)):
        written(folder, step, vectors)
    (one,) = said(capsys, folder, code=1)["codebooks"]
    assert one["findings"][0]["title"] == f"40 of {K} codes have not moved in 400 steps; the others have."
    written(folder, 500, codebook() + 0.1)
    assert "never-trained" not in {each["condition"] for each in said(capsys, folder)["codebooks"][0]["findings"]}


def test_files_that_tell_nothing_are_skipped_with_a_reason(capsys, folder):
    written(folder, 1, codebook())
    (folder / "step=2.ckpt").write_bytes(b"PK broken")
    torch.save({"head.weight": torch.zeros(3)}, folder / "step=3.pt")
    report = said(capsys, folder)
    assert report["file"].endswith("step=1.ckpt")
    reasons = {one["file"].rpartition("/")[2]: one["reason"] for one in report["series"]["skipped"]}
    assert set(reasons) == {"step=2.ckpt", "step=3.pt"}
    assert "no codebook" in reasons["step=3.pt"]
    (folder / "step=1.ckpt").unlink()
    assert "holds no checkpoint with a codebook" in refused(capsys, folder)


def test_reports_have_the_table_with_hostile_names_as_text(capsys, folder, tmp_path):
    written(folder, 1, codebook()).rename(folder / "<b>|a_b step=1.ckpt")
    written(folder, 2, codebook() * 2)
    html, markdown = tmp_path / "out.html", tmp_path / "out.md"
    said(capsys, folder, "--html", html, "--md", markdown)
    assert "&lt;b&gt;|a_b step=1.ckpt" in html.read_text()
    assert "<b>|a" not in html.read_text()
    (row,) = [line for line in markdown.read_text().splitlines() if "step\\=1" in line]
    assert "&lt;b&gt;\\|a\\_b" in row
    assert len(re.findall(r"(?<!\\)\|", row)) == 7


def test_long_series_are_thinned_for_people_and_whole_in_json(capsys, folder):
    for step in range(70):
        written(folder, step, (codebook() + step).astype(np.float32))
    assert main(["doctor", str(folder), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["series"]["moments"]) == 70
    assert main(["doctor", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if re.match(r"\d+ +step=", line)]
    assert len(rows) == 60
    assert (rows[0].split()[0], rows[-1].split()[0]) == ("0", "69")


def test_a_folder_is_neither_repaired_nor_written_over(capsys, folder, tmp_path):
    path, z_e = written(folder, 1, codebook()), kept(tmp_path, latents(codebook()))
    before = path.read_bytes()
    assert "is about one checkpoint" in refused(capsys, folder, "--latents", z_e, "--repair", tmp_path / "out.pt")
    (tmp_path / "linked.html").hardlink_to(path)
    for out in (path, tmp_path / "linked.html"):
        assert "must name another file" in refused(capsys, folder, "--html", out, "--force")
    assert path.read_bytes() == before


def broken_in_many_ways(folder, monkeypatch):
    """Files with steps 20, 30, …, each wrong in another way."""
    for name in ERRORS:
        written(folder, int(re.sub(r"\D", "", name)), codebook())
    (folder / "step=70.ckpt").write_bytes(b"PK broken")
    torch.save({"head.weight": torch.zeros(3)}, folder / "step=80.ckpt")

    def opened(request, path):
        if path.name in ERRORS:
            raise ERRORS[path.name]
        return examination.opened(request, path)

    monkeypatch.setattr(following, "opened", opened)


ERRORS = {
    "step=20.ckpt": PermissionError(13, "Permission denied"),
    "step=30.ckpt": MemoryError(),
    "step=40.ckpt": RecursionError("maximum recursion depth exceeded"),
    "step=50.ckpt": KeyError("embedding"),
    "step=60.ckpt": CheckpointError("`step=60.ckpt` has changed while it was read. Examine it again."),
}
SAID = {
    "step=20.ckpt": "cannot be read: Permission denied.",
    "step=30.ckpt": "needs more memory than is available",
    "step=40.ckpt": "fault of VQ Scope (RecursionError: maximum recursion depth exceeded)",
    "step=50.ckpt": "fault of VQ Scope (KeyError: 'embedding')",
    "step=60.ckpt": "has changed while it was read",
    "step=70.ckpt": "its end is missing or damaged",
    "step=80.ckpt": "no codebook",
}


@pytest.mark.parametrize("newest", [5, 90], ids=["the newest are bad", "bad ones between"])
def test_a_bad_file_is_a_row_in_every_report_and_never_the_end(newest, capsys, folder, tmp_path, monkeypatch):
    written(folder, 1, codebook())
    written(folder, newest, codebook() * 2)
    broken_in_many_ways(folder, monkeypatch)
    html, markdown = tmp_path / "out.html", tmp_path / "out.md"
    report = said(capsys, folder, "--html", html, "--md", markdown)
    assert report["file"].endswith(f"step={newest}.ckpt")
    assert [(one["step"], one["codes_moved"]) for one in report["series"]["moments"]] == [(1, None), (newest, K)]
    reasons = {one["file"].rpartition("/")[2]: one["reason"] for one in report["series"]["skipped"]}
    assert set(reasons) == set(SAID)
    assert main(["doctor", str(folder)]) == 0
    text = " ".join(capsys.readouterr().out.split())
    page = unescape(html.read_text())
    issue = re.sub(r"\\(.)", r"\1", markdown.read_text())
    for name, words in SAID.items():
        assert words in reasons[name]
        for told in (text, page, issue):
            assert words in told
            assert name in told


def test_a_folder_right_below_that_cannot_be_looked_into_is_a_row(capsys, folder, monkeypatch):
    written(folder, 1, codebook())
    (folder / "checkpoint-2").mkdir()
    look_into = type(folder).iterdir

    def refuse(path):
        if path.name == "checkpoint-2":
            raise PermissionError(13, "Permission denied")
        return look_into(path)

    monkeypatch.setattr(type(folder), "iterdir", refuse)
    (skipped,) = said(capsys, folder)["series"]["skipped"]
    assert skipped["file"].endswith("checkpoint-2")
    assert "Permission denied" in skipped["reason"]


def test_what_is_wrong_with_the_request_ends_it_and_is_put_down_to_no_file(capsys, folder, tmp_path):
    written(folder, 1, codebook())
    z_e, codes = kept(tmp_path, latents(codebook())), kept(tmp_path, np.zeros(9, int), "codes.npy")
    assert refused(capsys, folder, "--latents", z_e, "--codes", codes).startswith("Both latents and codes are given")
    assert "No such file" in refused(capsys, folder, "--latents", tmp_path / "missing.npy")
