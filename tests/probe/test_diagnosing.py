import numpy as np
import pytest
import torch
from torch import nn

import vqcore
from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.residual import ResidualQuantizer


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_a_collapsed_codebook_is_named_from_latents_and_from_codes():
    codebook = normal(64, 8) + 100
    codebook[0] = 0
    by_latents = vqcore.diagnose(codebook, latents=normal(4000, 8, seed=1))
    by_codes = vqcore.diagnose(codebook, codes=np.zeros((40, 100), dtype=np.int64))
    for found in (by_latents, by_codes):
        assert found.is_severe
        assert "index-collapse" in {one.condition for one in found.findings}
        assert found.codebooks[0].evidence.usage.counts.tolist() == [4000] + [0] * 63
    assert "SEVERE" in repr(by_latents)


def test_a_sound_codebook_is_healthy_as_array_tensor_and_module():
    layer = VectorQuantizer(64, 4)
    latents = torch.randn(20_000, 4)
    given = layer.raw_codebook.detach()
    for codebook in (layer, given, given.numpy()):
        found = vqcore.diagnose(codebook, latents=latents)
        assert not found.is_severe
        assert np.array_equal(
            found.codebooks[0].evidence.usage.counts, torch.bincount(layer(latents).codes, minlength=64)
        )


def test_residual_levels_are_searched_for_what_the_levels_before_left_over():
    layer = ResidualQuantizer(16, 4, 2)
    latents = torch.randn(5000, 4)
    found = vqcore.diagnose(layer, latents=latents)
    for at, one in enumerate(found.codebooks):
        counts = torch.bincount(layer(latents).codes[:, at], minlength=16)
        assert np.array_equal(one.evidence.usage.counts, counts)
        assert one.evidence.residual_level == at


def test_a_notebook_shows_the_findings_and_runs_nothing_from_a_name():
    found = vqcore.diagnose(normal(8, 2), codes=[0] * 500)
    html = found._repr_html_()
    assert found.verdict.title in html
    layer = nn.ModuleDict({"<script>": VectorQuantizer(8, 2)})
    html = vqcore.diagnose(layer)._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


@pytest.mark.parametrize(
    ("given", "evidence", "says"),
    [
        (normal(8), {}, r"must be \(K, D\)"),
        (normal(8, 2), {"latents": normal(5, 3)}, r"must be \(N, 2\)"),
        (normal(8, 2), {"latents": np.full((5, 2), np.nan)}, "5 of 5 have NaN"),
        (normal(8, 2), {"codes": [1, 8]}, "below K = 8"),
        (normal(8, 2), {"codes": [1.5]}, "whole numbers"),
        (normal(8, 2), {"codes": [1], "latents": normal(5, 2)}, "both given"),
        (nn.Linear(2, 2), {}, "no quantizer that is recognized"),
        (ResidualQuantizer(8, 2, 2), {"codes": [1]}, "mapping by the codebook's name"),
        (ResidualQuantizer(8, 2, 2), {"codes": {"x": [1]}}, "no codebook 'x'"),
    ],
)
def test_what_does_not_fit_is_one_sentence(given, evidence, says):
    with pytest.raises(ValueError, match=says):
        vqcore.diagnose(given, **evidence)


def test_latents_are_collected_in_evaluation_mode_and_the_model_is_left_as_it_was():
    model = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.5), VectorQuantizer(16, 4)).train()
    model[1].eval()
    batches = [(torch.randn(30, 6), "a label") for _ in range(5)]
    found = vqcore.collect_latents(model, batches, 70)
    with torch.no_grad():
        expected = model[0](torch.cat([x for x, _ in batches]))[:70]
    assert found.keys() == {"2"}
    np.testing.assert_allclose(found["2"], expected, rtol=1e-6)
    assert [module.training for module in model] == [True, False, True]
    assert not model[2]._forward_hooks
    with pytest.raises(ValueError, match="at least one batch"):
        vqcore.collect_latents(model, [], 70)


def test_a_collapse_of_someone_elses_layer_is_named_with_its_step(tmp_path, capsys):
    from vector_quantize_pytorch import VectorQuantize

    from vqcore.cli import main

    torch.manual_seed(0)
    layer = VectorQuantize(dim=4, codebook_size=32, decay=0.9)
    layer._codebook.embed.normal_()
    layer._codebook.embed_avg.copy_(layer._codebook.embed)
    with vqcore.watch(layer, every=10, out=tmp_path / "run") as probe:
        for step in range(121):
            x = torch.randn(4, 256, 4)
            layer(x if step < 60 else 0.001 * x + 9)  # the encoder collapses
            probe.step(step, loss=1.0)
            if step % 10 == 0:
                probe.flush()
    capsys.readouterr()
    assert main(["watch", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().out
    lines = said.splitlines()
    began = next(line for line in lines if line.startswith("  SEVERE"))
    assert "since step 50 to 60" in began
    assert sum(line.startswith("step ") for line in lines) == 13
    assert lines[-1].endswith("run, finished")
    run = vqcore.load_run(tmp_path / "run")
    assert not vqcore.diagnose(run, step=50).is_severe
    assert vqcore.diagnose(run, step=60).is_severe
