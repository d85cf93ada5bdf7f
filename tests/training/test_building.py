"""What is built from a seed is the same to the bit, whatever other threads build, draw or seed meanwhile."""

import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

from vqcore.problems.building import built
from vqcore.problems.catalogue import PROBLEMS
from vqcore.problems.problem import Model
from vqcore.training.recipe import Recipe, default_recipe
from vqcore.training.trainer import Trainer
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

BUILDS = 1_000
RECIPES = [
    default_recipe("plane"),
    default_recipe("plane", seed=3, num_codes=7),
    default_recipe("plane", structure="residual", levels=3),
    default_recipe("plane", seed=1, structure="grouped", levels=2),
]
PATHS = Setting(steps=1, points=2, encoder="mlp", noise=0.1, methods=("STE",))


def bits_of(module: nn.Module) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in module.state_dict().values())


def built_bits(recipe: Recipe) -> bytes:
    trainer = Trainer(recipe)
    return bits_of(trainer.model) + bits_of(trainer.quantizer)


def path_bits() -> bytes:
    return b"".join(path.z_e.tobytes() + path.codebook.tobytes() for path in trajectories(PATHS))


@pytest.fixture
def _threads_often_take_turns():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_threads_often_take_turns")
def test_a_thousand_built_side_by_side_are_each_as_built_alone():
    works: list[Callable[[], bytes]] = [*(partial(built_bits, recipe) for recipe in RECIPES), path_bits]
    alone = [work() for work in works]

    def build(at: int) -> bytes:
        torch.manual_seed(at)  # as a notebook beside may
        return works[at % len(works)]()

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(build, range(BUILDS)))
    assert [at for at, bits in enumerate(found) if bits != alone[at % len(works)]] == []


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_model_is_what_its_seed_gives_and_torchs_own_generator_is_neither_read_nor_moved(name):
    torch.manual_seed(7)
    expected = bits_of(PROBLEMS[name].build())
    torch.manual_seed(8)
    before = torch.get_rng_state()
    assert bits_of(built(PROBLEMS[name], torch.Generator().manual_seed(7))) == expected
    assert torch.equal(torch.get_rng_state(), before)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "convolution": lambda: nn.Conv2d(2, 3, 3),
    "attention": lambda: nn.TransformerEncoderLayer(8, 2, 16),
    "recurrent": lambda: nn.LSTM(3, 4),
    "embedding": lambda: nn.Embedding(4, 5),
    "batch norm": lambda: nn.BatchNorm2d(3),
    "truncated": lambda: held(nn.init.trunc_normal_(torch.empty(3, 3))),
    "orthogonal": lambda: held(nn.init.orthogonal_(torch.empty(3, 3))),
    "kaiming": lambda: held(nn.init.kaiming_normal_(torch.empty(3, 3))),
    "drawn": lambda: held(torch.stack([torch.rand(6), torch.randn(6), torch.randn_like(torch.ones(6))])),
}


def held(tensor: torch.Tensor) -> nn.Module:
    return nn.ParameterList([tensor])


@pytest.mark.parametrize("kind", LAYERS)
def test_any_kind_of_layer_draws_from_the_given_generator(kind):
    def build() -> Model:
        return Model(LAYERS[kind](), nn.Identity(), channels_first=False)

    problem, before = replace(PROBLEMS["plane"], build=build), torch.get_rng_state()
    first, again = (bits_of(built(problem, torch.Generator().manual_seed(5))) for _ in range(2))
    assert first == again
    assert torch.equal(torch.get_rng_state(), before)


def test_training_replacing_forking_and_paths_leave_torchs_own_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trainer = Trainer(default_recipe("digits", code_init="kmeans", replace_every=1, batch_size=8))
    trainer.step()
    trainer.replace_now()
    trainer.restart_kmeans()
    trainer.fork("fork").step()
    trainer.snapshots()
    trainer.evaluate()
    trajectories(PATHS)
    assert torch.equal(torch.get_rng_state(), before)
