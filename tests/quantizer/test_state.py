import copy
import io
import itertools
import pickle
from dataclasses import replace

import pytest
import torch
from building import MAPS, OWNERS, STRUCTURES, build, contents, latents, stir_
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.options import Options
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

NORMS = ("none", "unit", "capped")
EVERY_OPTION = [
    Options(**affine, **owner, input_norm=norm, codebook_norm=norm, bypass=bypass, sync=0.5)
    for affine, owner, norm, bypass in itertools.product(MAPS, OWNERS, NORMS, (False, True))
]
OPTIONS = st.sampled_from([replace(o, codebook_norm=norm) for o in EVERY_OPTION for norm in NORMS])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_every_option_has_the_same_keys_shapes_and_dtypes(structure):
    def kinds(quantizer: Quantizer) -> dict[str, tuple[torch.Size, torch.dtype]]:
        return {name: (value.shape, value.dtype) for name, value in quantizer.state_dict().items()}

    plain = kinds(build(structure, Options()))
    for options in EVERY_OPTION:
        assert kinds(build(structure, options)) == plain


@pytest.mark.parametrize("structure", STRUCTURES)
def test_evaluation_changes_no_byte_under_any_option(structure):
    quantizer = stir_(build(structure, Options())).eval()
    for options in EVERY_OPTION:
        quantizer.switch_(options)
        stir_(quantizer)
        before = contents(quantizer)
        quantizer(latents(9, 4))
        quantizer.decode(quantizer(latents(2, 3, 4)).codes)
        assert contents(quantizer) == before


def by_state_dict(quantizer: Quantizer, structure: str) -> Quantizer:
    other = build(structure, quantizer.options)
    other.load_state_dict(quantizer.state_dict())
    return other


def by_file(quantizer: Quantizer, structure: str) -> Quantizer:
    file = io.BytesIO()
    torch.save(quantizer.state_dict(), file)
    file.seek(0)
    other = build(structure, quantizer.options)
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


def by_safetensors(quantizer: Quantizer, structure: str) -> Quantizer:
    other = build(structure, quantizer.options)
    other.load_state_dict(load(save(quantizer.state_dict())))
    return other


COPIES = {
    "state_dict": by_state_dict,
    "torch.save": by_file,
    "safetensors": by_safetensors,
    "deepcopy": lambda quantizer, _: copy.deepcopy(quantizer),
    "pickle": lambda quantizer, _: pickle.loads(pickle.dumps(quantizer)),
}


@pytest.mark.parametrize("structure", STRUCTURES)
@pytest.mark.parametrize("way", COPIES)
def test_a_copy_gives_equal_outputs_and_shares_nothing(structure, way):
    for options in EVERY_OPTION[::4]:
        quantizer = stir_(build(structure, options)).train()
        other = COPIES[way](quantizer, structure).train()
        assert contents(other) == contents(quantizer)
        assert other.options == quantizer.options
        for _ in range(2):
            for one, twin in zip(quantizer(latents(9, 4)), other(latents(9, 4)), strict=True):
                assert torch.equal(one, twin)
        before = contents(quantizer)
        stir_(other, seed=77)
        assert contents(quantizer) == before


@settings(max_examples=150, deadline=None, derandomize=True)
@given(before=OPTIONS, after=OPTIONS, structure=st.sampled_from(STRUCTURES), seed=st.integers(0, 99))
def test_a_switch_that_leaves_a_map_or_norm_keeps_the_codebook_where_it_was(before, after, structure, seed):
    quantizer = stir_(build(structure, before), seed=seed, raw_scale=4.0).train()
    if before.affine == "off":  # a map that is off holds the identity
        for part in quantizer.parts:
            part.affine.reset_()
    quantizer(latents(9, 4))
    shown = [part.codebook().detach().clone() for part in quantizer.parts]
    bytes_before = contents(quantizer)
    rewritten = quantizer.switch_(after)
    for part, was in zip(quantizer.parts, shown, strict=True):
        want = was
        if after.codebook_norm != before.codebook_norm:  # a norm that comes on is what moves
            length = was.norm(dim=1, keepdim=True)
            want = {"none": was, "unit": was / length, "capped": was * (10 / length).clamp_max(1)}[
                after.codebook_norm
            ]
        torch.testing.assert_close(part.codebook().detach(), want, rtol=1e-5, atol=2e-5)
    if not rewritten:
        names = [name for name in bytes_before if not name.endswith("ema_counts")]
        assert all(contents(quantizer)[name] == bytes_before[name] for name in names)


def test_groups_of_a_map_that_is_off_change_nothing():
    quantizer = stir_(build("vector", Options()))
    before = contents(quantizer)
    assert not quantizer.switch_(Options(affine_groups=3))
    assert contents(quantizer) == before


@pytest.mark.parametrize("structure", ["vector", "grouped", "residual"])
def test_moved_codes_have_no_moments_left_in_the_optimizer(structure):
    levels = 1 if structure == "vector" else 2
    plain = default_recipe("plane")
    options = replace(plain.options, replace_every=3)
    trainer = Trainer(replace(plain, structure=structure, levels=levels, num_codes=64, options=options))
    seen = 0
    for _ in range(8):
        trainer.step()
        for part in trainer.quantizer.parts:
            moved = trainer.placed_at[part] == trainer.steps_done
            for moment in trainer.optimizer.state[part.raw_codebook][1:]:
                assert (moment[moved] == 0).all()
            seen += int(moved.sum())
    assert seen > 0


class Loop:
    """A training small enough to save whole: quantizer, optimizer and generator."""

    def __init__(self, structure: str, options: Options) -> None:
        self.quantizer = build(structure, options).train()
        self.optimizer = torch.optim.AdamW(self.quantizer.parameters(), lr=0.01)
        self.generator = torch.Generator().manual_seed(4)

    def step(self) -> None:
        z_e = torch.randn(16, 4, generator=self.generator)
        out, levels = self.quantizer.quantize(z_e)
        self.optimizer.zero_grad()
        loss = out.z_q.square().mean() + out.commitment_loss
        if loss.requires_grad:
            loss.backward()
            self.optimizer.step()
        for level, part in zip(levels, self.quantizer.part_of_level, strict=True):
            ema_update_(self.quantizer.parts[part], level.z_e, level.codes)

    def saved(self) -> bytes:
        file = io.BytesIO()
        parts = {"quantizer": self.quantizer, "optimizer": self.optimizer}
        torch.save({name: p.state_dict() for name, p in parts.items()} | {"rng": self.generator.get_state()}, file)
        return file.getvalue()

    def restore(self, saved: bytes) -> None:
        state = torch.load(io.BytesIO(saved), weights_only=True)
        self.quantizer.load_state_dict(state["quantizer"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.generator.set_state(state["rng"])


@pytest.mark.parametrize("structure", STRUCTURES)
def test_training_goes_on_bit_for_bit_after_saving_and_loading(structure):
    for affine, owner in itertools.product(MAPS, OWNERS):
        options = Options(**affine, **owner, sync=0.5, codebook_norm="capped")
        through, resumed = Loop(structure, options), Loop(structure, options)
        for _ in range(3):
            through.step()
        resumed.restore(through.saved())
        for loop in (through, resumed):
            for _ in range(3):
                loop.step()
        assert contents(resumed.quantizer) == contents(through.quantizer)
