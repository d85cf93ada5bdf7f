"""VQTorch's layers against VQTorch's equations, written out again here in float64."""

import copy
import inspect
import io
import math
import pickle
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vqcore import nn as vqnn
from vqcore.nn import (
    GroupVectorQuant,
    MaxVecPool2d,
    ResidualVectorQuant,
    SoftMaxVecPool2d,
    VectorQuant,
    forget_moved,
    get_vq_layers,
    is_vq,
    is_vqn,
    no_vq,
)

K, D, G = 12, 8, 2
KINDS = ["whole", "group shared", "group own", "residual shared", "residual own"]
METHODS = [
    {},
    {"beta": 0.3},
    {"sync_nu": 0.7},
    {"affine_lr": 2.0},
    {"affine_lr": 0.5, "affine_groups": 3},
    {"norm": "l2"},
    {"norm": "l2c"},
    {"norm": "bn"},
    {"norm": "in"},
    {"cb_norm": "l2"},
    {"cb_norm": "l2c"},
    {"cb_norm": "l2c", "affine_lr": 1.0, "affine_groups": 2, "sync_nu": 1.0, "norm": "l2"},
]


def make(kind: str = "whole", features: int = D, codes: int = K, groups: int = G, **arguments) -> VectorQuant:
    torch.manual_seed(3)
    if kind == "whole":
        return VectorQuant(features, codes, **arguments)
    family = GroupVectorQuant if kind.startswith("group") else ResidualVectorQuant
    return family(features, codes, groups=groups, share=kind.endswith("shared"), **arguments)


def latents(dim: int = 1, features: int = D, seed: int = 4, spread: float = 1.0) -> torch.Tensor:
    z = spread * torch.randn(3, 5, 2, features, generator=torch.Generator().manual_seed(seed))
    return z.movedim(-1, dim).contiguous()


def stir(layer: VectorQuant, spread: float = 1.0) -> None:
    """Give the layer a codebook of some spread and an affine map that is not the identity."""
    draws = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for part in layer.quantizer.parts:
            part.raw_codebook.mul_(spread)
        affine = layer.quantizer.parts[0].affine
        affine.scale.uniform_(-0.3, 0.3, generator=draws)
        affine.bias.uniform_(-0.3, 0.3, generator=draws)


def vqtorch_state(layer: VectorQuant, arguments: dict) -> dict:
    """The tensors of `layer` under VQTorch's names."""
    parts = layer.quantizer.parts
    state = {"codebook.weight": torch.cat([part.raw_codebook.detach() for part in parts])}
    if arguments.get("affine_lr", 0) > 0:
        rows = arguments.get("affine_groups", 1)
        state["affine_transform.scale"] = parts[0].affine.scale.detach()[:rows].clone()
        state["affine_transform.bias"] = parts[0].affine.bias.detach()[:rows].clone()
    return state | {name: tensor for name, tensor in layer.state_dict().items() if name.startswith("norm_layer")}


