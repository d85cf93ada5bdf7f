"""DOCTOR.md's ways to get latents, run on the libraries: the doctor counts the codes that they themselves choose."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import vector_quantize_pytorch as vqp
from test_real_libraries import (
    D,
    K,
    chameleon_images,
    transformers_dac,
    transformers_encodec,
    transformers_mimi,
    vq_model,
)
from torch import nn

import vqcore
from vqcore.cli import main
from vqcore.nn import VectorQuant

TEXT = (Path(__file__).parents[2] / "DOCTOR.md").read_text()
SOUND, PICTURES = (4, 1, 2_000), (8, 3, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own imports


def recipe(start: str) -> str:
    (code,) = [one for one in re.findall(r"```python\n# (.*?)```", TEXT, re.DOTALL) if one.startswith(start)]
    return f"# {code}"


def holder(layer):
    model = nn.Module()
    model.vq = layer
    return model


FIRST = "quantizer.quantizers.0.codebook.weight"
SEMANTIC = "quantizer.semantic_residual_vector_quantizer.layers.0.codebook.embed_sum"
LIBRARIES = {
    "vector-quantize-pytorch": (
        lambda: holder(vqp.VectorQuantize(dim=D, codebook_size=K)),
        *((20, 80, D), lambda model, x: model.vq(x)[1], ""),
    ),
    "vqtorch": (lambda: holder(VectorQuant(D, K)), (20, D, 8, 10), lambda model, x: model.vq(x)[1]["q"], ""),
    "diffusers": (vq_model, PICTURES, lambda model, x: model.quantize(model.encode(x).latents)[2][2], ""),
    "transformers: ChameleonVQVAE": (chameleon_images, PICTURES, lambda model, x: model.encode(x).image_tokens, ""),
    "transformers: EncodecModel": (
        transformers_encodec,
        *(SOUND, lambda model, x: model.encode(x).audio_codes[0, :, 0], "quantizer.layers.0.codebook.embed"),
    ),
    "transformers: DacModel": (transformers_dac, SOUND, lambda model, x: model.encode(x).audio_codes[:, 0], FIRST),
    "transformers: MimiModel": (transformers_mimi, SOUND, lambda model, x: model.encode(x)[0][:, 0], SEMANTIC),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_latents_of_a_recipe_have_the_codes_that_the_library_chooses(library, capsys, tmp_path):
    torch.manual_seed(0)
    make, shape, codes, key = LIBRARIES[library]
    model, x = make().eval(), torch.randn(shape)
    for name, buffer in model.named_buffers():
        if re.search(r"codebook\.(embed|embed_sum)$", name):  # zeros until a training
            nn.init.normal_(buffer)
    scope = {"model": model, "run": lambda: codes(model, x)}
    exec(recipe("a hook"), scope)
    exec(recipe(library), scope)
    with torch.no_grad():
        own = np.bincount(codes(model, x).flatten().numpy(), minlength=K)
    one = examined(capsys, model, scope["latents"], key, tmp_path)
    shares = own[own > 0] / own.sum()
    assert (one["usage"]["used"], one["usage"]["num_vectors"]) == ((own > 0).sum(), own.sum())
    assert one["usage"]["perplexity"] == pytest.approx(np.exp(-(shares * np.log(shares)).sum()), rel=1e-3)


def test_one_call_is_enough_where_the_probe_knows_the_quantizer():
    model, batches = holder(vqp.VectorQuantize(dim=D, codebook_size=K)), torch.randn(3, 20, 80, D)
    model.forward = lambda x: model.vq(x)
    scope = {"vqcore": vqcore, "model": model, "batches": batches}
    exec(recipe("VQ Scope"), scope)
    (latents,) = scope["latents"].values()
    np.testing.assert_allclose(latents, batches.reshape(-1, D))


def examined(capsys, model, latents, key, folder) -> dict:
    np.save(folder / "z_e.npy", latents)
    torch.save(model.state_dict(), folder / "model.pt")
    told = ["--codebook", key] if key else []
    assert main(["doctor", str(folder / "model.pt"), "--latents", str(folder / "z_e.npy"), *told, "--json"]) < 2
    return json.loads(capsys.readouterr().out)["codebooks"][0]
