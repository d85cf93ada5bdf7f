"""A codebook that an EMA and the synchronized update both move, against a loop written here in float64."""

import copy
from itertools import islice

import numpy as np
import pytest
import torch
from torch import nn

from vqcore.problems.problem import Split
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

STEPS = 30


def in_double(trainer: Trainer) -> None:
    trainer.model.double()
    trainer.quantizer.double()
    trainer.train_data, trainer.monitor = doubled(trainer.train_data), doubled(trainer.monitor)


def doubled(data: Split) -> Split:
    return Split(data.inputs.double(), data.targets.double(), data.labels)


def test_the_moving_average_goes_on_from_where_the_task_gradient_put_a_code():
    trainer = Trainer(default_recipe("plane", codebook_update="ema", sync=0.5, ema_decay=0.9))
    in_double(trainer)
    options, model = trainer.options, copy.deepcopy(trainer.model)
    codebook = nn.Parameter(trainer.quantizer.codebook().detach().clone())
    groups = [
        {"params": model.parameters(), "weight_decay": options.weight_decay},
        {"params": [codebook], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=options.learning_rate)
    counts = torch.ones(len(codebook), dtype=torch.float64)
    for batch in islice(copy.deepcopy(trainer._batches), STEPS):
        z_e = model.encode(trainer.train_data.inputs[batch])
        codes = torch.cdist(z_e.detach(), codebook.detach()).argmin(1)
        z_q = codebook[codes]
        seen = z_e + (z_q - z_e).detach() + options.sync * (z_q - z_q.detach())
        loss = trainer.problem.loss(model.decode(seen), trainer.train_data.targets[batch])
        optimizer.zero_grad()
        (loss + options.alpha * (1 - options.beta) * (z_e - z_q.detach()).square().mean()).backward()
        optimizer.step()
        with torch.no_grad():
            used = torch.bincount(codes, minlength=len(codebook)).double()
            sums = options.ema_decay * counts[:, None] * codebook  # m = n·c of where the code is now
            sums.index_add_(0, codes, (1 - options.ema_decay) * z_e)
            counts = options.ema_decay * counts + (1 - options.ema_decay) * used
            codebook.copy_(torch.where(used[:, None] > 0, sums / counts[:, None], codebook))
        trainer.step()
        np.testing.assert_allclose(trainer.quantizer.codebook().detach(), codebook.detach(), rtol=0, atol=1e-12)
        assert float(trainer._last.task_loss) == pytest.approx(loss.item(), rel=1e-12)


def sums_kept_apart(trainer: Trainer, sync: float) -> list[float]:
    """Losses of a loop in which an EMA keeps n and m as the paper has them, whatever else moves a code."""
    options, model = trainer.options, copy.deepcopy(trainer.model)
    codebook = nn.Parameter(trainer.quantizer.codebook().detach().clone())
    optimizer = torch.optim.AdamW(
        [
            {"params": model.parameters(), "weight_decay": options.weight_decay},
            {"params": [codebook], "weight_decay": 0.0},
        ],
        lr=options.learning_rate,
    )
    counts, sums, losses = torch.ones(len(codebook), dtype=torch.float64), codebook.detach().clone(), []
    for batch in islice(copy.deepcopy(trainer._batches), STEPS):
        z_e = model.encode(trainer.train_data.inputs[batch])
        codes = torch.cdist(z_e.detach(), codebook.detach()).argmin(1)
        z_q = codebook[codes]
        seen = z_e + (z_q - z_e).detach() + sync * (z_q - z_q.detach())
        loss = trainer.problem.loss(model.decode(seen), trainer.train_data.targets[batch])
        optimizer.zero_grad()
        (loss + options.alpha * (1 - options.beta) * (z_e - z_q.detach()).square().mean()).backward()
        optimizer.step()
        with torch.no_grad():
            counts = options.ema_decay * counts
            counts += (1 - options.ema_decay) * torch.bincount(codes, minlength=len(codebook)).double()
            sums = (options.ema_decay * sums).index_add(0, codes, (1 - options.ema_decay) * z_e)
            codebook.copy_(sums / counts[:, None])
        losses.append(loss.item())
    return losses


def test_sums_that_are_kept_apart_undo_all_that_the_synchronized_update_moves():
    """Why a loop after the book differs from ours under sync from the second step on: there sync does nothing."""
    trainer = Trainer(default_recipe("plane", codebook_update="ema", sync=0.5, ema_decay=0.9))
    in_double(trainer)
    apart, without = sums_kept_apart(trainer, 0.5), sums_kept_apart(trainer, 0.0)
    assert apart == without
    ours = []
    for _ in range(STEPS):
        trainer.step()
        ours.append(float(trainer._last.task_loss))
    assert ours[0] == pytest.approx(apart[0], rel=1e-12)
    assert abs(ours[1] / apart[1] - 1) > 1e-3
