import csv
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vqcore.storage import save_results

HISTORY = SimpleNamespace(
    step=np.arange(2), losses={"=1+1": np.array([-0.5, -1e-7])}, measured_at=np.arange(1), measured={}
)


def test_no_heading_is_a_formula_and_every_number_stays_one(tmp_path: Path) -> None:
    save_results(tmp_path, {}, HISTORY, {"codebook": torch.zeros(2)})
    heading, *rows = csv.reader((tmp_path / "losses.csv").read_text().splitlines())
    assert heading == ["step", "'=1+1"]
    assert [float(row[1]) for row in rows] == [-0.5, -1e-7]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
@pytest.mark.parametrize("name", ["losses.csv", "weights.pt"])
def test_a_full_disk_is_told_as_one(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        save_results(tmp_path, {}, HISTORY, {"codebook": torch.zeros(1_000_000)})
