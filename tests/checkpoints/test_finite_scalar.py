"""Finite scalar quantizers, found by the levels of their features alone."""

import pytest
import torch

from vqcore.checkpoints.reader import open_checkpoint

LEVELS = [8, 5, 5, 3]
BASIS = [1, 8, 40, 200]


def state(module: str, name: str, levels: list[int], **others: list[int]) -> dict[str, torch.Tensor]:
    made = {f"{module}{name}": torch.tensor(levels, dtype=torch.int32), "encoder.weight": torch.randn(16, 8)}
    return made | {f"{module}{other}": torch.tensor(values, dtype=torch.int32) for other, values in others.items()}


@pytest.mark.parametrize(
    "tensors",
    [
        state("quantizer.", "_levels", LEVELS, _basis=BASIS),
        state("bottleneck.", "levels", LEVELS, basis=BASIS),
        state("model.fsq.", "levels", LEVELS),
        state("", "_levels", LEVELS),
    ],
)
def test_the_levels_tell_how_many_codes_there_are(tensors, tmp_path):
    torch.save(tensors, tmp_path / "fsq.pt")
    found = open_checkpoint(tmp_path / "fsq.pt")
    (one,) = found.implicit
    assert one.num_codes == 600
    assert "8 × 5 × 5 × 3 = 600 codes" in one.about
    assert found.codebooks == ()


@pytest.mark.parametrize(
    "tensors",
    [
        state("scheduler.", "levels", LEVELS),
        state("quantizer.", "_levels", LEVELS, _basis=[1, 2, 3, 4]),
        state("quantizer.", "levels", [0, 1, 1]),
        state("", "levels", LEVELS),
    ],
)
def test_other_whole_numbers_are_no_quantizer(tensors, tmp_path):
    torch.save(tensors, tmp_path / "other.pt")
    assert open_checkpoint(tmp_path / "other.pt").implicit == ()
