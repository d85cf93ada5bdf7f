"""What a session keeps of a run that was restarted, and for how long."""

import pytest
import torch

from vqcore.training import run as runs
from vqcore.training.commands import RestartCommand, StepCommand, UndoRestartCommand
from vqcore.training.memory import bytes_of
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.trainer import Trainer

SMALL = default_recipe("plane", device="cpu")
SECONDS = 60


def obeyed(session: Session, command: object) -> Session:
    ticket = session.send(command)
    assert session.wait(lambda one: one.status().commands_done >= ticket, SECONDS)
    return session


@pytest.fixture
def clock() -> list[float]:
    return [0.0]


@pytest.fixture
def session(clock: list[float], monkeypatch: pytest.MonkeyPatch):
    """Paused; a run of more than 100 kB is large, and kept for 30 s by `clock`, which the test sets."""
    monkeypatch.setattr(runs, "MOST_BYTES_KEPT", 100_000)
    made = Session(SMALL, paused=True, clock=lambda: clock[0])
    made.start()
    yield made
    made.stop()


def test_storages_count_once_however_many_tensors_share_them() -> None:
    whole = torch.zeros(10, 4)
    assert bytes_of([whole, whole[2:], None, torch.zeros(3, dtype=torch.int64)]) == 160 + 24


def test_a_trainer_counts_at_least_codebook_gradient_and_both_moments() -> None:
    few, many = (Trainer(default_recipe("plane", device="cpu", num_codes=codes)) for codes in (32, 4096))
    for trainer in (few, many):
        trainer.step()
    grown = (4096 - 32) * few.quantizer.codebook().shape[1] * 4
    assert many.nbytes - few.nbytes >= 4 * grown


def test_a_large_run_can_be_brought_back_for_a_while_and_is_then_forgotten(
    session: Session, clock: list[float]
) -> None:
    obeyed(session, RestartCommand(default_recipe("plane", device="cpu", num_codes=4096)))
    obeyed(session, StepCommand())
    obeyed(session, RestartCommand(SMALL))
    assert session.status().can_undo
    obeyed(session, UndoRestartCommand())
    assert session.status().recipe.num_codes == 4096
    obeyed(session, RestartCommand(SMALL))
    clock[0] = runs.LARGE_RUN_SECONDS + 1
    obeyed(session, StepCommand())  # wakes a thread that waits by the real clock
    assert session.wait(lambda one: not one.status().can_undo, SECONDS)
    obeyed(session, UndoRestartCommand())
    assert session.status().message == "There is no restart to take back."
    assert session.status().recipe.num_codes == SMALL.num_codes


def test_a_small_run_is_kept(session: Session, clock: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_BYTES_KEPT", 10**9)
    obeyed(session, RestartCommand(SMALL))
    clock[0] = 10_000.0
    obeyed(session, StepCommand())
    assert session.status().can_undo
