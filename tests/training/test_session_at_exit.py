"""A process ends with the exit code that it was to have, whatever its session does at that moment."""

import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace

import pytest
import torch

from vqcore.problems.catalogue import PROBLEMS
from vqcore.training.recipe import default_recipe
from vqcore.training.session import STOP_SECONDS, Session
from vqcore.training.status import State
from vqcore.training.trainer import StoppedError, Trainer

SECONDS = 60

ENDINGS = {
    "session.stop(0.0)": 0,  # a page gave it up, and the process ends
    "raise SystemExit(3)": 3,
    "os.kill(os.getpid(), signal.SIGINT); threading.Event().wait(60)": -signal.SIGINT,
}

PROCESSES = f"""
import json, os, signal, sys, threading, time, torch
from dataclasses import replace
from vqcore.problems.catalogue import PROBLEMS
from vqcore.problems.plane import PLANE
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session

signal.signal(signal.SIGINT, signal.default_int_handler)  # of a job in the background it is ignored
within_step = threading.Event()

class Slow(torch.autograd.Function):
    @staticmethod
    def forward(ctx, output):
        return output.clone()

    @staticmethod
    def backward(ctx, gradient):
        within_step.set()
        time.sleep({STOP_SECONDS + 0.5})  # within torch: a thread that is there when Python ends aborts the process
        return gradient

PROBLEMS["slow"] = replace(PLANE, name="slow", loss=lambda output, _: Slow.apply(output).sum())

def end_within_a_step(how):
    session = Session(default_recipe("slow"))
    session.start()
    assert within_step.wait(60)
    exec(how)

children = []
for how in {list(ENDINGS)!r}:
    children.append(os.fork())
    if children[-1] == 0:
        end_within_a_step(how)
        sys.exit()
print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="forks, so that torch is loaded once")
def test_a_process_that_ends_within_a_long_step_ends_with_its_own_code():
    done = subprocess.run([sys.executable, "-c", PROCESSES], capture_output=True, text=True, timeout=120, check=True)
    assert dict(zip(ENDINGS, json.loads(done.stdout), strict=True)) == ENDINGS
    assert done.stderr.count("Traceback") == 1  # of the interrupted one
    assert "terminate" not in done.stderr


class Held:
    """A loss within which a step waits until it is let go."""

    def __init__(self) -> None:
        self.within, self.let_go, self.steps = threading.Event(), threading.Event(), 0

    def __call__(self, output: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if torch.is_grad_enabled():  # a step, and not a look at held-out inputs
            self.steps += 1
            self.within.set()
            assert self.let_go.wait(SECONDS)
        return (output - targets).square().mean()


@pytest.fixture
def held(monkeypatch):
    loss = Held()
    monkeypatch.setitem(PROBLEMS, "held", replace(PROBLEMS["plane"], name="held", loss=loss))
    yield loss
    loss.let_go.set()


def test_a_session_told_to_stop_takes_no_step_of_another_variant(held):
    recipe = default_recipe("held")
    session = Session({"first": recipe, "second": recipe})
    session.start()
    assert held.within.wait(SECONDS)
    session.stop(0.0)
    assert session.status().state is not State.STOPPED
    held.let_go.set()
    assert session.wait(lambda s: s.status().state is State.STOPPED, SECONDS)
    assert (session.trained_steps(), held.steps) == (1, 1)
    assert session.latest("first").step == 0


def test_a_k_means_start_is_given_up_where_nobody_waits_for_it():
    recipe, asked = default_recipe("plane", structure="residual", levels=2), []
    trainer = Trainer(recipe, stop=lambda: bool(asked))
    before = trainer.quantizer.parts[0].codebook().detach().clone()
    asked.append("stop")
    with pytest.raises(StoppedError):
        trainer.restart_kmeans()
    assert torch.equal(trainer.quantizer.parts[0].codebook(), before)
    with pytest.raises(StoppedError):
        Trainer(replace(recipe, code_init="kmeans"), stop=lambda: True)
