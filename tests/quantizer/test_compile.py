"""`torch.compile(layer, fullgraph=True)` gives eager's numbers, forward and backward."""

import shutil
import warnings
from collections.abc import Iterator

import pytest
import torch
from building import STRUCTURES, build, latents, stir_
from torch import Tensor

from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.options import Options

OPTIONS = [
    Options(),
    Options(affine="learned", affine_groups=3, sync=0.5),
    Options(affine="running", codebook_norm="capped", input_norm="capped"),
    Options(affine="running", affine_groups=3, inner_steps=1),
    Options(estimator="rotation", input_norm="unit", codebook_norm="unit"),
    Options(affine="learned", codebook_update="ema", estimator="rotation", sync=0.5),
    Options(bypass=True),
]


@pytest.fixture(autouse=True)
def fresh_compiler() -> Iterator[None]:
    torch.compiler.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of libraries that the compiler imports
        yield
    torch.compiler.reset()


def numbers(run: torch.nn.Module, quantizer: Quantizer, z_e: Tensor) -> dict[str, Tensor]:
    """All that a forward and a backward give and leave."""
    z_e = z_e.clone().requires_grad_()
    z_q, codes, loss = run(z_e)
    ((z_q * latents(*z_e.shape, seed=8)).sum() + 3 * loss).backward()
    gradients = {f"gradient of {name}": p.grad for name, p in quantizer.named_parameters() if p.grad is not None}
    found = {"z_q": z_q, "codes": codes, "loss": loss, "gradient of z_e": z_e.grad, **gradients}
    return {name: value.detach() for name, value in (found | dict(quantizer.named_buffers())).items()}


def compare(structure: str, options: Options, backend: str, *, training: bool) -> None:
    eager, compiled = (stir_(build(structure, options)).train(training) for _ in range(2))
    z_e = latents(3, 4, 4)
    want = numbers(eager, eager, z_e)
    got = numbers(torch.compile(compiled, fullgraph=True, backend=backend), compiled, z_e)
    assert got.keys() == want.keys()
    for name, value in want.items():
        # A compiler may fuse multiply and add, so that fewer roundings happen than in eager
        torch.testing.assert_close(
            got[name], value, rtol=1e-5, atol=1e-5, msg=lambda text, name=name: f"{name}: {text}"
        )


# Each takes seconds to compile, so not every structure meets every option: each set of options meets one.
@pytest.mark.parametrize(
    ("structure", "options"), list(zip([*STRUCTURES, "vector", "residual"], OPTIONS, strict=True))
)
def test_a_compiled_layer_gives_the_numbers_of_eager(structure, options):
    compare(structure, options, "aot_eager", training=True)


@pytest.mark.skipif(not (shutil.which("g++") or shutil.which("clang++")), reason="inductor needs a C++ compiler")
def test_inductor_gives_the_numbers_of_eager():
    compare("vector", Options(affine="learned", sync=0.5), "inductor", training=True)


def test_a_switch_is_in_force_in_the_compiled_layer_too():
    eager, compiled = (stir_(build("vector", Options())).train() for _ in range(2))
    run = torch.compile(compiled, fullgraph=True, backend="aot_eager")
    for options in (Options(), Options(affine="learned", sync=0.5)):
        for quantizer in (eager, compiled):
            quantizer.switch_(options)
            quantizer.zero_grad(set_to_none=True)
        want, got = numbers(eager, eager, latents(9, 4)), numbers(run, compiled, latents(9, 4))
        assert got.keys() == want.keys()
        for name, value in want.items():
            torch.testing.assert_close(got[name], value)
