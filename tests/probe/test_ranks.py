"""Two processes of gloo: each writes a run of its own, and codebooks that part are named with the step."""

import os
import subprocess
import sys
from pathlib import Path

from vqcore.runs.course import Onset, moments, onsets
from vqcore.runs.listing import RunList
from vqcore.runs.reading import Run, load_run

STEPS, PARTED = 30, 12
TRAINING = """
import sys
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
import vqcore
from vector_quantize_pytorch import VectorQuantize

rank, folder = int(sys.argv[1]), sys.argv[2]
torch.set_num_threads(1)
dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
for kind in ("apart", "synced"):
    torch.manual_seed(0)
    quantizer = VectorQuantize(dim=4, codebook_size=16, decay=0.9, sync_codebook=kind == "synced")
    model = nn.Sequential(nn.Linear(6, 4), quantizer)
    with vqcore.watch(model, every=3, out=f"{folder}/{kind}") as probe:
        wrapped = DistributedDataParallel(model, broadcast_buffers=False)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        for step in range({steps}):
            seed = step if step < {parted} else step + 1000 * rank
            z, codes, commit = wrapped(torch.randn(64, 6, generator=torch.Generator().manual_seed(seed)))
            optimizer.zero_grad()
            (z.square().mean() + commit.sum()).backward()
            optimizer.step()
            probe.step(step)
dist.destroy_process_group()
"""


def test_codebooks_that_part_are_named_with_the_step_and_others_are_not(tmp_path: Path) -> None:
    script = TRAINING.replace("{steps}", str(STEPS)).replace("{parted}", str(PARTED))
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", script, str(rank), str(tmp_path)], env=environment) for rank in (0, 1)
    ]
    try:
        assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    finally:
        for rank in ranks:
            rank.kill()
    assert {(one.name, one.ranks, one.state) for one in RunList(tmp_path).look()} == {
        ("apart/rank0", 2, "finished"),
        ("synced/rank0", 2, "finished"),
    }
    for rank in (0, 1):
        run = load_run(tmp_path / "apart" / f"rank{rank}")
        assert (run.about["rank"], run.about["world_size"]) == (rank, 2)
        (onset,) = disagreements(run)
        assert (onset.after, onset.by) == (PARTED, PARTED + 3)  # a forward moves the averages: the next step shows it
        assert onset.finding.title.startswith("Ranks disagree in ")
        assert disagreements(load_run(tmp_path / "synced" / f"rank{rank}")) == []


def disagreements(run: Run) -> list[Onset]:
    return [one for one in onsets(moments(run), STEPS) if one.finding.condition == "ranks-disagree"]
