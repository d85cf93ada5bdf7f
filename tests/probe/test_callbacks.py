"""Callbacks record what calls by hand would.

With accumulated gradients, and where a training dies: transformers' own CallbackHandler runs its callback, and small
stand-ins call the hooks of Lightning and accelerate. Their own trainers run in test_real_trainers.py.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn
from transformers.trainer_callback import CallbackHandler, TrainerCallback, TrainerControl, TrainerState

import vqcore
from vqcore.nn import VectorQuant
from vqcore.runs.reading import Run, load_run

STEPS, PARTS = 12, 2
"""Optimizer steps, and batches whose gradients are accumulated in each."""


class Training:
    """A loop with accumulated gradients; `hooks` are called as a library would."""

    def __init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Sequential(nn.Linear(6, 4), VectorQuant(4, 16))
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.1)
        self.global_step = 0

    def run(self, after_batch: Callable[..., None], after_step: Callable[..., None]) -> None:
        for step in range(STEPS):
            for part in range(PARTS):
                z, extra = self.model(torch.randn(32, 6))
                loss = z.square().mean() + extra["loss"].mean()
                loss.backward()
                if part == PARTS - 1:
                    self.optimizer.step()
                    self.optimizer.zero_grad()
                    self.global_step += 1
                after_batch(loss)
            after_step(step, loss)


def by_hand(folder: Path) -> Run:
    training = Training()
    with vqcore.watch(training.model, every=5, out=folder) as probe:
        training.run(lambda loss: None, lambda step, loss: probe.step(step, loss=loss))
    return load_run(folder)


def numbers(run: Run, *, loss: bool = True) -> list[tuple[Any, ...]]:
    return [(line["step"], line["codebooks"], line["loss"] if loss else None) for line in run.lines]


@pytest.fixture
def expected(tmp_path: Path) -> Run:
    return by_hand(tmp_path / "by-hand")


class LightningCallback:
    """What Lightning's Trainer asks of a callback: to be of its class."""


@pytest.fixture
def lightning(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("lightning.pytorch")
    module.Callback = LightningCallback
    monkeypatch.setitem(sys.modules, "lightning.pytorch", module)


def test_lightning(lightning, expected, tmp_path):
    training, callback = Training(), vqcore.lightning_callback(every=5, out=tmp_path / "run")
    assert isinstance(callback, LightningCallback)
    callback.setup(training, training.model, "fit")
    training.accumulate_grad_batches = PARTS  # Lightning hands the loss on as it is accumulated
    training.run(
        lambda loss: callback.on_train_batch_end(training, training.model, {"loss": loss / PARTS}, None, 0),
        lambda *_: None,
    )
    callback.teardown(training, training.model, "fit")
    run = load_run(tmp_path / "run")
    assert (numbers(run), run.state) == (numbers(expected), "finished")


def test_lightning_tells_what_ended_the_training(lightning, tmp_path):
    training, callback = Training(), vqcore.lightning_callback(every=5, out=tmp_path / "run")
    callback.setup(training, training.model, "validate")
    assert callback.probe is None
    callback.setup(training, training.model, "fit")
    callback.on_train_batch_end(training, training.model, torch.ones(()), None, 0)
    callback.on_exception(training, training.model, KeyboardInterrupt())
    callback.teardown(training, training.model, "fit")
    run = load_run(tmp_path / "run")
    assert (run.state, run.ending) == ("died", "KeyboardInterrupt")


def test_transformers(expected, tmp_path):
    training, callback = Training(), vqcore.transformers_callback(every=5, out=tmp_path / "run")
    assert isinstance(callback, TrainerCallback)
    handler = CallbackHandler([callback], training.model, None, training.optimizer, None)
    args, state, control = SimpleNamespace(), TrainerState(), TrainerControl()

    def after_step(step: int, loss: torch.Tensor) -> None:
        state.global_step = step + 1
        handler.on_log(args, state, control, {"loss": loss.item(), "epoch": 1})
        handler.on_step_end(args, state, control)

    handler.on_init_end(args, state, control)
    handler.on_train_begin(args, state, control)
    training.run(lambda loss: None, after_step)
    handler.on_train_end(args, state, control)
    run = load_run(tmp_path / "run")
    assert (numbers(run), run.state) == (numbers(expected), "finished")


def test_accelerate(expected, tmp_path, monkeypatch):
    module = ModuleType("accelerate.tracking")
    module.GeneralTracker = type("GeneralTracker", (), {})
    monkeypatch.setitem(sys.modules, "accelerate.tracking", module)
    training = Training()
    tracker = vqcore.accelerate_tracker(training.model, training.optimizer, every=5, out=tmp_path / "run")
    assert isinstance(tracker, module.GeneralTracker)
    assert all(hasattr(tracker, name) for name in ("name", "requires_logging_directory", "tracker"))
    tracker.store_init_configuration({})
    training.run(lambda loss: tracker.log({"loss": loss.detach(), "note": "text"}, step=0), lambda *_: None)
    tracker.finish()
    run = load_run(tmp_path / "run")
    assert (numbers(run, loss=False), run.state) == (numbers(expected, loss=False), "finished")
    assert run.curve("loss")[0].tolist() == [0, 5, 10]
    with pytest.raises(KeyError):
        run.curve("note")


def test_without_its_library_a_callback_is_silent(tmp_path, monkeypatch):
    for name in ("lightning.pytorch", "pytorch_lightning", "transformers"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for make in (vqcore.lightning_callback, vqcore.transformers_callback):
        callback = make(out=tmp_path / "run")
        assert callback.on_epoch_begin(1, 2, model=None) is None
        with pytest.raises(AttributeError):
            callback.no_event  # noqa: B018
    assert not (tmp_path / "run").exists()
