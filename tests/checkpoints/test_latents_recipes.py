"""The ways to get latents, run on the libraries: the doctor counts the codes that they themselves choose."""

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
    encodec_quantizer,
    janus_images,
    transformers_dac,
    transformers_encodec,
    transformers_mimi,
    vq_model,
)
from torch import nn

import vqcore
from vqcore.cli import main
from vqcore.doctor.collecting import HOOK, RECIPES, whole_recipe
from vqcore.nn import VectorQuant

TEXT = (Path(__file__).parents[2] / "DOCTOR.md").read_text()
SOUND, PICTURES = (4, 1, 2_000), (8, 3, 16, 16)
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own imports


def shown() -> dict[str, str]:
    """The code that DOCTOR.md shows, by its first line."""
    blocks = re.findall(r"```python\n# (.*?)\n(.*?)```", TEXT, re.DOTALL)
    return {title: code.rstrip("\n") for title, code in blocks}


def test_the_page_and_the_documentation_show_the_same_code():
    """So that what is run below is what is read."""
    code = shown()
    assert code.pop("a hook, for any module") == HOOK.rstrip("\n")
    assert code.pop("VQ Scope, for any model that the probe knows")
    assert code == {title: line for title, line in RECIPES.items() if not title.startswith("another")}


def holder(layer):
    model = nn.Module()
    model.vq = layer
    return model


def encodec_model():
    """Its quantizer behind an encoder, as the package's model has them, which needs torchaudio."""
    model = nn.Module()
    model.encoder, model.quantizer = nn.Conv1d(1, D, 5), encodec_quantizer()
    return model


FIRST = "quantizer.quantizers.0.codebook.weight"
SEMANTIC = "quantizer.semantic_residual_vector_quantizer.layers.0.codebook.embed_sum"
PYTORCH = "vector-quantize-pytorch: VectorQuantize, ResidualVQ"
LIBRARIES = {
    "VectorQuantize": (
        PYTORCH,
        lambda: holder(vqp.VectorQuantize(dim=D, codebook_size=K)),
        *((20, 80, D), lambda model, x: model.vq(x)[1], ""),
    ),
    "VectorQuantize of images": (
        "vector-quantize-pytorch with accept_image_fmap=True",
        lambda: holder(vqp.VectorQuantize(dim=D, codebook_size=K, accept_image_fmap=True)),
        *((20, D, 8, 10), lambda model, x: model.vq(x)[1], ""),
    ),
    "ResidualVQ": (
        PYTORCH,
        lambda: holder(vqp.ResidualVQ(dim=D, codebook_size=K, num_quantizers=2)),
        *((20, 80, D), lambda model, x: model.vq(x)[1][..., 0], ""),
    ),
    "vqtorch": (
        "vqtorch: VectorQuant",
        lambda: holder(VectorQuant(D, K)),
        (20, D, 8, 10),
        lambda model, x: model.vq(x)[1]["q"],
        "",
    ),
    "VQModel": (
        "diffusers: VQModel",
        *(vq_model, PICTURES, lambda model, x: model.quantize(model.encode(x).latents)[2][2], ""),
    ),
    "ChameleonVQVAE": (
        "transformers: ChameleonVQVAE, JanusVQVAE",
        *(chameleon_images, PICTURES, lambda model, x: model.encode(x).image_tokens, ""),
    ),
    "JanusVQVAE": (
        "transformers: ChameleonVQVAE, JanusVQVAE",
        *(janus_images, PICTURES, lambda model, x: model.encode(x).image_tokens, ""),
    ),
    "EncodecModel": (
        "transformers: EncodecModel",
        transformers_encodec,
        *(SOUND, lambda model, x: model.encode(x).audio_codes[0, :, 0], "quantizer.layers.0.codebook.embed"),
    ),
    "encodec": (
        "encodec, audiocraft: EncodecModel",
        encodec_model,
        *(
            SOUND,
            lambda model, x: model.quantizer.vq.encode(model.encoder(x))[0],
            "quantizer.vq.layers.0._codebook.embed",
        ),
    ),
    "DacModel": (
        "transformers: DacModel",
        *(transformers_dac, SOUND, lambda model, x: model.encode(x).audio_codes[:, 0], FIRST),
    ),
    "MimiModel": (
        "transformers: MimiModel",
        *(transformers_mimi, SOUND, lambda model, x: model.encode(x)[0][:, 0], SEMANTIC),
    ),
}


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_latents_of_a_recipe_have_the_codes_that_the_library_chooses(library, capsys, tmp_path):
    torch.manual_seed(0)
    title, make, shape, codes, key = LIBRARIES[library]
    model, x = make().eval(), torch.randn(shape)
    for name, buffer in model.named_buffers():
        if re.search(r"codebook\.(embed|embed_sum)$", name):  # zeros until a training
            nn.init.normal_(buffer)
    scope = {"model": model, "run": lambda: codes(model, x)}
    exec(HOOK, scope)
    exec(RECIPES[title], scope)
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
    exec(shown()["VQ Scope, for any model that the probe knows"], scope)
    (latents,) = scope["latents"].values()
    np.testing.assert_allclose(latents, batches.reshape(-1, D))


def examined(capsys, model, latents, key, folder) -> dict:
    np.save(folder / "z_e.npy", latents)
    torch.save(model.state_dict(), folder / "model.pt")
    told = ["--codebook", key] if key else []
    assert main(["doctor", str(folder / "model.pt"), "--latents", str(folder / "z_e.npy"), *told, "--json"]) < 2
    return json.loads(capsys.readouterr().out)["codebooks"][0]


def test_the_whole_of_a_recipe_leaves_a_file_that_the_doctor_reads(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model, batches = holder(vqp.VectorQuantize(dim=D, codebook_size=K)), torch.randn(3, 20, 80, D)
    model.forward = lambda x: model.vq(x)
    exec(whole_recipe(PYTORCH), {"model": model, "batches": batches})
    latents = np.load("z_e.npy")
    np.testing.assert_allclose(latents, batches.reshape(-1, D))
    assert examined(capsys, model, latents, "", tmp_path)["usage"]["num_vectors"] == len(latents)