@dataclass
class Reference:
    """VQTorch's forward in training, from its equations; parameters are VQTorch's tensors."""

    kind: str
    weight: torch.Tensor
    scale: torch.Tensor | None = None
    bias: torch.Tensor | None = None
    groups: int = G
    beta: float = 0.95
    sync_nu: float = 0.0
    affine_lr: float = 0.0
    affine_groups: int = 1
    norm: str = "none"
    cb_norm: str = "none"
    dim: int = 1

    def codebooks(self) -> list[torch.Tensor]:
        lengths = self.weight.detach().square().sum(1, keepdim=True).sqrt()
        target = {"none": lengths, "l2": lengths.clamp(max=10), "l2c": torch.ones_like(lengths)}[self.cb_norm]
        projected = self.weight.detach() * target / lengths
        weight = self.weight + (projected - self.weight).detach()
        count = self.groups if self.kind.endswith("own") else 1
        books = list(weight.split(len(weight) // count))
        if self.affine_lr > 0:
            for at, book in enumerate(books):
                size = len(book) // self.affine_groups
                books[at] = torch.cat(
                    [
                        (1 + self.affine_lr * self.scale[g]) * book[g * size : (g + 1) * size]
                        + self.affine_lr * self.bias[g]
                        for g in range(self.affine_groups)
                    ]
                )
        return books

    def normed(self, z: torch.Tensor) -> torch.Tensor:
        last = z.movedim(self.dim, -1)  # (B, …, D)
        middle = tuple(range(1, last.ndim - 1))
        if self.norm in ("bn", "in"):
            over = (0, *middle) if self.norm == "bn" else middle
            mean = last.mean(over, keepdim=True)
            last = (last - mean) / ((last - mean).square().mean(over, keepdim=True) + 1e-5).sqrt()
        if self.norm == "gn":
            cut = last.unflatten(-1, (32, -1))
            over = (*middle, last.ndim)
            mean = cut.mean(over, keepdim=True)
            last = ((cut - mean) / ((cut - mean).square().mean(over, keepdim=True) + 1e-6).sqrt()).flatten(-2)
        count = self.groups if self.kind.startswith("group") else 1
        cut = last.reshape(*last.shape[:-1], count, -1)
        lengths = cut.square().sum(-1, keepdim=True).sqrt()
        if self.norm == "l2":
            cut = cut / lengths
        if self.norm == "l2c":
            cut = cut * (10 / lengths).clamp(max=1)
        return cut

    def search(self, book: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        distances = (z.detach().unsqueeze(-2) - book.detach()).square().sum(-1).sqrt()  # (…, K)
        d, q = distances.min(-1)
        return book[q], d, q

    def __call__(self, z: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        books, z = self.codebooks(), self.normed(z)
        extra = {}
        if self.kind.startswith("residual"):
            z_q, ds, qs, residuals = torch.zeros_like(z), [], [], [z]
            for level in range(self.groups):
                at = level % len(books)
                found, d, q = self.search(books[at], z - z_q)
                z_q = z_q + found
                ds.append(d)
                qs.append(q + at * len(books[0]))
                residuals.append(z - z_q)
            d, q = torch.cat(ds, -1), torch.cat(qs, -1)
            extra["z_res"] = torch.cat(residuals, -2)
        else:
            searched = [
                (self.search(books[g % len(books)], z[..., g, :]), g % len(books)) for g in range(z.shape[-2])
            ]
            z_q = torch.stack([found for (found, _, _), _ in searched], -2)
            d = torch.stack([d for (_, d, _), _ in searched], -1)
            q = torch.stack([q + at * len(books[0]) for (_, _, q), at in searched], -1)
        error = (1 - self.beta) * (z - z_q.detach()) ** 2 + self.beta * (z.detach() - z_q) ** 2
        loss = error.reshape(len(error), -1).mean(1)
        if self.kind == "whole":
            loss = loss.mean()
        share = torch.bincount(q.flatten(), minlength=len(self.weight)).double() / q.numel()
        entropy = -sum(p * math.log(p) for p in share.tolist() if p > 0)
        out = z + (z_q - z).detach() + self.sync_nu * z_q - (self.sync_nu * z_q).detach()
        out = out.reshape(*out.shape[:-2], -1).movedim(-1, self.dim)
        perplexity = torch.tensor(math.exp(entropy))
        return out, {"z": z, "z_q": z_q, "d": d, "q": q, "loss": loss, "perplexity": perplexity} | extra


def reference_of(kind: str, layer: VectorQuant, arguments: dict) -> Reference:
    state = {
        name: tensor.double().requires_grad_()
        for name, tensor in vqtorch_state(layer, arguments).items()
        if not name.startswith("norm_layer")
    }
    given = {name: value for name, value in arguments.items() if name in Reference.__dataclass_fields__}
    return Reference(
        kind,
        state["codebook.weight"],
        state.get("affine_transform.scale"),
        state.get("affine_transform.bias"),
        groups=1 if kind == "whole" else G,
        **given,
    )


def pull(out: torch.Tensor, info: dict[str, torch.Tensor]) -> torch.Tensor:
    """A scalar through which every differentiable result has a gradient of its own size."""
    total = (out * torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view(out.shape)).sum()
    total = total + (info["loss"] * torch.arange(1, 1 + info["loss"].numel()).view_as(info["loss"])).sum()
    for name in ("z", "z_q", "z_res"):
        if name in info:
            total = total + 0.1 * (info[name] ** 3).sum()
    return total


def assert_as_vqtorch(kind: str, dtype: torch.dtype, arguments: dict, features: int = D, spread: float = 1.0) -> None:
    layer = make(kind, features, **arguments).to(dtype)
    stir(layer, spread)
    reference = reference_of(kind, layer, arguments)
    z = latents(arguments.get("dim", 1), features, spread=spread)
    ours, theirs = z.to(dtype, copy=True).requires_grad_(), z.to(torch.float64, copy=True).requires_grad_()
    out, info = layer(ours)
    expected_out, expected = reference(theirs)
    assert list(info) == list(expected)
    close = partial(torch.testing.assert_close, check_dtype=False, check_layout=False)
    rough = {"rtol": 2e-4, "atol": 2e-4} if dtype == torch.float32 else {"rtol": 1e-9, "atol": 1e-9}
    close(out, expected_out, **rough)
    for name in info:
        close(info[name], expected[name], **(rough if name != "perplexity" else {"rtol": 1e-5, "atol": 1e-5}))
    assert info["q"].dtype == torch.int64
    pull(out, info).backward()
    pull(expected_out, expected).backward()
    size = theirs.grad.abs().max().item()
    close(ours.grad, theirs.grad, rtol=rough["rtol"], atol=rough["atol"] * (1 + size))
    parts = layer.quantizer.parts
    grad, expected_grad = torch.cat([part.raw_codebook.grad for part in parts]), reference.weight.grad
    close(grad, expected_grad, rtol=rough["rtol"], atol=rough["atol"] * (1 + expected_grad.abs().max().item()))
    if reference.affine_lr > 0:
        rows = reference.affine_groups
        for name in ("scale", "bias"):
            grad, expected_grad = getattr(parts[0].affine, name).grad, getattr(reference, name).grad
            close(grad[:rows], expected_grad, rtol=1e-3, atol=rough["atol"] * (1 + expected_grad.abs().max().item()))
            assert not grad[rows:].any()


@pytest.mark.parametrize("dim", [1, 2, -1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", METHODS, ids=str)
def test_values_and_gradients_are_vqtorchs(kind, arguments, dim):
    assert_as_vqtorch(kind, torch.float64, arguments | {"dim": dim})
    assert_as_vqtorch(kind, torch.float32, arguments | {"dim": dim})


@pytest.mark.parametrize("dim", [1, 2, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_group_norm_is_vqtorchs(kind, dim):
    assert_as_vqtorch(kind, torch.float64, {"norm": "gn", "dim": dim}, features=64)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norms", [{"norm": "l2c"}, {"cb_norm": "l2"}, {"norm": "l2c", "cb_norm": "l2"}], ids=str)
def test_long_vectors_are_capped_with_the_true_derivative(kind, norms):
    assert_as_vqtorch(kind, torch.float64, norms, spread=9.0)


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(KINDS),
    dim=st.integers(-3, 3).filter(lambda dim: dim != 0),
    beta=st.floats(0, 1),
    nu=st.floats(0, 3),
    affine=st.sampled_from([(0.0, 1), (1.0, 1), (3.0, 2), (0.1, 6)]),
    norm=st.sampled_from(["none", "l2", "l2c", "bn", "in"]),
    cb_norm=st.sampled_from(["none", "l2", "l2c"]),
)
def test_any_combination_is_vqtorchs(kind, dim, beta, nu, affine, norm, cb_norm):
    arguments = {"dim": dim, "beta": beta, "sync_nu": nu, "norm": norm, "cb_norm": cb_norm}
    assert_as_vqtorch(kind, torch.float64, arguments | {"affine_lr": affine[0], "affine_groups": affine[1]})


@pytest.mark.parametrize("kind", KINDS)
def test_codes_index_the_codebook(kind):
    layer = make(kind, affine_lr=1.0)
    stir(layer)
    z_q, info = layer(latents())
    found = layer.get_codebook()[info["q"]]  # (B, …, G, D')
    whole = found.sum(-2) if kind.startswith("residual") else found.flatten(-2)
    torch.testing.assert_close(z_q, whole.movedim(-1, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_of_three_dimensions_and_an_empty_batch_work(kind):
    layer = make(kind, dim=-1, norm="bn").eval()
    z_q, info = layer(torch.randn(4, 7, D))
    assert z_q.shape == (4, 7, D)
    assert info["q"].shape == (4, 7, 1 if kind == "whole" else G)
    z_q, info = make(kind, dim=-1, replace_freq=2)(torch.randn(0, 7, D))
    assert z_q.shape == (0, 7, D)
    assert info["loss"].sum() == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", [{}, {"norm": "bn"}, {"norm": "l2", "affine_lr": 2.0}], ids=str)
def test_plain_vectors_give_what_they_give_as_a_sequence(kind, arguments):
    z = torch.randn(20, D, generator=torch.Generator().manual_seed(4))
    plain, sequence = make(kind, **arguments), make(kind, **arguments | {"dim": -1})
    z_q, info = plain(z)
    expected, named = sequence(z[:, None])
    assert z_q.shape == (20, D)
    torch.testing.assert_close(z_q, expected[:, 0])
    assert torch.equal(info["q"], named["q"][:, 0])
    torch.testing.assert_close(info["loss"], named["loss"])
    (z_q.square().sum() + info["loss"].sum()).backward()
    (expected.square().sum() + named["loss"].sum()).backward()
    for part, other in zip(plain.quantizer.parts, sequence.quantizer.parts, strict=True):
        torch.testing.assert_close(part.raw_codebook.grad, other.raw_codebook.grad)


def test_a_code_vector_size_without_an_affine_map_has_no_effect_as_in_vqtorch():
    plain, named = make(), make(code_vector_size=3)
    assert named.code_vector_size == 3
    assert torch.equal(named(latents())[0], plain(latents())[0])


def test_groups_of_the_map_need_not_divide_the_codes():
    layer = make(codes=11, affine_lr=1.0, affine_groups=4)
    stir(layer)
    raw, affine = layer.codebook.weight.detach(), layer.quantizer.parts[0].affine
    sizes = [len(codes) for codes in layer.get_codebook().split([3, 3, 3, 2])]
    rows = torch.arange(4).repeat_interleave(torch.tensor(sizes))
    torch.testing.assert_close(layer.get_codebook(), (1 + affine.scale[rows]) * raw + affine.bias[rows])


def test_names_of_norms_may_be_none():
    assert make(norm=None, cb_norm=None)(latents())[0].shape == latents().shape


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", METHODS, ids=str)
def test_evaluation_changes_nothing(kind, arguments):
    layer = make(kind, replace_freq=1, **arguments).eval()
    stir(layer, spread=20.0)
    before = copy.deepcopy(layer.state_dict())
    for seed in range(3):
        layer(latents(seed=seed))
    for name, tensor in layer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(("cb_norm", "low", "high"), [("l2", 9.999, 10.001), ("l2c", 0.999, 1.001)])
def test_a_codebook_norm_is_kept_in_training_and_only_applied_in_evaluation(cb_norm, low, high):
    layer = make(cb_norm=cb_norm).eval()
    stir(layer, spread=50.0)
    shown = layer(latents())[1]["z_q"]
    assert layer.codebook.weight.norm(dim=1).min() > 11
    layer.train()
    torch.testing.assert_close(layer(latents())[1]["z_q"], shown)
    lengths = layer.codebook.weight.norm(dim=1)
    assert lengths.min() > low
    assert lengths.max() < high


# --- bypass and finding


class Net(torch.nn.Module):
    def __init__(self, layer: VectorQuant) -> None:
        super().__init__()
        self.before, self.layer = torch.nn.Identity(), layer


@pytest.mark.parametrize("kind", KINDS)
def test_bypass_gives_z_and_nothing(kind):
    layer, z = make(kind, replace_freq=1, kmeans_init=True), latents()
    with no_vq(Net(layer)):
        out, info = layer(z)
    assert torch.equal(out, z)
    assert info == {}
    assert layer.data_initialized.item() == 0


def test_bypass_keeps_the_norm_as_vqtorch_does():
    with no_vq([layer := make(norm="l2")]):
        out, _ = layer(latents())
    torch.testing.assert_close(out.norm(dim=1), torch.ones(3, 5, 2))


def test_bypass_nests_and_ends_with_an_exception():
    first, second = make(), make("group own")
    with no_vq([first, second]):
        with pytest.raises(ZeroDivisionError), no_vq(first):
            raise ZeroDivisionError
        assert not first.enabled
        assert not second.enabled
    assert first.enabled
    assert second.enabled


def test_bypass_sees_through_data_parallel():
    net = torch.nn.DataParallel(Net(make()))
    with no_vq(net):
        assert not net.module.layer.enabled
    assert net.module.layer.enabled


@pytest.mark.parametrize("wrong", [3, None, "layer", [torch.nn.Identity(), 3]])
def test_bypass_of_what_is_no_module_changes_nothing(wrong):
    with pytest.raises(TypeError, match="`modules` must be a module or a list"), no_vq(wrong):
        pass


def test_layers_are_found():
    layer = make("residual own")
    assert is_vq(layer)
    assert not is_vq(torch.nn.Identity())
    assert isinstance(layer, VectorQuant)
    assert is_vqn(Net(layer))
    assert not is_vqn(torch.nn.Linear(2, 2))
    assert get_vq_layers(Net(layer)) == [layer]


# --- k-means


@pytest.mark.parametrize("kind", KINDS)
def test_the_first_training_forward_returns_what_the_codebook_it_keeps_gives(kind):
    layer, z = make(kind, kmeans_init=True, dim=-1), 5 + torch.randn(6, 10, D)
    z_q, info = layer(z)
    kept = layer.get_codebook()
    assert len(kept) == K
    again, _ = layer.eval()(z)
    assert torch.equal(z_q, again)
    layer.train()(10 + z)
    assert torch.equal(layer.get_codebook(), kept)
    assert layer.data_initialized.item() == 1
    random_loss = make(kind, dim=-1)(z)[1]["loss"].mean()
    assert info["loss"].mean() < 0.2 * random_loss


def test_a_shared_codebook_of_groups_starts_from_all_groups():
    z = torch.randn(20, 3, D) + torch.arange(D).div(D // G, rounding_mode="floor") * 20
    layer = make("group shared", kmeans_init=True, dim=-1)
    assert (layer(z)[0] - z).abs().max() < 6


def test_evaluation_starts_nothing():
    layer = make(kmeans_init=True).eval()
    before = layer.get_codebook()
    layer(latents())
    assert torch.equal(layer.get_codebook(), before)
    assert layer.data_initialized.item() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_vectors_than_codes_are_an_error_and_change_nothing(kind):
    layer = make(kind, codes=100, kmeans_init=True, dim=-1)
    before = layer.get_codebook()
    z = torch.randn(1, 60, D) if kind in ("whole", "residual shared") else torch.randn(1, 20, D)
    with pytest.raises(ValueError, match="distinct vectors as codes"):
        layer(z)
    assert torch.equal(layer.get_codebook(), before)
    assert layer.data_initialized.item() == 0


def test_a_second_codebook_that_cannot_start_leaves_the_first_alone():
    layer, z = make("group own", kmeans_init=True, dim=-1), torch.randn(2, 20, D)
    z[..., D // G :] = 1.0
    before = layer.get_codebook()
    with pytest.raises(ValueError, match="distinct"):
        layer(z)
    assert torch.equal(layer.get_codebook(), before)


def test_the_same_seed_starts_the_same():
    z, found = torch.randn(6, 10, D), []
    for _ in range(2):
        layer = make(kmeans_init=True, replace_freq=2, dim=-1)
        torch.manual_seed(8)
        for _ in range(4):
            layer(z)
        found.append(layer.get_codebook())
    assert torch.equal(*found)


# --- replacement


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("affine_lr", [0.0, 1.0])
def test_unused_codes_move_onto_vectors_after_so_many_forwards(kind, affine_lr):
    layer = make(kind, replace_freq=3, affine_lr=affine_lr, dim=-1)
    stir(layer)
    with torch.no_grad():
        for part in layer.quantizer.parts:
            part.raw_codebook[1:] += 1000
    before, z = layer.get_codebook(), torch.randn(6, 10, D)
    for forward in range(3):
        assert torch.equal(layer.get_codebook(), before), forward
        z_q, info = layer(z)
    moved = (layer.get_codebook() != before).any(1)
    assert torch.equal(layer.moved, moved)
    assert not moved[info["q"].unique()].any()
    assert moved.sum() == K - len(info["q"].unique())
    assert layer.get_codebook()[moved].abs().max() < 100
    (z_q.sum() + info["loss"].sum()).backward()  # what moved after the search is no trouble for autograd


def test_a_used_code_stays_and_the_count_starts_anew():
    layer = make(codes=2, replace_freq=2, dim=-1)
    with torch.no_grad():
        layer.codebook.weight.copy_(torch.tensor([-5.0, 5.0])[:, None].expand(2, D))
    low, high = torch.full((1, 4, D), -5.0), torch.full((1, 4, D), 5.0)
    before = layer.get_codebook()
    for z in (low, high, low, high, low):
        layer(z)
    assert torch.equal(layer.get_codebook(), before)
    layer(low)
    assert (layer.get_codebook()[1] < 0).all()


def test_a_moved_code_has_vqtorchs_noise():
    width, codes = 32, 2_000
    layer = make(features=width, codes=codes, replace_freq=1, dim=-1)
    vector = 7 + torch.randn(width, generator=torch.Generator().manual_seed(4))
    layer(vector.expand(1, 8, width))
    assert layer.moved.sum() == codes - 1
    noise = layer.get_codebook()[layer.moved] - vector
    element = 0.01 * vector.norm()  # VQTorch: selected + 0.01 · ‖selected‖ · randn
    assert noise.std() == pytest.approx(float(element), rel=0.02)
    assert noise.mean() == pytest.approx(0, abs=0.02 * float(element))
    assert noise.norm(dim=1).mean() / vector.norm() == pytest.approx(0.01 * width**0.5, rel=0.02)


def trained_with_a_replacement(forgets: bool) -> tuple[VectorQuant, torch.Tensor]:
    layer = make(codes=2, replace_freq=3, beta=1.0, dim=-1)
    with torch.no_grad():
        layer.codebook.weight.copy_(torch.tensor([-5.0, 5.0])[:, None].expand(2, D))
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.5)
    if forgets:
        forget_moved(Net(layer), optimizer)
    placed = torch.zeros(0)
    low, both = torch.full((1, 4, D), -7.0), torch.tensor([-7.0, 9.0])[None, :, None].expand(1, 2, D)
    for z in (both, both, both, low, low, low):
        optimizer.zero_grad()
        layer(z)[1]["loss"].backward()
        placed = layer.get_codebook()[1]
        optimizer.step()
    return layer, placed


def test_a_replaced_code_keeps_no_moments_where_asked():
    layer, placed = trained_with_a_replacement(forgets=True)
    assert placed.mean() == pytest.approx(-7, abs=0.5)
    assert torch.equal(layer.get_codebook()[1], placed)
    assert not layer.moved.any()
    drifted, placed = trained_with_a_replacement(forgets=False)
    assert (drifted.get_codebook()[1] - placed).abs().max() > 0.05


def test_the_inplace_optimizer_forgets_by_itself():
    sgd = partial(torch.optim.SGD, lr=0.01, momentum=0.9)
    layer = make(codes=2, beta=1.0, replace_freq=1, dim=-1, inplace_optimizer=sgd)
    with torch.no_grad():
        layer.codebook.weight.copy_(torch.tensor([-5.0, 5.0])[:, None].expand(2, D))
    layer(torch.tensor([-7.0, 9.0])[None, :, None].expand(1, 2, D))
    (state,) = layer.inplace_codebook_optimizer.state.values()
    assert state["momentum_buffer"].all()
    layer(torch.full((1, 4, D), -7.0))
    assert state["momentum_buffer"].any(1).tolist() == [True, False]


def test_forgetting_can_be_ended_and_needs_a_layer():
    layer = make()
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    handle = forget_moved(layer, optimizer)
    layer.moved.fill_(True)
    handle.remove()
    optimizer.step()
    assert layer.moved.all()
    with pytest.raises(ValueError, match="`model` must hold a layer"):
        forget_moved(torch.nn.Linear(2, 2), optimizer)


def test_two_forwards_before_one_backward():
    layer = make(affine_lr=1.0, replace_freq=2, cb_norm="l2")
    first, second = layer(latents(seed=1))[1]["loss"], layer(latents(seed=2))[1]["loss"]
    (first + second).backward()
    assert layer.codebook.weight.grad.isfinite().all()


# --- in-place steps


@pytest.mark.parametrize("affine_lr", [0.0, 2.0])
def test_an_inplace_step_is_one_step_at_held_codes(affine_lr):
    layer = make(beta=1.0, affine_lr=affine_lr, inplace_optimizer=partial(torch.optim.SGD, lr=0.3)).double()
    stir(layer)
    z, weight = latents().double(), layer.codebook.weight.detach().clone().requires_grad_()
    vectors = z.movedim(1, -1).reshape(-1, D)
    part = layer.quantizer.parts[0]
    scale, bias = 1 + affine_lr * part.affine.scale[0].detach(), affine_lr * part.affine.bias[0].detach()
    codes = torch.cdist(vectors, weight * scale + bias).argmin(1)
    ((weight[codes] * scale + bias - vectors) ** 2).mean().backward()
    stepped = weight.detach() - 0.3 * weight.grad
    _, info = layer(z)
    torch.testing.assert_close(layer.codebook.weight.detach(), stepped)
    torch.testing.assert_close(info["z_q"].reshape(-1, D), stepped[codes] * scale + bias)
    torch.testing.assert_close(info["d"].flatten(), (weight[codes] * scale + bias - vectors).norm(dim=1))
    assert all(parameter.grad is None for parameter in layer.parameters())
    info["loss"].backward()
    assert layer.codebook.weight.grad.abs().sum() > 0
    layer.eval()(z)
    torch.testing.assert_close(layer.codebook.weight.detach(), stepped)


@pytest.mark.parametrize("kind", KINDS)
def test_inplace_steps_reduce_the_error_and_touch_no_gradient(kind):
    layer = make(kind, beta=1.0, inplace_optimizer=partial(torch.optim.SGD, lr=4.0, momentum=0.5))
    for parameter in layer.parameters():
        parameter.grad = torch.ones_like(parameter)
    errors = [layer(latents())[1]["loss"].mean().item() for _ in range(20)]
    assert errors[-1] < 0.7 * errors[0]
    assert all(torch.equal(parameter.grad, torch.ones_like(parameter)) for parameter in layer.parameters())
    with torch.no_grad():
        layer(latents())


def test_a_frozen_codebook_takes_no_inplace_step():
    layer = make(beta=1.0, inplace_optimizer=partial(torch.optim.SGD, lr=1.0)).requires_grad_(False)
    before = layer.get_codebook()
    layer(latents())
    assert torch.equal(layer.get_codebook(), before)


# --- state dicts


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", METHODS, ids=str)
def test_a_state_dict_of_vqtorch_loads(kind, arguments):
    saved = make(kind, **arguments)
    stir(saved)
    saved(latents())
    state = {f"layer.{name}": tensor for name, tensor in vqtorch_state(saved, arguments).items()}
    torch.manual_seed(0)
    layer = make(kind, **arguments)
    stir(layer, spread=3.0)
    Net(layer).load_state_dict(state)
    out, info = layer.eval()(latents())
    expected_out, expected = saved.eval()(latents())
    assert torch.equal(out, expected_out)
    assert torch.equal(info["q"], expected["q"])
    assert "layer.codebook.weight" in state


def test_vqtorchs_countdown_becomes_an_age():
    layer = make("group own", codes=6, replace_freq=9)
    state = {"codebook.weight": torch.randn(6, D // G), "data_initialized": torch.zeros(1)}
    layer.load_state_dict(state | {"_counts": torch.tensor([9.0, 7, 9, 1, 9, 8, 9])})
    assert [part.steps_unused.tolist() for part in layer.quantizer.parts] == [[0, 2, 0], [8, 0, 1]]


def test_a_loaded_codebook_is_not_started_again():
    layer = make(kmeans_init=True)
    layer.load_state_dict({"codebook.weight": torch.randn(K, D)})
    before = layer.get_codebook()
    layer(latents())
    assert torch.equal(layer.get_codebook(), before)
    layer.load_state_dict({"codebook.weight": torch.randn(K, D), "data_initialized": torch.zeros(1)})
    layer(latents())
    assert layer.data_initialized.item() == 1


@pytest.mark.parametrize(
    ("arguments", "state", "message"),
    [
        ({}, {"codebook.weight": (60, D)}, r"'codebook.weight' has shape \(60, 8\) where this layer has \(12, 8\)"),
        ({}, {"affine_transform.scale": (1, D), "affine_transform.bias": (1, D)}, "built with affine_lr=0"),
        ({"affine_lr": 1.0}, {"affine_transform.scale": (2, D)}, "Build the layer with the `affine_groups`"),
        ({"norm": "bn"}, {"norm_layer.weight": (4,)}, "'norm_layer.weight' has shape"),
        ({"replace_freq": 2}, {"_counts": (5,)}, "12 values in '_counts', one per code, but has 5"),
    ],
)
def test_a_state_dict_that_does_not_fit_is_refused_and_changes_nothing(arguments, state, message):
    layer = make(**arguments)
    before = copy.deepcopy(layer.state_dict())
    tensors = {"codebook.weight": torch.zeros(K, D)} | {name: torch.zeros(shape) for name, shape in state.items()}
    with pytest.raises(ValueError, match=message):
        layer.load_state_dict(tensors)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", METHODS, ids=str)
def test_own_state_dicts_round_trip(kind, arguments):
    layer, other = make(kind, **arguments), make(kind, **arguments)
    if "affine_lr" in arguments:
        stir(layer)
    layer(latents())
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file))
    for mode in (True, False):
        assert torch.equal(layer.train(mode)(latents())[0], other.train(mode)(latents())[0])
    assert other.state_dict().keys() == layer.state_dict().keys()


def test_own_state_dict_with_a_map_needs_the_map():
    saved = make(affine_lr=1.0)
    stir(saved)
    with pytest.raises(ValueError, match="built with affine_lr=0"):
        make().load_state_dict(saved.state_dict())
    with pytest.raises(ValueError, match="fit a codebook of 5 codes"):
        make(codes=5, affine_lr=1.0).load_state_dict(saved.state_dict())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_copies_are_whole_and_apart(kind, how):
    arguments = {"beta": 1.0, "affine_lr": 1.0, "replace_freq": 5, "kmeans_init": True, "norm": "bn", "dim": -1}
    layer = make(kind, inplace_optimizer=partial(torch.optim.SGD, lr=2.0, momentum=0.9), **arguments)
    layer(torch.randn(6, 10, D))
    if how == "deepcopy":
        other = copy.deepcopy(layer)
    elif how == "pickle":
        other = pickle.loads(pickle.dumps(layer))
    else:
        file = io.BytesIO()
        torch.save(layer, file)
        file.seek(0)
        other = torch.load(file, weights_only=False)
    kept, z = layer.get_codebook(), torch.randn(6, 10, D)
    other(z)
    assert torch.equal(layer.get_codebook(), kept)
    assert not torch.equal(other.get_codebook(), kept)
    layer(z)
    assert torch.equal(layer.get_codebook(), other.get_codebook())


# --- precision, live switches


def test_autocast_does_not_lower_the_precision_of_the_search():
    layer, z = make(codes=256).eval(), latents()
    _, expected = layer(z)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        z_q, info = layer(z)
    assert z_q.dtype == torch.float32
    for name in expected:
        assert torch.equal(info[name], expected[name]), name


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_latents_are_searched_in_single(dtype):
    layer, z = make(codes=256), latents().to(dtype)
    z_q, info = layer(z)
    assert z_q.dtype == dtype
    assert info["loss"].dtype == torch.float32
    assert torch.equal(info["q"], layer(z.float())[1]["q"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("affine", ["off", "running"])
def test_switching_the_map_off_moves_no_code(kind, affine):
    layer = make(kind, affine_lr=2.0, affine_groups=2)
    stir(layer)
    before = layer.get_codebook()
    parameters = list(layer.parameters())
    layer.quantizer.switch_(replace(layer.quantizer.options, affine=affine))
    torch.testing.assert_close(layer.get_codebook(), before)
    assert all(one is other for one, other in zip(parameters, layer.parameters(), strict=True))
    layer.quantizer.switch_(replace(layer.quantizer.options, affine="learned", affine_lr_scale=1.0))
    stir(layer)
    before = layer.get_codebook()
    layer.quantizer.switch_(replace(layer.quantizer.options, affine_lr_scale=3.0))
    torch.testing.assert_close(layer.get_codebook(), before)


@pytest.mark.parametrize("kind", KINDS)
def test_switches_act_on_the_next_forward(kind):
    layer = make(kind)
    options = layer.quantizer.options
    layer(latents().requires_grad_())[0].sum().backward()
    assert all(part.raw_codebook.grad is None or not part.raw_codebook.grad.any() for part in layer.quantizer.parts)
    layer.quantizer.switch_(replace(options, sync=1.0))
    layer(latents())[0].sum().backward()
    assert all(part.raw_codebook.grad.any() for part in layer.quantizer.parts)
    layer.quantizer.switch_(replace(options, bypass=True))
    z_q, info = layer(latents())
    assert torch.equal(z_q, latents())
    assert not info["loss"].any()
    layer.quantizer.switch_(replace(options, replace_every=1))
    assert not layer.moved.any()
    layer(torch.ones_like(latents()))
    assert layer.moved.any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("owner", [{"codebook_update": "ema"}, {"inner_steps": 2}], ids=str)
def test_a_codebook_that_something_else_owns_gets_no_gradient_of_the_loss(kind, owner):
    layer = make(kind, affine_lr=1.0)
    layer.quantizer.switch_(replace(layer.quantizer.options, **owner))
    layer(latents())[1]["loss"].sum().backward()
    assert all(part.raw_codebook.grad is None for part in layer.quantizer.parts)
    assert layer.quantizer.parts[0].affine.bias.grad.any()


# --- errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 1.5}, "`beta` must be a number from 0 to 1, but got 1.5"),
        ({"sync_nu": -1.0}, "`sync_nu` must be"),
        ({"affine_lr": -1.0}, "`affine_lr` must be"),
        ({"affine_lr": 1.0, "affine_groups": 17}, "`affine_groups` must be"),
        ({"replace_freq": -1}, "`replace_freq` must be"),
        ({"dim": 1.0}, "`dim` must be"),
        ({"norm": "batch"}, "`norm` must be one of .*'bn'.* but got 'batch'"),
        ({"cb_norm": "bn"}, "`cb_norm` must be one of .*'l2c'.* but got 'bn'"),
        ({"norm": "gn"}, "`feature_size` must be a multiple of 32"),
        ({"features": 0}, "`feature_size` must be"),
        ({"codes": 0}, "`num_codes` must be"),
        ({"code_vector_size": 3, "affine_lr": 1.0}, "`code_vector_size` must equal `feature_size`, 8"),
        ({"code_vector_size": 0}, "`code_vector_size` must be a whole number from 1"),
        (
            {"kind": "group own", "codes": 30, "groups": 4},
            "`num_codes` must be a multiple of groups=4 .* 28 would do",
        ),
        ({"kind": "residual own", "codes": 3, "groups": 4}, "`num_codes` must be .* 4 would do"),
        ({"kind": "group shared", "groups": 3}, "`groups` must divide the 8 features"),
        ({"kind": "residual shared", "groups": 0}, "`groups` must be"),
        ({"beta": 0.9, "inplace_optimizer": torch.optim.SGD}, "`beta` must be 1 with `inplace_optimizer`"),
    ],
    ids=str,
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        make(**arguments)


def test_an_optimizer_that_cannot_be_called_is_refused():
    with pytest.raises(TypeError, match="`inplace_optimizer` must make an optimizer"):
        make(beta=1.0, inplace_optimizer="sgd")


@pytest.mark.parametrize(
    ("z", "error", "message"),
    [
        (torch.zeros(D), ValueError, r"at least 2 dimensions and 8 features on axis dim=1, but has shape \(8,\)"),
        (torch.zeros(4, 7), ValueError, r"8 features on axis dim=1, but has shape \(4, 7\)"),
        (torch.zeros(4, 7, D), ValueError, r"8 features on axis dim=1, but has shape \(4, 7, 8\)"),
        (torch.zeros(4, D, 2, dtype=torch.int64), TypeError, "`z` must be a floating-point tensor"),
        (np.zeros((4, D, 2)), TypeError, "but is ndarray"),
        (torch.full((4, D, 2), math.nan), ValueError, "must be finite"),
    ],
    ids=str,
)
def test_inputs_that_do_not_fit_are_refused_and_change_nothing(z, error, message):
    layer = make(beta=1.0, inplace_optimizer=partial(torch.optim.SGD, lr=1.0), norm="bn", replace_freq=1)
    before = copy.deepcopy(layer.state_dict())
    with pytest.raises(error, match=message):
        layer(z)
    assert all(torch.equal(tensor, before[name]) for name, tensor in layer.state_dict().items())


def test_an_axis_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match="axis dim=-4"):
        make(dim=-4)(torch.zeros(4, D, 2))


# --- pools


def reference_pool(x: np.ndarray, weigh, size: int, stride: int, padding: int, dilation: int) -> np.ndarray:
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    reach = dilation * (size - 1) + 1
    rows = range(0, x.shape[2] - reach + 1, stride)
    columns = range(0, x.shape[3] - reach + 1, stride)
    out = np.zeros((*x.shape[:2], len(rows), len(columns)))
    for b in range(len(x)):
        for i, top in enumerate(rows):
            for j, left in enumerate(columns):
                window = x[b, :, top : top + reach : dilation, left : left + reach : dilation].reshape(x.shape[1], -1)
                out[b, :, i, j] = window @ weigh(np.linalg.norm(window, axis=0))
    return out


def softmax(lengths: np.ndarray) -> np.ndarray:
    powers = np.exp(lengths - lengths.max())
    return powers / powers.sum()


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(1, 4), stride=st.integers(1, 3), padding=st.integers(0, 2), dilation=st.integers(1, 2),
    height=st.integers(7, 9), width=st.integers(7, 9), soft=st.booleans(),
)  # fmt: skip
def test_pools_weigh_whole_vectors(size, stride, padding, dilation, height, width, soft):
    x = np.random.default_rng(1).normal(size=(2, 3, height, width))
    weigh = softmax if soft else lambda lengths: np.eye(len(lengths))[lengths.argmax()]
    pool = (SoftMaxVecPool2d if soft else MaxVecPool2d)(size, stride, padding, dilation)
    expected = reference_pool(x, weigh, size, stride, padding, dilation)
    np.testing.assert_allclose(pool(torch.from_numpy(x)).numpy(), expected, atol=1e-12)


def test_pools_have_vqtorchs_defaults_and_no_gradient_through_weights():
    x = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    pooled = MaxVecPool2d()(x)
    assert pooled.shape == (2, 3, 5, 5)
    pooled.sum().backward()
    assert torch.equal(x.grad, x.grad.round())
    assert torch.equal(x.grad[:, 0], x.grad[:, 1])


@pytest.mark.parametrize("x", [torch.zeros(3, 8, 8), torch.zeros(1, 3, 1, 8)], ids=str)
def test_pools_refuse_what_is_too_small(x):
    with pytest.raises(ValueError, match="`x` must be"):
        MaxVecPool2d(kernel_size=7)(x)
    with pytest.raises(ValueError, match="`stride` must be"):
        SoftMaxVecPool2d(stride=0)


def test_arguments_have_vqtorchs_order_and_defaults():
    defaults = {name: given.default for name, given in inspect.signature(VectorQuant).parameters.items()}
    assert list(defaults.values())[2:-1] == [0.95, 0.0, 0.0, 1, 0, None, 1, "none", "none", False, None]
    assert list(defaults)[:2] == ["feature_size", "num_codes"]
    for family in (GroupVectorQuant, ResidualVectorQuant):
        layer = family(D, K, 2, False, beta=0.5)
        assert (layer.groups, layer.share, layer.group_size) == (2, False, 6)
        assert family(D, K).share
        with pytest.raises(TypeError, match="betta"):
            family(D, K, betta=0.5)


def test_every_public_name_is_there():
    assert sorted(vqnn.__all__) == vqnn.__all__
    assert all(hasattr(vqnn, name) for name in vqnn.__all__)
