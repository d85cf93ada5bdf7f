import json
from pathlib import Path

import numpy as np
import pytest
import torch
from doctor_files import D, K, codebook, kept, latents, saved
from vector_quantize_pytorch import ResidualVQ, VectorQuantize

from vqcore.cli import main
from vqcore.doctor import command
from vqcore.doctor.html_report import html_report


def said(capsys, *words, code: int = 0) -> dict:
    assert main(["doctor", *map(str, words), "--json"]) == code
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


def refused(capsys, *words) -> str:
    assert main(["doctor", *map(str, words)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    return err


def test_a_sound_codebook_with_its_latents_is_healthy_and_the_exit_code_is_0(capsys, tmp_path):
    vectors = codebook()
    report = said(capsys, saved(tmp_path, vectors), "--latents", kept(tmp_path, latents(vectors)))
    (one,) = report["codebooks"]
    assert (report["severe"], one["severity"], one["findings"][0]["condition"]) == (False, "healthy", "healthy")
    assert (one["num_codes"], one["dim"], one["usage"]["used"], one["usage"]["num_vectors"]) == (K, D, K, 4_000)


def test_a_severe_finding_makes_the_exit_code_1_and_comes_first_in_the_text(capsys, tmp_path):
    vectors = codebook()
    far = vectors.copy()
    far[4:] += 100
    path, z_e = saved(tmp_path, far), kept(tmp_path, latents(vectors[:8]))  # eight clusters, four codes near them
    report = said(capsys, path, "--latents", z_e, code=1)
    assert report["codebooks"][0]["findings"][0]["condition"] == "index-collapse"
    assert report["severe"]
    assert main(["doctor", str(path), "--latents", str(z_e)]) == 1
    assert capsys.readouterr().out.startswith("VERDICT  Index collapse: 4 of 64 codes carry 99% of assignments.")


def test_the_numbers_are_those_of_a_brute_force_search(capsys, tmp_path):
    vectors = codebook()
    z_e = latents(vectors, count=3_000)
    squared = np.square(z_e[:, None].astype(np.float64) - vectors).sum(2)
    counts = np.bincount(squared.argmin(1), minlength=K)
    shares = counts[counts > 0] / counts.sum()
    report = said(capsys, saved(tmp_path, vectors), "--latents", kept(tmp_path, z_e.reshape(30, 100, D)))
    (one,) = report["codebooks"]
    assert one["usage"]["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert one["relative_error"] == pytest.approx(squared.min(1).mean() / z_e.var(0).sum(), rel=1e-4)


def test_codes_alone_are_enough_for_usage(capsys, tmp_path):
    codes = np.random.default_rng(0).integers(3, size=(40, 50))
    report = said(capsys, saved(tmp_path, codebook()), "--codes", kept(tmp_path, codes, "codes.npy"), code=1)
    (one,) = report["codebooks"]
    assert (one["usage"]["used"], one["relative_error"]) == (3, None)
    assert one["findings"][0]["condition"] == "index-collapse"


def test_without_latents_the_doctor_says_how_many_it_would_take(capsys, tmp_path):
    report = said(capsys, saved(tmp_path, codebook()))
    finding = report["codebooks"][0]["findings"][0]
    assert (finding["condition"], finding["severity"]) == ("not-enough-data", "unknown")
    assert "703 vectors" in finding["title"]


def test_a_real_layer_whose_kmeans_start_is_pending_is_told_as_that(capsys, tmp_path):
    layer = VectorQuantize(dim=D, codebook_size=K, kmeans_init=True)
    torch.save(layer.state_dict(), tmp_path / "fresh.pt")
    report = said(capsys, tmp_path / "fresh.pt", code=1)
    assert report["codebooks"][0]["findings"][0]["condition"] == "initialization-pending"
    layer.train()
    z_e = torch.from_numpy(latents(codebook(), count=1_000))[None]
    for _ in range(10):
        layer(z_e)
    torch.save(layer.state_dict(), tmp_path / "trained.pt")
    report = said(capsys, tmp_path / "trained.pt")
    assert not {"initialization-pending", "never-trained"} & {
        finding["condition"] for finding in report["codebooks"][0]["findings"]
    }
    assert report["codebooks"][0]["usage"]["num_vectors"] > K


def test_latents_pass_through_all_levels_of_a_residual_quantizer(capsys, tmp_path):
    layer = ResidualVQ(dim=D, codebook_size=K, num_quantizers=3, kmeans_init=True).train()
    z_e = latents(codebook(), count=2_000)
    for _ in range(5):
        layer(torch.from_numpy(z_e)[None])
    torch.save(layer.state_dict(), tmp_path / "rvq.pt")
    report = said(capsys, tmp_path / "rvq.pt", "--latents", kept(tmp_path, z_e))
    layer.eval()
    residual = torch.from_numpy(z_e)
    for level, one in enumerate(report["codebooks"]):
        vectors = layer.codebooks[level]
        codes = torch.cdist(residual, vectors).argmin(1)
        assert one["level"] == level
        assert one["usage"]["used"] == len(codes.unique())
        before, residual = residual, residual - vectors[codes]
        expected = residual.square().sum(1).mean() / before.var(0, correction=0).sum()
        assert one["relative_error"] == pytest.approx(float(expected), rel=1e-3)


def test_a_quantizer_without_a_codebook_is_an_answer(capsys, tmp_path):
    from vector_quantize_pytorch import LFQ

    torch.save(LFQ(codebook_size=256, dim=8).state_dict(), tmp_path / "lfq.pt")
    report = said(capsys, tmp_path / "lfq.pt")
    assert report["codebooks"] == []
    assert report["no_code_vectors"]
    assert main(["doctor", str(tmp_path / "lfq.pt")]) == 0
    assert capsys.readouterr().out.startswith("VERDICT  No code vectors are stored")


def test_a_key_an_axis_and_rows_overrule_the_rules(capsys, tmp_path):
    path = saved(tmp_path, np.tile(codebook(), (2, 1)).T.copy(), key="some.table")
    assert "no rule finds a codebook" in refused(capsys, path)
    report = said(capsys, path, "--codebook", "some.table", "--axis", "D,K", "--rows", "64")
    assert [(one["num_codes"], one["dim"]) for one in report["codebooks"]] == [(K, D), (K, D)]


def test_what_cannot_be_read_is_one_sentence_and_exit_code_2(capsys, tmp_path):
    path = saved(tmp_path, codebook())
    assert "cannot be opened" in refused(capsys, tmp_path / "missing.pt")
    (tmp_path / "note.pt").write_text("not a checkpoint")
    assert "is a text file" in refused(capsys, tmp_path / "note.pt")
    (tmp_path / "folder").mkdir()
    assert "holds no checkpoint" in refused(capsys, tmp_path / "folder")
    wide = kept(tmp_path, np.zeros((100, D + 1), np.float32), "wide.npy")
    assert f"must have an axis of {D} features" in refused(capsys, path, "--latents", wide)
    broken = kept(tmp_path, np.full((100, D), np.nan, np.float32), "nan.npy")
    assert "must be finite" in refused(capsys, path, "--latents", broken)
    empty = kept(tmp_path, np.zeros((0, D), np.float32), "empty.npy")
    assert "holds no vector" in refused(capsys, path, "--latents", empty)
    assert "`--axis` must be K,D or D,K" in refused(capsys, path, "--axis", "K")
    codes = kept(tmp_path, np.zeros(100, np.int64), "codes.npy")
    two = tmp_path / "two.pt"
    torch.save({f"{name}.embedding.weight": torch.randn(K, D) for name in ("quantize_a", "quantize_b")}, two)
    assert "To name one codebook: --codebook" in refused(capsys, two, "--codes", codes)
    assert "fits none of the 2 quantizers" in refused(capsys, two, "--latents", wide)


@pytest.mark.parametrize("flag", ["--html", "--md"])
@pytest.mark.parametrize("force", [[], ["--force"]])
def test_reports_never_overwrite_what_is_examined(flag, force, capsys, tmp_path):
    path, z_e = saved(tmp_path, codebook()), kept(tmp_path, latents(codebook()))
    (tmp_path / "linked.html").hardlink_to(path)
    (tmp_path / "pointing.html").symlink_to(z_e)
    before = path.read_bytes(), z_e.read_bytes()
    for out in (path, z_e, tmp_path / "linked.html", tmp_path / "pointing.html"):
        assert "must name another file" in refused(capsys, path, "--latents", z_e, flag, out, *force)
    assert (path.read_bytes(), z_e.read_bytes()) == before


@pytest.mark.parametrize("flag", ["--html", "--md"])
def test_reports_overwrite_another_file_only_by_force(flag, capsys, tmp_path):
    path, out = saved(tmp_path, codebook()), tmp_path / "precious.txt"
    out.write_text("precious")
    assert "exists. Name another file, or overwrite it with --force" in refused(capsys, path, flag, out)
    assert out.read_text() == "precious"
    said(capsys, path, flag, out, "--force")
    assert "Usage cannot be judged" in out.read_text()


def test_a_file_that_appears_during_the_examination_is_not_overwritten(capsys, tmp_path, monkeypatch):
    path, out = saved(tmp_path, codebook()), tmp_path / "report.html"

    def meanwhile(*examined):
        out.write_text("precious")
        return html_report(*examined)

    monkeypatch.setattr(command, "html_report", meanwhile)
    assert "exists" in refused(capsys, path, "--html", out)
    assert out.read_text() == "precious"


def test_a_place_where_no_report_can_be_is_refused_before_the_examination(capsys, tmp_path, monkeypatch):
    path = saved(tmp_path, codebook())
    monkeypatch.setattr(command, "examine", None)
    assert "is a folder" in refused(capsys, path, "--html", tmp_path)
    assert "in a folder that exists" in refused(capsys, path, "--md", tmp_path / "nowhere" / "out.md")
    out = tmp_path / "out.md"
    assert "a different file" in refused(capsys, path, "--md", out, "--html", tmp_path / "." / "out.md")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_a_sentence(capsys, tmp_path):
    path = saved(tmp_path, codebook())
    said = refused(capsys, path, "--html", "/dev/full", "--force")
    assert said == "`/dev/full` cannot be written: No space left on device. Name a place with room and permission.\n"


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RecursionError("maximum recursion depth exceeded"), "fault of VQ Scope (RecursionError: maximum"),
        (KeyError("two\nlines"), "fault of VQ Scope (KeyError: 'two\\nlines')"),
        (MemoryError(), "not enough memory"),
    ],
)
def test_a_fault_of_ours_is_one_sentence_and_exit_code_2(error, words, capsys, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(command, "examine", fail)
    assert words in refused(capsys, saved(tmp_path, codebook()))


def test_the_exit_codes_are_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["doctor", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "1 if a finding is severe, unless --repair has written a copy; 2 if the file cannot be examined" in told
    assert "--force let reports and --repair overwrite OUT, but never a file that is examined" in told


@pytest.mark.parametrize("seeds", ["9-5", "3-", "-3", "a", "1-2-3"])
def test_seeds_to_judge_on_that_are_none_are_refused_before_any_training(seeds, capsys):
    assert main(["bench", "doctor", f"--seeds={seeds}"]) == 2
    assert "first and the last, as in 5-9" in capsys.readouterr().err
