"""Files of transformers, diffusers and encodec, from their own modules, against the codebooks of the live modules.

They are imported where a test asks for them: seven seconds that other tests' processes need not wait for.
"""

import sys
import types
from dataclasses import fields

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from saving import WAYS, save_module
from torch.nn import functional as F

from vqcore.checkpoints.effective import effective
from vqcore.checkpoints.order_in_file import quantizers_of
from vqcore.checkpoints.reader import open_checkpoint
from vqcore.remedies.repair import repair

K, D = 32, 8
pytestmark = pytest.mark.filterwarnings("ignore")  # of the libraries' own imports


def vq_model():
    from diffusers import VQModel

    return VQModel(block_out_channels=(8,), latent_channels=4, num_vq_embeddings=K, norm_num_groups=4, vq_embed_dim=D)


def transformers_encodec():
    from transformers import EncodecConfig, EncodecModel

    return EncodecModel(
        EncodecConfig(
            num_filters=2,
            hidden_size=D,
            codebook_dim=D,
            codebook_size=K,
            upsampling_ratios=[2, 2],
            target_bandwidths=[90.0],
        )
    )


def transformers_dac():
    from transformers import DacConfig, DacModel

    return DacModel(
        DacConfig(
            encoder_hidden_size=4,
            decoder_hidden_size=8,
            downsampling_ratios=[2, 2],
            upsampling_ratios=[2, 2],
            n_codebooks=3,
            codebook_size=K,
            codebook_dim=D,
        )
    )


def transformers_mimi():
    from transformers import MimiConfig, MimiModel

    return MimiModel(
        MimiConfig(
            num_filters=2,
            hidden_size=16,
            codebook_dim=D,
            codebook_size=K,
            vector_quantization_hidden_dimension=D,
            num_quantizers=4,
            num_semantic_quantizers=1,
            upsampling_ratios=[2, 2],
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            intermediate_size=16,
            upsample_groups=16,
        )
    )


IMAGES = {
    "embed_dim": D,
    "latent_channels": D,
    "base_channels": 32,
    "channel_multiplier": [1, 1],
    "num_res_blocks": 1,
}
"""Sizes of the image tokenizers in transformers."""


def chameleon_images():
    from transformers.models.chameleon.configuration_chameleon import ChameleonVQVAEConfig
    from transformers.models.chameleon.modeling_chameleon import ChameleonVQVAE

    return ChameleonVQVAE(ChameleonVQVAEConfig(num_embeddings=K, resolution=16, **IMAGES))


def janus_images():
    from transformers.models.janus.configuration_janus import JanusVQVAEConfig
    from transformers.models.janus.modeling_janus import JanusVQVAE

    return JanusVQVAE(JanusVQVAEConfig(num_embeddings=K, num_patches=4, **IMAGES))


def emu3_images():
    from transformers.models.emu3.configuration_emu3 import Emu3VQVAEConfig
    from transformers.models.emu3.modeling_emu3 import Emu3VQVAE

    return Emu3VQVAE(Emu3VQVAEConfig(codebook_size=K, attn_resolutions=[], **IMAGES))


