"""ResNet-18 for small images, with the quantizer after one of its four stages."""

import torch.nn.functional as F
from torch import Tensor, nn

from vqcore.models.architecture import Architecture, Shape
from vqcore.problems.problem import Model

PLACES = ("stage1", "stage2", "stage3", "stage4")
BLOCKS = 2


class Block(nn.Module):
    """Two convolutions and a way around them (He et al., arXiv 1512.03385)."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(after)
        self.second = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.second_norm = nn.BatchNorm2d(after)
        self.around: nn.Module = nn.Identity()
        if stride > 1 or before != after:
            self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        """(B, after, H / stride, W / stride)."""
        inner = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(inner)) + self.around(x))


def _build(shape: Shape) -> Model:
    width = shape.width
    stages: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(shape.channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU())
    ]
    before = width
    for number in range(len(PLACES)):
        after = width * 2**number
        blocks = [Block(before if i == 0 else after, after, 2 if number and i == 0 else 1) for i in range(BLOCKS)]
        stages.append(nn.Sequential(*blocks))
        before = after
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, shape.classes))
    cut = 2 + PLACES.index(shape.place)
    return Model(nn.Sequential(*stages[:cut]), nn.Sequential(*stages[cut:], head), channels_first=True)


RESNET18 = Architecture(
    width=64,
    width_step=1,
    size=32,
    place="stage3",
    places=PLACES,
    size_step=lambda _: 8,
    dim=lambda width, place: width * 2 ** PLACES.index(place),
    build=_build,
)
