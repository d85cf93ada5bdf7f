"""A fork is the same training twice, until a switch is thrown in one of them."""

from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
import torch

from vqcore.training.batches import ShuffledBatches
from vqcore.training.commands import (
    EndVariantCommand,
    PauseCommand,
    RestartCommand,
    ResumeCommand,
    StepCommand,
    UndoRestartCommand,
    change,
    fork,
)
from vqcore.training.one_variant import OneVariant
from vqcore.training.recipe import default_recipe
from vqcore.training.run import MOST_VARIANTS
from vqcore.training.session import Session
from vqcore.training.status import State
from vqcore.training.trainer import Trainer

SECONDS = 60
BEFORE, TOGETHER = 23, 100
"""Steps before the fork and after it. 16 batches are one pass over the plane's points: several orders are drawn."""

LIVELY = default_recipe(
    "plane",
    device="cpu",
    affine="running",
    inner_steps=1,
    inner_lr=2.0,
    inner_momentum=0.9,
    sync=0.5,
    replace_every=7,
    beta=0.5,
)
"""Every part that a copy could forget: moments of P, AdamW's, velocities, replacement's random numbers."""

RECIPES = {
    "lively": LIVELY,
    "ema": default_recipe("plane", device="cpu", codebook_update="ema", replace_every=5),
    "learned": default_recipe("plane", device="cpu", affine="learned", replace_every=9, replace_onto="far"),
    "digits": default_recipe("digits", device="cpu", structure="residual", levels=2, replace_every=5),
}


def trained(recipe, steps):
    trainer = Trainer(recipe)
    for _ in range(steps):
        trainer.step()
    return trainer


def weights(trainer):
    return {**trainer.model.state_dict(), **trainer.quantizer.state_dict(prefix="quantizer.")}


