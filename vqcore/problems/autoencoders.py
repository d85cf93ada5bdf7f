"""Convolutional VQ autoencoders: colour patches of photographs, and handwritten digits."""

import torch.nn.functional as F
from torch import nn

from vqcore.problems.datasets import PHOTOGRAPHS_CREDIT, PHOTOGRAPHS_SOURCES, digits_images, held_out_strips, patches
from vqcore.problems.problem import Model, Problem
from vqcore.quantizer.options import Options


def _build_patches() -> Model:
    width, dim = 32, 32
    encoder = nn.Sequential(
        nn.Conv2d(3, width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, dim, 3, padding=1),
    )
    decoder = nn.Sequential(
        nn.Conv2d(dim, width, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1),
    )
    return Model(encoder, decoder, channels_first=True)


def _build_digits() -> Model:
    width, dim = 32, 16
    encoder = nn.Sequential(
        nn.Conv2d(1, width, 4, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(width, dim, 3, padding=1),
    )
    decoder = nn.Sequential(
        nn.Conv2d(dim, width, 3, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(width, 1, 4, stride=2, padding=1),
    )
    return Model(encoder, decoder, channels_first=True)


PATCHES = Problem(
    name="patches",
    title="photographs, 32 × 32",
    about="Colour patches of two photographs through a convolutional autoencoder with 8 × 8 codes per image.",
    task="reconstruction",
    loss_name="mean squared error, pixels in ±1",
    dim=32,
    num_codes=512,
    batch_size=64,
    options=Options(alpha=5.0, beta=0.9, learning_rate=1e-3),
    load=patches,
    build=_build_patches,
    loss=F.mse_loss,
    monitor_size=24,
    classes=("temple", "flower"),
    whole=held_out_strips,
    credit=PHOTOGRAPHS_CREDIT,
    sources=PHOTOGRAPHS_SOURCES,
)

DIGITS = Problem(
    name="digits",
    title="handwritten digits, 8 × 8",
    about="Handwritten digits through a small convolutional autoencoder with 4 × 4 codes per image.",
    task="reconstruction",
    loss_name="mean squared error, pixels in ±1",
    dim=16,
    num_codes=128,
    batch_size=64,
    options=Options(alpha=5.0, beta=0.9, learning_rate=1e-3),
    load=digits_images,
    build=_build_digits,
    loss=F.mse_loss,
    monitor_size=96,
    classes=tuple("0123456789"),
)
