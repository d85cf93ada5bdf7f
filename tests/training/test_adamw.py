"""Our AdamW against torch's own class."""

import subprocess
import sys

import torch

from vqcore.training.adamw import AdamW


def parameters() -> list[torch.nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((4, 3), (7,), (2, 2, 2))]


def test_its_steps_are_torchs_bit_for_bit():
    ours, theirs = parameters(), parameters()
    own = AdamW([(ours[:2], 0.01), (ours[2:], 0.0)], learning_rate=3e-3)
    reference = torch.optim.AdamW(
        [{"params": theirs[:2], "weight_decay": 0.01}, {"params": theirs[2:], "weight_decay": 0.0}], lr=3e-3
    )
    generator = torch.Generator().manual_seed(1)
    for step in range(60):
        if step == 30:
            own.learning_rate = 1e-3
            for group in reference.param_groups:
                group["lr"] = 1e-3
        own.zero_grad()
        reference.zero_grad()
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.randn(one.shape, generator=generator)
            if (step + index) % 3:  # one without a gradient stays, its moments too
                one.grad, other.grad = gradient, gradient.clone()
        own.step()
        reference.step()
        assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))


def test_what_is_forgotten_begins_again_and_the_rest_goes_on():
    (parameter, *_) = parameters()
    optimizer = AdamW([([parameter], 0.0)], learning_rate=1e-3)
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    optimizer.forget(parameter, torch.tensor([True, False, False, True]))
    moments = optimizer.state[parameter]
    assert (moments.exp_avg != 0).any(1).tolist() == [False, True, True, False]
    assert (moments.exp_avg_sq != 0).any(1).tolist() == [False, True, True, False]
    optimizer.forget(parameter)
    assert parameter not in optimizer.state


def test_a_training_loads_no_compiler():
    """Its two seconds would stand between a person and the first chart."""
    script = (
        "import sys\n"
        "from vqcore.training.recipe import default_recipe\n"
        "from vqcore.training.trainer import Trainer\n"
        "trainer = Trainer(default_recipe('digits', replace_every=1))\n"
        "trainer.step(), trainer.snapshots(), trainer.evaluate()\n"
        "assert 'torch._dynamo' not in sys.modules\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