def same(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def differing(one, other):
    """Names of the snapshot's parts that are not the same to the bit."""
    found = []
    for field in fields(one):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        if field.name == "history":
            mine, theirs = ({"at": h.step, **h.losses, **h.measured} for h in (mine, theirs))
        pairs = [(mine[key], theirs[key]) for key in mine] if isinstance(mine, dict) else [(mine, theirs)]
        arrays = [pair for pair in pairs if isinstance(pair[0], np.ndarray)]
        if not all(np.array_equal(*pair) for pair in arrays) or (not arrays and str(mine) != str(theirs)):
            found.append(field.name)
    return found


@pytest.mark.parametrize("name", RECIPES)
def test_parent_and_unchanged_fork_stay_bit_identical_for_a_hundred_steps(name):
    parent = trained(RECIPES[name], BEFORE)
    twin = parent.fork("twin")
    assert differing(parent.snapshot(), twin.snapshot()) == ["variant"]
    for _ in range(TOGETHER if name != "digits" else 12):
        parent.step()
        twin.step()
        assert same(weights(parent), weights(twin))
    assert differing(parent.snapshot(), twin.snapshot()) == ["variant"]
    assert parent.evaluate() == twin.evaluate()


def test_forking_leaves_no_trace_in_the_parent():
    parent, alone = trained(LIVELY, BEFORE), trained(LIVELY, BEFORE)
    for _ in range(20):
        parent.fork("other").step()
        parent.step()
        alone.step()
    assert differing(parent.snapshot(), alone.snapshot()) == []
    assert same(weights(parent), weights(alone))


@pytest.mark.parametrize("changes", [{"sync": 2.0}, {"affine": "off"}, {"learning_rate": 1e-2}, {"beta": 0.9}])
def test_with_one_switch_changed_they_part_at_exactly_that_step(changes):
    parent = trained(LIVELY, BEFORE)
    twin = parent.fork("twin")
    for _ in range(9):
        parent.step()
        twin.step()
    assert same(weights(parent), weights(twin))
    twin.apply(changes)
    losses = [trainer.snapshot().history.losses["task_loss"] for trainer in (parent, twin)]
    assert np.array_equal(*losses)
    parent.step()
    twin.step()
    assert not same(weights(parent), weights(twin))
    assert [event.step for event in twin.events] == [BEFORE + 9]
    assert parent.events == ()


def stepped(session, command):
    ticket = session.send(command)
    assert session.wait(lambda s: s.status().commands_done >= ticket, SECONDS), session.status()


def step_of(session, variant):
    return session.latest(variant).step


@pytest.fixture
def session():
    session = Session(LIVELY, paused=True)
    session.start()
    for _ in range(3):
        stepped(session, StepCommand())
    yield session
    session.stop()


def test_a_session_steps_parent_and_fork_in_lockstep(session):
    stepped(session, fork("same"))
    stepped(session, fork("plain", variant="same", affine="off"))
    assert session.status().variants == ("main", "same", "plain")
    for _ in range(2):
        stepped(session, StepCommand())
    main, twin, plain = (session.latest(name) for name in session.status().variants)
    assert main.step == twin.step == plain.step == 5
    assert differing(main, twin) == ["variant"]
    assert plain.events[-1].changes == (("affine", "off"),)
    assert plain.events[-1].step == 3
    assert not np.array_equal(main.codebook, plain.codebook)


@pytest.mark.parametrize(
    ("command", "named"),
    [
        (fork("main"), "'main'"),
        (fork(""), "''"),
        (fork("b", variant="nobody"), "'nobody'"),
        (fork("b", sync=-1.0), "`sync`"),
        (fork("b", nonsense=1), "`nonsense`"),
    ],
)
def test_a_refused_fork_is_said_and_adds_nothing(session, command, named):
    stepped(session, command)
    assert named in session.status().message
    assert session.status().variants == ("main",)
    assert session.latest("b") is None


def test_there_is_a_most_of_variants(session):
    for order in range(MOST_VARIANTS):
        stepped(session, fork(f"fork {order}"))
    assert str(MOST_VARIANTS) in session.status().message
    assert len(session.status().variants) == MOST_VARIANTS


def test_a_restart_ends_the_forks_and_taking_it_back_brings_them_again(session):
    stepped(session, fork("same"))
    stepped(session, RestartCommand(LIVELY))
    assert session.status().variants == ("main",)
    assert session.latest("same") is None
    stepped(session, UndoRestartCommand())
    assert session.status().variants == ("main", "same")
    assert session.latest("same").step == 3


def test_a_fork_can_be_ended_and_the_others_go_on(session):
    stepped(session, fork("a"))
    stepped(session, fork("b", sync=2.0))
    stepped(session, EndVariantCommand("a"))
    assert session.status().variants == ("main", "b")
    assert [recipe.options.sync for recipe in session.status().recipes] == [0.5, 2.0]
    assert session.latest("a") is None
    stepped(session, StepCommand())
    assert session.latest("b").step == session.latest().step == 4
    for name in ("main", "a", "nobody"):
        stepped(session, EndVariantCommand(name))
        assert repr(name) in session.status().message
    assert session.status().variants == ("main", "b")


def test_a_fork_has_the_past_of_its_parent(session):
    stepped(session, fork("plain", affine="off"))
    stepped(session, StepCommand())
    assert session.at(2, "plain").step == session.at(2).step == 2
    assert session.at(2, "plain").variant == "plain"
    assert np.array_equal(session.at(2, "plain").codebook, session.at(2).codebook)
    assert not np.array_equal(session.at(4, "plain").codebook, session.at(4).codebook)
    assert session.at(4, "plain").history.losses["task_loss"].shape == (4,)


def test_all_variants_can_begin_again_each_from_its_own_recipe(session):
    stepped(session, fork("plain", affine="off"))
    recipes = dict(zip(session.status().variants, session.status().recipes, strict=True))
    stepped(session, RestartCommand(recipes))
    assert session.status().variants == ("main", "plain")
    assert [recipe.options.affine for recipe in session.status().recipes] == ["running", "off"]
    assert session.latest("plain").step == 0
    stepped(session, RestartCommand(LIVELY))
    assert session.status().variants == ("main",)


def test_a_fork_that_breaks_stops_alone_and_the_others_go_on_in_lockstep(session):
    stepped(session, fork("wild", learning_rate=1e9))
    stepped(session, fork("calm"))
    stepped(session, ResumeCommand())
    assert session.wait(lambda s: s.status().broken, SECONDS)
    stood = session.latest("wild").step
    reached = session.trained_steps()
    assert session.wait(lambda s: step_of(s, "main") > reached, SECONDS)
    stepped(session, PauseCommand())
    (broken,) = session.status().broken
    assert (broken.variant, session.status().state, session.status().message) == ("wild", State.PAUSED, "")
    assert stood == session.latest("wild").step < broken.step <= session.latest().step
    assert np.isfinite(session.latest("wild").z_e).all()
    assert session.latest().step == session.latest("calm").step
    assert differing(session.latest(), session.latest("calm")) == ["variant"]
    seen = OneVariant(session, "wild")
    assert (seen.status().state, seen.moments()[-1].step) == (State.BROKEN, stood)
    assert seen.status().message.startswith(broken.reason)
    stepped(session, fork("wilder", variant="wild"))
    assert "wild broke at step" in session.status().message
    stepped(session, EndVariantCommand("wild"))
    assert session.status().broken == ()
    stepped(session, StepCommand())
    assert session.latest().step == session.latest("calm").step


def test_the_first_may_break_and_a_fork_trains_on_until_the_last_breaks(session):
    stepped(session, fork("calm"))
    stepped(session, change(learning_rate=1e9))
    stepped(session, ResumeCommand())
    assert session.wait(lambda s: s.status().broken, SECONDS)
    reached = session.trained_steps()
    assert session.wait(lambda s: step_of(s, "calm") > reached + 3, SECONDS)
    assert session.moments()[-1].step == session.latest("calm").step > session.latest().step
    stepped(session, change("calm", learning_rate=1e9))
    assert session.wait(lambda s: s.status().state is State.BROKEN, SECONDS)
    assert [broken.variant for broken in session.status().broken] == ["main", "calm"]
    assert [broken.variant for broken in session.together().broken] == ["main", "calm"]
    assert "of calm became NaN or infinite at step" in session.status().message
    stepped(session, StepCommand())
    assert session.status().state is State.BROKEN


def test_every_pass_over_the_inputs_has_an_order_of_its_own_and_a_short_rest_is_left_out():
    batches = ShuffledBatches(10, 4, seed=1, device=torch.device("cpu"))
    passes = [torch.cat([next(batches), next(batches)]) for _ in range(5)]
    assert all(len(set(each.tolist())) == 8 for each in passes)
    assert not any(torch.equal(*pair) for pair in pairwise(passes))
    expected = torch.randperm(10, generator=torch.Generator().manual_seed(1))[:8]
    assert torch.equal(passes[0], expected)
