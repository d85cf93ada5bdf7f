"""The quantizer and its search against their peers: time and memory as ratios within one run."""

# N vectors, K codes, D features

import importlib.util
import os
import statistics
import sys
import time
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from tqdm import tqdm

from vqcore.quantizer.layer import VectorQuantizer
from vqcore.quantizer.nearest import nearest_codes

Size = tuple[int, int, int]
"""(N, D, K)."""
Run = Callable[[], object]

LAYER_SIZES: list[Size] = [(2_048, 32, 512), (8_192, 64, 1_024), (16_384, 64, 8_192)]
SEARCH_SIZES: list[Size] = [*LAYER_SIZES, (4_096, 256, 16_384), (65_536, 32, 512)]
CUDA_SIZE: Size = (1_000_000, 64, 16_384)
GROWTH_SIZES: list[Size] = [
    *((n, 64, 1_024) for n in (4_096, 16_384, 65_536)),
    *((8_192, 64, k) for k in (512, 2_048, 8_192)),
]
QUICK_SIZES: list[Size] = [(64, 4, 16)]
PEERS = {"faiss": "faiss-cpu", "vector_quantize_pytorch": "vector-quantize-pytorch"}
"""From module to package."""
REST_SECONDS = 0.05
"""Seconds of rest: threads of torch and FAISS spin for some milliseconds after their work and would slow the next."""


def bench_quantizer(*, repeats: int = 5, quick: bool = False) -> dict[str, Any]:
    """Layer and search at every size on the CPU and, if available, on CUDA; `quick` takes one tiny size.

    A repeat times each contestant once, one after the other, so that other load on the machine affects all
    alike. A ratio is our time over the peer's in the same repeat: below 1 we are faster.
    """
    missing = [package for module, package in PEERS.items() if importlib.util.find_spec(module) is None]
    devices = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
    tasks: list[tuple[str, str, Size]] = []
    for device in devices:
        extra = [CUDA_SIZE] if device == "cuda" else []
        for what, sizes in (
            ("layer", [*LAYER_SIZES, *extra]),
            ("search", [*SEARCH_SIZES, *extra]),
            ("growth", GROWTH_SIZES),
        ):
            tasks += [(device, what, size) for size in (QUICK_SIZES if quick else sizes)]
    rows = []
    with tqdm(tasks, unit="size", file=sys.stderr, disable=None, leave=False) as progress:
        for device, what, size in progress:
            contestants = _layers if what == "layer" else _searches
            measured = _compare(contestants(size, device, missing), device, repeats)
            rows.append({"what": what, "device": device, **dict(zip("ndk", size, strict=True)), **measured})
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "repeats": repeats,
        "missing": missing,
        "rows": rows,
    }


def table(report: dict[str, Any]) -> str:
    """The report as text, one line per contestant."""
    lines = [f"torch {report['torch']}, {report['threads']} threads, {report['repeats']} repeats; ours / peer"]
    lines += [f"{package} is not installed; its columns are left out." for package in report["missing"]]
    for row in report["rows"]:
        size = f"N={row['n']:,} D={row['d']} K={row['k']:,}"
        lines.append(f"\n{row['what']} on {row['device']}, {size}")
        for name, seconds in row["seconds"].items():
            peak = row["peak_bytes"][name]
            memory = "" if peak is None else f"{peak / 2**20:10.1f} MiB"
            text = "   does not fit in memory" if seconds is None else f"{1e3 * seconds:10.2f} ms {memory:>15}"
            if ratio := row["ratios"].get(name):
                text += f"   {ratio['median']:.3f} ({ratio['lowest']:.3f} to {ratio['highest']:.3f})"
            lines.append(f"  {name:<28}{text}")
    return "\n".join(lines)


