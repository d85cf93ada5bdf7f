"""How many threads a training computes on is one number for the process, which no other training changes."""

import os
import threading
from dataclasses import replace
from itertools import permutations

import pytest
import torch

from vqcore.problems.catalogue import PROBLEMS
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

SECONDS = 60


@pytest.fixture(autouse=True)
def _many_cores_and_all_in_use(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("first", "second"), [*permutations(("patches", "digits", "plane"), 2)])
def test_a_second_training_leaves_the_thread_count_of_the_first(first, second):
    Trainer(default_recipe(first))
    before = torch.get_num_threads()
    Trainer(default_recipe(second))
    assert torch.get_num_threads() == before


class Counting:
    """A loss that notes on how many threads its step computes."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.grown = threading.Condition()

    def __call__(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with self.grown:
            self.counts.append(torch.get_num_threads())
            self.grown.notify_all()
        return (output - targets).square().mean()

    def wait_for(self, more: int) -> None:
        with self.grown:
            wanted = len(self.counts) + more
            assert self.grown.wait_for(lambda: len(self.counts) >= wanted, SECONDS)


def test_a_session_computes_on_as_many_threads_as_it_began_with(monkeypatch):
    sessions, losses = [], []
    for name in ("plane", "digits"):
        losses.append(Counting())
        monkeypatch.setitem(PROBLEMS, f"counting {name}", replace(PROBLEMS[name], loss=losses[-1]))
        sessions.append(Session(default_recipe(f"counting {name}")))
    try:
        for session, loss in zip(sessions, losses, strict=True):
            session.start()
            loss.wait_for(3)
        losses[0].wait_for(3)
    finally:
        for session in sessions:
            session.stop()
    assert len(set(losses[0].counts + losses[1].counts)) == 1