def wav2vec2():
    from transformers import Wav2Vec2Config, Wav2Vec2ForPreTraining

    convolutions = {"conv_dim": [8, 8], "conv_stride": [2, 2], "conv_kernel": [2, 2]}
    positions = {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
    layers = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    codes = {"num_codevectors_per_group": K // 2, "num_codevector_groups": 2, "codevector_dim": 2 * D}
    return Wav2Vec2ForPreTraining(
        Wav2Vec2Config(**convolutions, **positions, **layers, **codes, proj_codevector_dim=D)
    )


def encodec_quantizer():
    without = types.ModuleType("torchaudio")  # which the package loads at its head, and its quantizer does not use
    sys.modules.setdefault("torchaudio", without)
    try:
        from encodec.quantization import ResidualVectorQuantizer
    finally:
        if sys.modules["torchaudio"] is without:
            del sys.modules["torchaudio"]
    module = ResidualVectorQuantizer(dimension=D, n_q=3, bins=K)
    module.train()
    for _ in range(3):
        module.vq(torch.randn(2, D, 40), n_q=3)
    return module


LIVE = {
    "diffusers VQModel": (vq_model, lambda m: [m.quantize.embedding.weight]),
    "transformers Encodec": (transformers_encodec, lambda m: [layer.codebook.embed for layer in m.quantizer.layers]),
    "transformers DAC": (
        transformers_dac,
        lambda m: [F.normalize(quantizer.codebook.weight) for quantizer in m.quantizer.quantizers],
    ),
    "transformers Mimi": (
        transformers_mimi,
        lambda m: [
            layer.codebook.embed
            for part in (
                m.quantizer.semantic_residual_vector_quantizer,
                m.quantizer.acoustic_residual_vector_quantizer,
            )
            for layer in part.layers
        ],
    ),
    "transformers Chameleon": (chameleon_images, lambda m: [m.quantize.embedding.weight]),
    "transformers Janus": (janus_images, lambda m: [m.quantize.embedding.weight]),
    "transformers Emu3": (emu3_images, lambda m: [m.quantize.embedding.weight]),
    "transformers Wav2Vec2": (wav2vec2, lambda m: [m.quantizer.codevectors[0]]),
    "encodec": (encodec_quantizer, lambda m: [layer._codebook.embed for layer in m.vq.layers]),
}


def filled(make):
    """With values in every tensor that a fresh module leaves at a constant."""
    torch.manual_seed(0)
    module = make()
    for name, tensor in module.state_dict().items():
        if name.endswith(("embed", "embed_sum", "embed_avg")):
            tensor.normal_()
        elif name.endswith(("cluster_usage", "cluster_size")):
            tensor.uniform_(0.5, 9)
    return module


@pytest.mark.parametrize("kind", LIVE)
def test_each_codebook_is_found_with_the_live_vectors(kind, tmp_path):
    make, live = LIVE[kind]
    module = filled(make)
    expected = [codebook.detach().numpy() for codebook in live(module)]
    for way in WAYS:
        found = open_checkpoint(save_module(module, tmp_path, way)).codebooks
        assert [(book.num_codes, book.dim) for book in found] == [codebook.shape for codebook in expected], way
        for book, codebook in zip(found, expected, strict=True):
            np.testing.assert_allclose(effective(book).vectors, codebook, atol=1e-5, err_msg=way)


def test_a_tokenizer_that_chooses_by_logits_has_codes_and_no_vectors(tmp_path):
    from transformers import FlavaImageCodebookConfig
    from transformers.models.flava.modeling_flava import FlavaImageCodebook

    module = FlavaImageCodebook(FlavaImageCodebookConfig(num_blocks_per_group=1, hidden_size=8, vocab_size=K))
    checkpoint = open_checkpoint(save_module(module, tmp_path))
    assert checkpoint.codebooks == ()
    assert [one.num_codes for one in checkpoint.implicit] == [K]


REPAIRED = ("diffusers VQModel", "transformers Encodec", "transformers DAC", "transformers Mimi", "encodec")


@pytest.mark.parametrize("way", ["bare", "safetensors"])
@pytest.mark.parametrize("kind", REPAIRED)
def test_a_repaired_file_loads_strictly_in_its_own_library(kind, way, tmp_path):
    make, _ = LIVE[kind]
    module = filled(make)
    path = save_module(module, tmp_path, way)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    checkpoint = open_checkpoint(path)
    quantizer = quantizers_of(checkpoint.codebooks)[-1]
    z_e = torch.randn(2000, D).numpy() + 5
    result = repair(checkpoint, tmp_path / "repaired.ckpt", z_e, codebooks=quantizer)
    module.load_state_dict(load_file(result.path) if way == "safetensors" else torch.load(result.path), strict=True)
    changed = {key for key, value in module.state_dict().items() if not torch.equal(value, before[key])}
    owners = {book.key.rpartition(".")[0] for book in quantizer}
    assert changed == {place.key for place in result.changed}
    assert {key.rpartition(".")[0] for key in changed} <= owners
    assert result.after.error < 0.7 * result.before.error


SMALL = {
    **dict.fromkeys(("hidden_size", "d_model", "n_embd", "dim", "embedding_size", "word_embed_proj_dim"), 16),
    **dict.fromkeys(
        ("num_hidden_layers", "n_layer", "n_layers", "num_layers", "encoder_layers", "decoder_layers"), 2
    ),
    **dict.fromkeys(("num_attention_heads", "n_head", "n_heads", "num_heads", "num_key_value_heads"), 2),
    **dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2),
    **dict.fromkeys(("intermediate_size", "encoder_ffn_dim", "decoder_ffn_dim", "ffn_dim", "d_ff", "hidden_dim"), 32),
    **dict.fromkeys(("num_experts", "num_local_experts"), 4),
    **dict.fromkeys(("moe_intermediate_size", "shared_expert_intermediate_size"), 24),
    **{"head_dim": 8, "d_kv": 8, "vocab_size": 60, "image_size": 32, "patch_size": 8, "pad_token_id": 0},
    **{"num_latents": 12, "d_latents": 16, "conv_dim": [8, 8], "conv_stride": [2, 2], "conv_kernel": [2, 2]},
}
"""Sizes by all the names that configurations have for them; each takes those it knows."""

STAGES = {"depths": [1, 1], "hidden_sizes": [8, 16]}
OWN_SIZES = {
    "Mamba": {"conv_kernel": 4},
    "Swin": {"depths": [1, 1], "num_heads": [1, 2], "num_attention_heads": [1, 2], "embed_dim": 8},
    "Segformer": {"num_attention_heads": [1, 1, 2, 2], "hidden_sizes": [8, 8, 16, 16], "depths": [1, 1, 1, 1]},
    "ConvNext": {"num_stages": 2, **STAGES},
    "ResNet": {**STAGES, "embedding_size": 8},
    "Wav2Vec2": {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
    "Hubert": {"num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2},
}
LANGUAGE = "Bert GPT2 Llama T5 Bart Albert Electra Roberta DistilBert GPTNeoX OPT Bloom Mistral Qwen3 Mamba"
MIXTURES_AND_MEMORIES = "Mixtral SwitchTransformers Qwen2Moe Olmoe Perceiver"
VISION_AND_SOUND = (
    "ViT Beit DeiT Dinov2 Swin Segformer ConvNext ResNet MobileNetV2 CLIPVision Wav2Vec2 Hubert Whisper"
)
WITHOUT_CODEBOOK = f"{LANGUAGE} {MIXTURES_AND_MEMORIES} {VISION_AND_SOUND}".split()


def small_model(name: str):
    import transformers

    config = getattr(transformers, f"{name}Config")
    known = {field.name for field in fields(config)} | set(config.attribute_map)
    sizes = {size: value for size, value in SMALL.items() if size in known}
    torch.manual_seed(0)
    return getattr(transformers, f"{name}Model")(config(**sizes | OWN_SIZES.get(name, {})))


def diffusion_model(name: str):
    import diffusers

    if name == "DiTTransformer2DModel":
        return diffusers.DiTTransformer2DModel(
            num_attention_heads=2, attention_head_dim=8, in_channels=4, num_layers=1, sample_size=8, norm_num_groups=4
        )
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",)} if "UNet" in name else {}
    return getattr(diffusers, name)(block_out_channels=(8,), norm_num_groups=4, **blocks)


@pytest.mark.parametrize("name", WITHOUT_CODEBOOK)
def test_nothing_is_found_in_a_model_of_transformers(name, tmp_path):
    assert_nothing_found(small_model(name), tmp_path)


@pytest.mark.parametrize("name", ["AutoencoderKL", "UNet2DModel", "DiTTransformer2DModel"])
def test_nothing_is_found_in_a_model_of_diffusers(name, tmp_path):
    assert_nothing_found(diffusion_model(name), tmp_path)


def assert_nothing_found(module, folder):
    checkpoint = open_checkpoint(save_module(module, folder))
    assert checkpoint.num_arrays > 5
    assert checkpoint.codebooks == ()
    assert checkpoint.implicit == ()
    assert [one for one in checkpoint.candidates if one.score >= 3] == []
