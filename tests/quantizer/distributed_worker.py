"""One of several processes that train one quantizer together: `python distributed_worker.py RANK RANKS FOLDER`."""

import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from building import build, latents, stir_
from torch import Tensor

from vqcore.quantizer.alternating import inner_step_
from vqcore.quantizer.ema import ema_update_
from vqcore.quantizer.kmeans import kmeans_start_
from vqcore.quantizer.layer import Quantizer
from vqcore.quantizer.options import Options
from vqcore.quantizer.replacement import replace_unused_

N = 60
TASKS = ("gradient", "ema", "running", "inner", "usage", "random", "far", "busy", "kmeans")
SPLITS = {"halves": (30, 60), "unequal": (13, 60), "one empty": (0, 60)}
STRUCTURES = ("vector", "grouped shared", "residual")


def after(task: str, structure: str, z_e: Tensor) -> Quantizer:
    """The quantizer after `task` on this process's share of the batch."""
    options = Options(sync=0.5)
    if task == "running":
        options = Options(affine="running", affine_groups=2)
    if task in ("random", "far", "busy"):
        options = replace(options, replace_onto=task)
    quantizer = stir_(build(structure, options)).train()
    if task == "running":
        for part in quantizer.parts:
            part.affine.reset_()  # so that `has_moments` is seen to be set, by a process without vectors too
    generator = torch.Generator().manual_seed(3)
    if task == "kmeans":
        kmeans_start_(quantizer, z_e, seed=0)
    for _ in range(3):
        if task == "inner":
            for part, vectors in quantizer.each_level(z_e):
                inner_step_(part, vectors, 5.0)
        elif task in ("random", "far", "busy"):
            for part, vectors in quantizer.each_level(z_e):
                replace_unused_(part, vectors, 4, generator=generator)
        elif task != "kmeans":
            step(task, quantizer, z_e)
    return quantizer


def step(task: str, quantizer: Quantizer, z_e: Tensor) -> None:
    out, levels = quantizer.quantize(z_e)
    if task == "gradient":
        quantizer.zero_grad()
        (out.z_q.sum() / N + out.commitment_loss * len(z_e) / N).backward()
        for parameter in quantizer.parameters():
            if parameter.grad is not None:
                if dist.is_initialized():
                    dist.all_reduce(parameter.grad)
                parameter.data.sub_(0.1 * parameter.grad)
    for index, part in enumerate(quantizer.parts):
        mine = [level for level, own in zip(levels, quantizer.part_of_level, strict=True) if own == index]
        codes = torch.cat([level.codes for level in mine])
        if task == "ema":
            ema_update_(part, torch.cat([level.z_e for level in mine]), codes)
        if task == "usage":
            part.count_unused_(torch.bincount(codes, minlength=part.num_codes))


def main(rank: int, ranks: int, folder: Path) -> None:
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks, timeout=timedelta(seconds=60)
    )
    batch, found = latents(N, 4), {}
    for split, ends in SPLITS.items():
        start = 0 if rank == 0 else ends[rank - 1]
        for structure in STRUCTURES:
            for task in TASKS:
                if task == "gradient" and split == "one empty":
                    continue
                found[split, structure, task] = after(task, structure, batch[start : ends[rank]]).state_dict()
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
