"""The paper's networks as problems: any of them with any images."""

import math
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vqcore.data.built_in import BUILT_IN
from vqcore.data.loading import check_classes, images_of, load
from vqcore.data.opening import known_images
from vqcore.models.alexnet import ALEXNET
from vqcore.models.architecture import Architecture, Shape
from vqcore.models.resnet import RESNET18
from vqcore.models.vit import VIT
from vqcore.models.vqvae import VQVAE
from vqcore.problems.datasets import PHOTOGRAPHS_CREDIT, PHOTOGRAPHS_SOURCES, held_out_strips
from vqcore.problems.problem import Model, Problem, Task
from vqcore.quantizer.options import Options

OWN = "own"
"""The value of a setting that leaves the choice to the problem."""

NETWORKS = {"vqvae": VQVAE, "alexnet": ALEXNET, "resnet18": RESNET18, "vit": VIT}
"""By the name of the problem."""

OWN_DATA = {"vqvae": "photos", "alexnet": "digits", "resnet18": "digits", "vit": "digits"}


_WHOLE_PHOTOGRAPHS: dict[str, Any] = {
    "whole": held_out_strips,
    "credit": PHOTOGRAPHS_CREDIT,
    "sources": PHOTOGRAPHS_SOURCES,
}
"""What a fully convolutional network can be shown of the built-in photographs."""

_NOTHING_WHOLE: dict[str, Any] = {"whole": None, "credit": "", "sources": ""}


def chosen(
    problem: Problem, *, data: str = OWN, image_size: int = 0, width: int = 0, quantize_at: str = OWN
) -> Problem:
    """`problem` with other images, at another size, with another width, or quantized at another place.

    Reads no file: images are opened by what the problem loads and builds.

    Raises:
        ValueError: for what its network cannot be built for, or for any choice where it leaves none.
    """
    if problem.name not in NETWORKS:
        _refuse_choices(problem, {"data": data, "image_size": image_size, "width": width, "quantize_at": quantize_at})
        return problem
    network = NETWORKS[problem.name]
    data = OWN_DATA[problem.name] if data == OWN else data
    size, width = image_size or network.size, width or network.width
    place = network.place if quantize_at == OWN else quantize_at
    network.check(problem.name, size, width, place)
    opened = known_images(data)
    return replace(
        problem,
        dim=network.dim(width, place),
        load=partial(load, data, size, problem.task),
        build=partial(_build, network, problem.task, data, size, width, place),
        classes=BUILT_IN.get(data, opened.classes if opened else ()),
        **_WHOLE_PHOTOGRAPHS if (problem.name, data) == ("vqvae", "photos") else _NOTHING_WHOLE,
    )


def description(model: Model, inputs: Tensor, num_codes: int | None = None) -> str:
    """Parameters, K if given, D and tokens an image, in words, for inputs (B, …) of which the first is looked at."""
    was = model.training
    with torch.no_grad():
        *grid, dim = model.eval().encode(inputs[:1]).shape[1:]
    model.train(was)
    tokens = f"{' × '.join(f'{side:,}' for side in grid) or 1} token{'s' * (math.prod(grid) > 1)}"
    parameters = sum(parameter.numel() for parameter in model.parameters())
    codes = "" if num_codes is None else f"K = {num_codes:,} · "
    return f"{parameters:,} parameters · {codes}D = {dim:,} · {tokens}"


def _refuse_choices(problem: Problem, choices: dict[str, object]) -> None:
    for name, value in choices.items():
        if value not in (OWN, 0):
            raise ValueError(
                f"`{name}` can be chosen for {', '.join(NETWORKS)}, and {problem.name} has its own, but got "
                f"{value!r}."
            )


def _build(network: Architecture, task: Task, data: str, size: int, width: int, place: str) -> Model:
    images = images_of(data, size)
    if task == "classification":
        check_classes(images)
    classes = len(images.classes) if task == "classification" else 0
    return network.build(Shape(channels=images.channels, size=size, classes=classes, width=width, place=place))


_PAPER = Options(alpha=5.0, beta=0.9, learning_rate=1e-3)

_AUTOENCODER = Problem(
    name="vqvae",
    title="the paper's autoencoder, any images",
    about="Images through the residual autoencoder of SQ-VAE with 64 features and 8 × 8 codes per image.",
    task="reconstruction",
    loss_name="mean squared error, pixels in ±1",
    dim=0,
    num_codes=1024,
    batch_size=32,
    options=_PAPER,
    load=partial(load, "photos", 32, "reconstruction"),
    build=partial(_build, VQVAE, "reconstruction", "photos", 32, VQVAE.width, VQVAE.place),
    loss=F.mse_loss,
    monitor_size=24,
)


def _classifier(name: str, title: str, about: str) -> Problem:
    network = NETWORKS[name]
    return Problem(
        name=name,
        title=title,
        about=about,
        task="classification",
        loss_name="cross-entropy, nats",
        dim=0,
        num_codes=1024,
        batch_size=32,
        options=_PAPER,
        load=partial(load, "digits", network.size, "classification"),
        build=partial(_build, network, "classification", "digits", network.size, network.width, network.place),
        loss=F.cross_entropy,
        monitor_size=24,
    )


PAPER_PROBLEMS = tuple(
    chosen(problem)
    for problem in (
        _AUTOENCODER,
        _classifier(
            "alexnet",
            "AlexNet, any images with classes",
            "Images classified by AlexNet for small images, quantized after one of its convolutions, by our choice "
            "the third.",
        ),
        _classifier(
            "resnet18",
            "ResNet-18, any images with classes",
            "Images classified by ResNet-18 for small images, quantized after one of its stages, by our choice the "
            "third.",
        ),
        _classifier(
            "vit",
            "vision transformer, any images with classes",
            "Images classified by a transformer of six blocks over 8 × 8 patches, quantized after one of them, by "
            "our choice the third.",
        ),
    )
)
