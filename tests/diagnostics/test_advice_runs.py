"""Every line of advice for another library, run on a small layer as it is written."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
import vector_quantize_pytorch as vqp
from torch import nn

from vqcore import nn as vqtorch
from vqcore.diagnostics.advice import ADVICE

D, K, L, N = 16, 32, 4, 4 * 49
LINES = sorted(
    {(remedy.vqtorch, remedy.vector_quantize_pytorch) for one in ADVICE.values() for remedy in one.remedies}
)
VQTORCH = {line for line, _ in LINES if line}
VECTOR_QUANTIZE_PYTORCH = {line for _, line in LINES if line}
_ALIKE = (
    "beta",
    "sync_nu",
    "affine_lr",
    "affine_groups",
    "replace_freq",
    "inplace_optimizer",
    "dim",
    "norm",
    "cb_norm",
    "kmeans_init",
    "code_vector_size",
)
VQTORCHS_OWN = {
    "VectorQuant": ("feature_size", "num_codes", *_ALIKE),
    "ResidualVectorQuant": ("feature_size", "num_codes", "groups", "share", *_ALIKE),
}
"""Arguments of its constructors, from facts/method.md: it is on no package index, and needs cupy."""


class Model(nn.Module):
    """An encoder and decoder around a quantizer."""

    def __init__(self, vq: nn.Module) -> None:
        super().__init__()
        self.encode, self.vq, self.decode = nn.Linear(3, D), vq, nn.Linear(D, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.decode(self.vq(self.encode(x))[0])


def optimizer_of(model: nn.Module) -> SimpleNamespace:
    """What torch's optimizers have; the first of those made in a process takes seconds to import a compiler."""
    return SimpleNamespace(param_groups=[{"params": [*model.parameters()]}])


def run(line: str, vq: nn.Module, names: dict) -> dict:
    """`line`, where `vq` is in a model; its last expression is `value` in what is returned."""
    torch.manual_seed(0)
    model = Model(vq)
    scope = {
        **names,
        "torch": torch,
        "nn": nn,
        **{"D": D, "K": K, "L": L, "N": N},
        "vq": vq,
        "model": model,
        "encode": model.encode,
        "task": lambda z_q: z_q.square().mean(),
        "optimizer": optimizer_of(model),
        "loader": [torch.randn(2, 49, 3) for _ in range(3)],
        "x": torch.randn(4, 49, 3),
        "z": torch.randn(4, 49, D, requires_grad=True),
    }
    *before, last = line.split("; ")
    exec("\n".join(before), scope)
    try:
        scope["value"] = eval(last, scope)
    except SyntaxError:  # a statement
        exec(last, scope)
    return scope


def trained(layer: nn.Module) -> None:
    for _ in range(3):
        layer.train()(torch.randn(4, 49, D))


def at_last_axis() -> dict:
    """VQTorch's names; its layers have the features at axis 1 by default, the vectors here at the last."""
    layers = ("VectorQuant", "GroupVectorQuant", "ResidualVectorQuant")
    return {**{name: partial(getattr(vqtorch, name), dim=-1) for name in layers}, "no_vq": vqtorch.no_vq}


def run_vqtorch(line: str) -> dict:
    kmeans = "data_initialized" in line
    return run(line, vqtorch.VectorQuant(D, K, dim=-1, kmeans_init=kmeans), at_last_axis())


@pytest.mark.parametrize("line", sorted(VQTORCH))
def test_every_line_for_vqtorch_runs_on_the_same_constructors(line):
    value = run_vqtorch(line).get("value")
    for layer in value if isinstance(value, tuple) else (value,):
        if isinstance(layer, vqtorch.VectorQuant):
            _, found = layer(torch.randn(4, 49, layer.feature_size))
            assert found["loss"].isfinite().all()


@pytest.mark.parametrize("line", sorted(VQTORCH))
def test_vqtorch_takes_every_argument_that_is_named(line):
    def noted(taken, *given, **named):
        assert named.keys() <= set(taken[len(given) :])
        return nn.Identity()

    scope = {name: partial(noted, taken) for name, taken in VQTORCHS_OWN.items()}
    if line.startswith(tuple(VQTORCHS_OWN)):
        run(line, vqtorch.VectorQuant(D, K, dim=-1), scope)


@pytest.mark.parametrize("line", sorted(VECTOR_QUANTIZE_PYTORCH))
def test_every_line_for_vector_quantize_pytorch_runs(line):
    names = {name: getattr(vqp, name) for name in ("VectorQuantize", "ResidualVQ")}
    value = run(line, vqp.VectorQuantize(dim=D, codebook_size=K, kmeans_init="initted" in line), names).get("value")
    if isinstance(value, nn.Module):
        trained(value)


def test_the_codebook_loss_as_advised_gives_the_codebook_a_gradient():
    (remedy,) = [one for one in ADVICE["no-gradient"].remedies if "raw lookup" in one.what]
    ours = run(remedy.vqtorch, vqtorch.VectorQuant(D, K, dim=-1), at_last_axis())["vq"]
    assert ours.codebook.weight.grad.any()
    layer = run(remedy.vector_quantize_pytorch, vqp.VectorQuantize(dim=D, codebook_size=K), vars(vqp))["vq"]
    assert layer._codebook.embed.grad.any()


def test_replacement_as_advised_moves_unused_codes_and_leaves_used_ones():
    line = ADVICE["index-collapse"].remedies[0].vector_quantize_pytorch
    layer = run(line, vqp.VectorQuantize(dim=D, codebook_size=K), vars(vqp))["value"]
    layer._codebook.embed.data[:, 1:] += 100  # all but one are out of reach
    trained(layer)
    assert (layer.codebook.norm(dim=1) < 50).all()
    threshold = layer._codebook.threshold_ema_dead_code
    assert threshold == pytest.approx(0.1 * N / K)  # a tenth of what even use gives a code in a step


def test_the_optimizer_is_seen_to_have_the_codebook_or_not():
    line = ADVICE["never-trained"].remedies[0].vqtorch
    assert run_vqtorch(line)["value"] is True
    vq = vqtorch.VectorQuant(D, K)
    assert eval(line, {"vq": vq, "optimizer": optimizer_of(nn.Linear(2, 2))}) is False


def test_codes_are_counted_as_advised():
    (remedy,) = ADVICE["not-enough-data"].remedies
    assert run_vqtorch(remedy.vqtorch)["value"].sum() == 3 * 2 * 49
    vq = vqp.VectorQuantize(dim=D, codebook_size=K)
    assert run(remedy.vector_quantize_pytorch, vq, {})["value"].sum() == 3 * 2 * 49


def test_an_affine_map_is_offered_only_beside_the_same_map_elsewhere():
    """VQTorch's `affine_lr` learns its map; ours on running moments is lucidrains' `affine_param`."""
    for advice in ADVICE.values():
        for remedy in advice.remedies:
            assert ("affine=learned" in remedy.ours) == ("affine_lr=10" in remedy.vqtorch)
            assert ("affine=running" in remedy.ours) == ("affine_param=True" in remedy.vector_quantize_pytorch)
