"""Whole images: what a picture says, that only a look at it costs anything, and that it leaves training as it is."""

import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from vqcore.problems.datasets import HELD_OUT_COLUMNS, _photographs, held_out_strips
from vqcore.training.commands import PauseCommand, StepCommand, UntilCommand, fork
from vqcore.training.experiment_plan import ExperimentPlan
from vqcore.training.recipe import default_recipe
from vqcore.training.session import Session
from vqcore.training.timeline import Timeline
from vqcore.training.trainer import Trainer

SECONDS = 60
RECIPE = default_recipe("patches", device="cpu", num_codes=32, batch_size=4)


def trained(steps: int = 3, problem: str = "patches", **changes) -> Trainer:
    subject = Trainer(default_recipe(problem, device="cpu", num_codes=32, batch_size=4, **changes))
    for _ in range(steps):
        subject.step()
    return subject


def reach(session, until):
    assert session.wait(until, SECONDS), session.status()


@pytest.mark.parametrize(
    "changes",
    [{}, {"structure": "grouped", "levels": 2}, {"structure": "residual", "levels": 3}, {"problem": "vqvae"}],
)
def test_a_picture_is_what_the_network_makes_of_the_whole_images(changes):
    subject, images = trained(**changes), held_out_strips()
    with torch.no_grad():
        z_e = subject.model.eval().encode(images)
        quantized, levels = subject.quantizer.eval().quantize(z_e)
        outputs = subject.model.decode(quantized.z_q).numpy()
    pictures = subject.pictures()
    assert len(pictures) == len(levels) == changes.get("levels", 1)
    for picture, level in zip(pictures, levels, strict=True):
        assert np.abs(picture.outputs / 127.5 - 1 - outputs.clip(-1, 1).transpose(0, 2, 3, 1)).max() <= 0.5 / 127.4
        assert np.array_equal(picture.codes, level.codes.reshape(2, 48, 32))
        assert np.abs(picture.z_e.reshape(level.z_e.shape) - level.z_e.numpy()).max() < 0.01
        assert picture.step == 3


def test_the_images_are_held_out():
    for image, photo in zip(held_out_strips(), _photographs(), strict=True):
        pixels = ((image + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
        strip = photo[:, HELD_OUT_COLUMNS.start : HELD_OUT_COLUMNS.stop]
        assert any(np.array_equal(strip[top : top + len(pixels)], pixels) for top in range(len(strip) - len(pixels)))


def test_taking_pictures_changes_nothing_of_the_training():
    watched, alone = trained(0, affine="running", replace_every=3), trained(0, affine="running", replace_every=3)
    for _ in range(8):
        for subject in (watched, alone):
            subject.step()
        watched.pictures()
    for one, other in zip(watched.model.state_dict().values(), alone.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)
    for one, other in zip(
        watched.quantizer.state_dict().values(), alone.quantizer.state_dict().values(), strict=True
    ):
        assert torch.equal(one, other)
    assert watched._generator.get_state().equal(alone._generator.get_state())
    assert watched.model.training == alone.model.training


def curves_of(*, looks: bool) -> dict[str, np.ndarray]:
    session = Session(RECIPE, paused=True)
    session.start()
    session.send(UntilCommand(40))
    try:
        ends = time.monotonic() + SECONDS
        while session.trained_steps() < 40 and time.monotonic() < ends:
            if looks:
                session.latest()
                session.want_picture()
            time.sleep(0.01)
        reach(session, lambda s: s.latest().step == 40)
        seen = session.latest()
        assert (seen.picture is not None) == looks
        return dict(seen.history.losses)
    finally:
        session.stop()


def test_curves_are_bit_identical_whether_or_not_somebody_looks_at_the_picture():
    seen, unseen = curves_of(looks=True), curves_of(looks=False)
    assert len(seen["task_loss"]) == 40
    for name, column in seen.items():
        assert np.array_equal(column, unseen[name]), name


def test_of_a_paused_session_a_look_gives_the_picture_of_each_step_and_of_each_variant():
    session = Session(RECIPE, paused=True)
    session.start()
    try:
        reach(session, lambda s: s.latest() is not None)
        assert session.latest().picture is None
        for step in range(3):
            session.want_picture()
            reach(session, lambda s, step=step: s.latest().picture is not None and s.latest().picture.step == step)
            session.send(StepCommand())
            reach(session, lambda s, step=step: s.latest().step == step + 1)
        session.send(fork("twin"), PauseCommand())
        session.want_picture()
        reach(session, lambda s: len(s.latest_of_all()) == 2 and s.latest("twin").picture is not None)
        assert np.array_equal(session.latest("twin").picture.outputs, session.latest().picture.outputs)
        for step in range(3):
            assert session.at(step).picture.step == step
    finally:
        session.stop()


def test_the_timeline_counts_what_its_pictures_take():
    subject, bare, pictured = trained(0), Timeline(), Timeline()
    (snapshot,), (picture,) = subject.snapshots(), subject.pictures()
    bare.keep({"main": (snapshot,)})
    pictured.keep({"main": (replace(snapshot, picture=picture),)})
    assert pictured.nbytes - bare.nbytes == sum(array.nbytes for array in picture.arrays) < 600_000


def test_a_training_that_is_to_pause_itself_keeps_a_picture_of_how_it_began():
    session = Session(RECIPE, paused=True, plan=ExperimentPlan(pause_at=3, steps=2))
    session.start()
    try:
        reach(session, lambda s: s.latest() is not None)
        assert session.latest().picture.step == session.latest().step == 0
    finally:
        session.stop()
