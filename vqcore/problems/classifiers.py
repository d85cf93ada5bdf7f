"""Image classifiers with the quantizer in the middle."""

import torch.nn.functional as F
from torch import nn

from vqcore.problems.datasets import digits_labels
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.options import Options


def _build() -> Model:
    width, dim = 32, 16
    encoder = nn.Sequential(
        nn.Conv2d(1, width, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, dim, 4, stride=2, padding=1),
    )
    decoder = nn.Sequential(
        nn.Conv2d(dim, width, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(width * 16, 10),
    )
    return Model(encoder, decoder, channels_first=True)


DIGITS_CLASSIFIER = Problem(
    name="digits-classifier",
    title="digits classifier",
    about="Handwritten digits classified by a small convolutional network with 4 × 4 codes per image.",
    task="classification",
    loss_name="cross-entropy, nats",
    dim=16,
    num_codes=128,
    batch_size=64,
    options=Options(alpha=5.0, beta=0.9, learning_rate=1e-3),
    load=digits_labels,
    build=_build,
    loss=F.cross_entropy,
    monitor_size=96,
    classes=tuple("0123456789"),
)
