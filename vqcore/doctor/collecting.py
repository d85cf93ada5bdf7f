"""How latents are got out of a model, as code to copy: DOCTOR.md shows the same, and the tests run it."""

HOOK = '''import torch


def latents_of(module, run, features=1, output=False):
    """What a module is given, or gives, while `run()` runs, (N, D); `features` is the axis that holds D."""
    seen = []

    def keep(_, given, given_back=None):
        tensor = given_back if output else given[0]
        seen.append(tensor.detach().float().movedim(features, -1).flatten(0, -2).cpu())

    hook = module.register_forward_hook(keep) if output else module.register_forward_pre_hook(keep)
    try:
        with torch.no_grad():
            run()
    finally:
        hook.remove()
    return torch.cat(seen).numpy()
'''

RECIPES = {
    "vector-quantize-pytorch: VectorQuantize, ResidualVQ": "latents = latents_of(model.vq, run, features=-1)",
    "vector-quantize-pytorch with accept_image_fmap=True": "latents = latents_of(model.vq, run, features=1)",
    "vqtorch: VectorQuant": "latents = latents_of(model.vq, run, features=1)",
    "diffusers: VQModel": "latents = latents_of(model.quantize, run)",
    "taming-transformers: VQModel": "latents = latents_of(model.quantize, run)",
    "latent-diffusion: LatentDiffusion": "latents = latents_of(model.first_stage_model.quantize, run)",
    "transformers: ChameleonVQVAE, JanusVQVAE": "latents = latents_of(model.quantize, run)",
    "transformers: EncodecModel": "latents = latents_of(model.encoder, run, output=True)",
    "encodec, audiocraft: EncodecModel": "latents = latents_of(model.encoder, run, output=True)",
    "transformers: DacModel": "latents = latents_of(model.quantizer.quantizers[0].in_proj, run, output=True)",
    "descript-audio-codec, snac: DAC, SNAC": (
        "latents = latents_of(model.quantizer.quantizers[0].in_proj, run, output=True)"
    ),
    "transformers: MimiModel": (
        "latents = latents_of(model.quantizer.semantic_residual_vector_quantizer.input_proj, run, output=True)"
    ),
    "moshi: MimiModel": "latents = latents_of(model.quantizer.rvq_first.input_proj, run, output=True)",
    "another, with channels last": "latents = latents_of(model.quantizer, run, features=-1)",
    "another, with channels first": "latents = latents_of(model.quantizer, run, features=1)",
}
"""For each library, the line that collects the latents of its first codebook, after `HOOK`."""

RUN = '''model.eval()


def run():
    """Some batches through the model, for twenty vectors for each code or more."""
    for batch in batches:
        model(batch)
'''


def whole_recipe(library: str) -> str:
    """A script for one of `RECIPES`: what it needs is a `model` and some `batches`."""
    save = "import numpy as np\n\nnp.save('z_e.npy', latents)"
    return f"{HOOK}\n\n{RUN}\n\n{RECIPES[library]}\n{save}\n"
