"""AlexNet for small images, with the quantizer after one of its convolutions."""

from torch import nn

from vqcore.models.architecture import Architecture, Shape
from vqcore.problems.problem import Model

# Krizhevsky's five convolutions with kernels for 32 px instead of 224 px; features in sixteenths of four widths.
FEATURES = (1, 3, 6, 4, 4)
POOLED = (0, 1, 4)
"""Convolutions after which a maximum over 2 × 2 follows."""

PLACES = tuple(f"conv{number}" for number in range(1, 6))


def _build(shape: Shape) -> Model:
    stages: list[nn.Sequential] = []
    before = shape.channels
    for number, share in enumerate(FEATURES):
        after = share * shape.width
        layers: list[nn.Module] = [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if number in POOLED:
            layers.append(nn.MaxPool2d(2))
        stages.append(nn.Sequential(*layers))
        before = after
    head = nn.Sequential(
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(before * 16, 8 * shape.width),
        nn.ReLU(),
        nn.Linear(8 * shape.width, shape.classes),
    )
    cut = 1 + PLACES.index(shape.place)
    return Model(nn.Sequential(*stages[:cut]), nn.Sequential(*stages[cut:], head), channels_first=True)


ALEXNET = Architecture(
    width=64,
    width_step=1,
    size=32,
    place="conv3",
    places=PLACES,
    size_step=lambda _: 8,
    dim=lambda width, place: width * FEATURES[PLACES.index(place)],
    build=_build,
)
