"""Two processes with parts of a batch end where one process with the whole batch does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from building import latents
from distributed_worker import SPLITS, STRUCTURES, TASKS, N, after

TOLERANCE = 2e-5
"""Sums over halves round otherwise than over the whole: 6e-8 each for some 60 vectors of size one, three times."""

CASES = [(split, task) for split in SPLITS for task in TASKS if (split, task) != ("one empty", "gradient")]
"""A gradient of nothing is the caller's to skip."""

Found = dict[tuple[str, str, str], dict[str, torch.Tensor]]


@pytest.fixture(scope="module")
def found(tmp_path_factory) -> list[Found]:
    """What each of two processes has after each task."""
    if not (dist.is_available() and dist.is_gloo_available()):
        pytest.skip("this torch has no gloo")
    folder = tmp_path_factory.mktemp("ranks")
    here = Path(__file__).parent
    paths = os.pathsep.join([str(here), str(here.parents[1]), os.environ.get("PYTHONPATH", "")])
    environment = {
        **os.environ,
        "PYTHONPATH": paths,
        "GLOO_SOCKET_IFNAME": os.environ.get("GLOO_SOCKET_IFNAME", "lo"),
    }
    workers = [
        subprocess.Popen(
            [sys.executable, str(here / "distributed_worker.py"), str(rank), "2", str(folder)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [worker.communicate(timeout=180)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert [worker.returncode for worker in workers] == [0, 0], "\n".join(said)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize(("split", "task"), CASES)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_two_processes_end_alike_and_where_one_with_the_whole_batch_does(found, split, structure, task):
    first, second = (rank[split, structure, task] for rank in found)
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
    if structure == "grouped shared" and task in ("random", "far") and split != "one empty":
        return  # the groups' vectors come rank by rank here and group by group there: other draws, equally good
    whole = after(task, structure, latents(N, 4)).state_dict()
    for name, value in whole.items():
        torch.testing.assert_close(
            first[name], value, rtol=TOLERANCE, atol=TOLERANCE, msg=lambda text, name=name: f"{name}: {text}"
        )