def _layers(size: Size, device: str, missing: list[str]) -> dict[str, Run]:
    n, dim, num_codes = size
    generator = torch.Generator().manual_seed(0)
    z_e = torch.randn(n, dim, generator=generator).to(device).requires_grad_()
    ours = VectorQuantizer(num_codes, dim, generator=generator).to(device)

    def run_ours() -> None:
        quantized = ours(z_e)
        (quantized.z_q.sum() + quantized.commitment_loss).backward()
        z_e.grad = None
        ours.zero_grad()

    runs: dict[str, Run] = {"ours": run_ours}
    if PEERS["vector_quantize_pytorch"] not in missing:
        from vector_quantize_pytorch import VectorQuantize

        def peer(**options: bool) -> Run:
            layer = VectorQuantize(dim=dim, codebook_size=num_codes, **options).to(device)

            def run() -> None:
                z_q, _, loss = layer(z_e[None])
                (z_q.sum() + loss.sum()).backward()
                z_e.grad = None
                layer.zero_grad()

            return run

        runs["vector-quantize, learnable"] = peer(learnable_codebook=True, ema_update=False)
        runs["vector-quantize, EMA"] = peer()
    return runs


def _searches(size: Size, device: str, missing: list[str]) -> dict[str, Run]:
    n, dim, num_codes = size
    generator = torch.Generator().manual_seed(0)
    vectors = torch.randn(n, dim, generator=generator).to(device)
    codebook = torch.randn(num_codes, dim, generator=generator).to(device)
    runs: dict[str, Run] = {"ours": lambda: nearest_codes(vectors, codebook)}
    if PEERS["faiss"] not in missing and device == "cpu":
        import faiss

        faiss.omp_set_num_threads(torch.get_num_threads())
        index = faiss.IndexFlatL2(dim)
        index.add(codebook.numpy())
        runs["FAISS"] = lambda: index.search(vectors.numpy(), 1)
    runs["z @ C.T, argmin"] = lambda: (vectors @ codebook.T).argmin(1)
    return runs


def _compare(runs: dict[str, Run], device: str, repeats: int) -> dict[str, Any]:
    peaks = {name: _peak_bytes(run, device) if name != "FAISS" else None for name, run in runs.items()}
    fitting = [name for name in runs if name == "FAISS" or peaks[name] is not None]
    seconds: dict[str, list[float]] = {name: [] for name in fitting}
    for _ in range(repeats):
        for name in fitting:
            seconds[name].append(_seconds(runs[name], device))
    return {
        "seconds": {name: statistics.median(seconds[name]) if name in seconds else None for name in runs},
        "peak_bytes": peaks,
        "ratios": {name: _ratio(seconds["ours"], seconds[name]) for name in fitting if name != "ours"},
    }


def _ratio(ours: list[float], peer: list[float]) -> dict[str, float]:
    ratios = sorted(one / other for one, other in zip(ours, peer, strict=True))
    return {"median": statistics.median(ratios), "lowest": ratios[0], "highest": ratios[-1]}


def _seconds(run: Run, device: str) -> float:
    """One call, after a rest and an untimed one."""
    time.sleep(REST_SECONDS)
    run()
    if device == "cuda":
        started, ended = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        started.record()
        run()
        ended.record()
        ended.synchronize()
        return float(started.elapsed_time(ended)) / 1e3
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def _peak_bytes(run: Run, device: str) -> int | None:
    """Peak memory of torch during one call beyond what it held before; None if that does not fit.

    On the CPU it is summed from the allocator's own record of every request, so that FAISS, which does not use
    that allocator, cannot be measured.
    """
    try:
        run()  # what a first call keeps for good is not counted
        if device == "cuda":
            torch.cuda.reset_peak_memory_stats()
            before = torch.cuda.memory_allocated()
            run()
            return int(torch.cuda.max_memory_allocated() - before)
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or the profiler speaks on stderr
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU], profile_memory=True) as profile:
            run()
    except torch.OutOfMemoryError:
        return None
    results: Any = profile.profiler
    changes = [event for event in results.kineto_results.events() if event.name() == "[memory]"]
    changes.sort(key=lambda event: event.start_ns())
    return int(max(accumulate((event.nbytes() for event in changes), initial=0)))
