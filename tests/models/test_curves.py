"""The paper's networks, trained as the paper trains, against a plain loop with torch's own optimizer and schedule."""

import copy
import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from vqcore.problems.problem import Split
from vqcore.training.recipe import default_recipe
from vqcore.training.schedule import rates
from vqcore.training.trainer import Trainer

STEPS = 100
PAPER = {
    "adam_beta2": 0.95,
    "weight_decay": 1e-4,
    "learning_rate": 3e-3,
    "warmup_steps": 10,
    "cosine_steps": 90,
    "quantize_from": 20,
    "beta": 0.9,
    "alpha": 5.0,
}
TINY = {
    "vqvae": {"width": 8, "image_size": 8},
    "resnet18": {"width": 4, "image_size": 8},
    "vit": {"width": 32, "image_size": 4},
    "alexnet": {"width": 4, "image_size": 8},
}


def trainer_in_double(problem: str) -> Trainer:
    trainer = Trainer(
        default_recipe(problem, device="cpu", data="digits", num_codes=32, batch_size=4, **TINY[problem], **PAPER)
    )
    trainer.model.double()
    trainer.quantizer.double()
    data, monitor = trainer.train_data, trainer.monitor

    def doubled(part: Split) -> Split:
        targets = part.targets.double() if part.targets.is_floating_point() else part.targets
        return Split(part.inputs.double(), targets, part.labels)

    trainer.train_data, trainer.monitor = doubled(data), doubled(monitor)
    return trainer


def plain_losses(trainer: Trainer) -> list[float]:
    model, data = copy.deepcopy(trainer.model), trainer.train_data
    codebook = nn.Parameter(trainer.quantizer.codebook().detach().clone())
    groups = [
        {"params": model.parameters(), "weight_decay": PAPER["weight_decay"]},
        {"params": [codebook], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=PAPER["learning_rate"], betas=(0.9, PAPER["adam_beta2"]))
    warm, end = PAPER["warmup_steps"], PAPER["cosine_steps"]

    def rate(step: int) -> float:
        if step < warm:
            return (step + 1) / warm
        return (1 + math.cos(math.pi * min(1.0, (step - warm) / (end - warm)))) / 2

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    losses, beta = [], PAPER["beta"]
    for step, index in enumerate(islice(copy.deepcopy(trainer._batches), STEPS)):
        z_e = model.encode(data.inputs[index])
        z_q = F.embedding(torch.cdist(z_e.detach().flatten(0, -2), codebook.detach()).argmin(1), codebook)
        z_q = z_q.view(z_e.shape)
        is_quantized = step >= PAPER["quantize_from"]
        output = model.decode(z_e + (z_q - z_e).detach() if is_quantized else z_e)
        loss = trainer.problem.loss(output, data.targets[index])
        commitment = (1 - beta) * F.mse_loss(z_e, z_q.detach()) + beta * F.mse_loss(z_e.detach(), z_q)
        optimizer.zero_grad()
        (loss + PAPER["alpha"] * commitment if is_quantized else loss).backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


@pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step")
@pytest.mark.parametrize("problem", TINY)
def test_learning_curves_are_those_of_a_plain_loop(problem: str) -> None:
    trainer = trainer_in_double(problem)
    expected = plain_losses(trainer)
    found = []
    for _ in range(STEPS):
        trainer.step()
        found.append(float(trainer._last.task_loss))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert np.ptp(found) > 0.05
    shown = rates(trainer.options, trainer.events, np.arange(1, STEPS + 1))
    assert (shown[0], shown[9], shown[-1]) == pytest.approx((3e-4, 3e-3, 0.0))


def test_a_k_means_start_waits_for_the_step_at_which_quantizing_begins() -> None:
    trainer = Trainer(default_recipe("plane", device="cpu", code_init="kmeans", quantize_from=3))
    drawn = trainer.quantizer.codebook().detach().clone()
    for _ in range(2):
        trainer.step()
    assert torch.equal(trainer.quantizer.codebook(), drawn)
    inputs = trainer.monitor.inputs
    assert torch.equal(trainer.quantizer(trainer.model.encode(inputs)).z_q, trainer.model.encode(inputs))
    trainer.step()
    assert set(trainer.snapshot().placed_at) == {3}
    assert trainer.snapshot().held_out.in_use == trainer.recipe.num_codes
    assert not torch.equal(trainer.quantizer(trainer.model.encode(inputs)).z_q, trainer.model.encode(inputs))


def test_codes_start_where_a_batch_norm_puts_the_latents_in_training() -> None:
    """Before the first step the running moments of a norm are those of nothing."""
    trainer = Trainer(
        default_recipe(
            "vqvae", device="cpu", data="digits", code_init="kmeans", num_codes=64, batch_size=64, **TINY["vqvae"]
        )
    )
    held_out = trainer.snapshot().held_out
    assert held_out.in_use > 32
    assert held_out.relative_error < 0.5
    plain = Trainer(replace(trainer.recipe, code_init="normal"))
    for one, other in zip(trainer.model.parameters(), plain.model.parameters(), strict=True):
        assert torch.equal(one, other)
    trainer.step()
    assert trainer._last.quantization_error < 0.5 * trainer._last.z_e.var(dim=(0, 1, 2)).sum()
