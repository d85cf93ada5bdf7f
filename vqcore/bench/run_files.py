"""What a long run takes on disk, how long a thousand take to be listed, and what −9 leaves of one."""

# M sampled vectors, K codes, D features

import os
import random
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vqcore.runs.layout import PACKED
from vqcore.runs.listing import RunList
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter

EVERY = 100
SNAPSHOTS = 300
"""Recorded steps at the end of the long run with a snapshot of full size: far more than are kept."""

LINES, LISTED_SNAPSHOTS = 200, 9
"""Of each run that is listed."""

LONGEST_LIFE = 0.15
"""Seconds from a writer's second record to its end, at most: it packs every `PACKS` records."""

PACKS = 7


def long_run(folder: Path, steps: int) -> dict[str, Any]:
    """A run of so many steps, recorded at each hundredth: bytes on disk and seconds to open it."""
    writer = RunWriter(folder, _about(1024, 256))
    arrays = _arrays(1024, 256, 2048)
    recorded = range(0, steps, EVERY)
    for at, step in enumerate(recorded):
        if at == 0 or at >= len(recorded) - SNAPSHOTS:
            writer.save(step, arrays, {})
        writer.append(_line(step, in_use=900))
    writer.close()
    began = time.perf_counter()
    run = load_run(folder)
    run.snapshot()
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"steps": steps, "recorded": len(run.lines), "megabytes": size / 1e6, "open_seconds": seconds}


def listed(folder: Path, runs: int) -> dict[str, Any]:
    """So many runs below one folder: seconds of the first look, of the next, and until each is judged."""
    writer = RunWriter(folder / "0", _about(64, 8))
    arrays = _arrays(64, 8, 512)
    for at in range(LINES):
        if at >= LINES - LISTED_SNAPSHOTS:
            writer.save(at, arrays, {})
        writer.append(_line(at, in_use=60))
    writer.append({"ended": 1.0, "error": ""})
    writer.close()
    for number in range(1, runs):
        shutil.copytree(folder / "0", folder / str(number))
    below, seconds = RunList(folder), []
    for _ in range(2):
        began = time.perf_counter()
        found = below.look()
        seconds.append(time.perf_counter() - began)
    judged = [below.judge(one) for one in found]
    return {
        "runs": len(found),
        "judged": sum(one.verdict is not None for one in judged),
        "first_seconds": seconds[0],
        "again_seconds": seconds[1],
        "judged_seconds": time.perf_counter() - began,
    }


def killed(folder: Path, moments: int) -> dict[str, Any]:
    """A writer ended by SIGKILL at random moments: how often its run could not be opened, and what was lost most.

    It writes, packs what it has written, unpacks it and goes on, so that it is killed in any of these.
    """
    chance, unreadable, lost, packed = random.Random(0), 0, 0, 0
    for number in range(moments):
        told = _killed_after(folder / str(number), chance.uniform(0, LONGEST_LIFE))
        packed += (folder / str(number) / PACKED).exists()
        try:
            run = load_run(folder / str(number))
            steps = run.snapshots
            for step in steps:
                run.snapshot(step)
            lost = max(lost, told - len(run.lines), told - 1 - steps[-1])
        except (ValueError, OSError, IndexError):
            unreadable += 1
    return {"moments": moments, "unreadable": unreadable, "most_lost": lost, "packed": packed}


def _killed_after(folder: Path, seconds: float) -> int:
    """How many records a child had told of before it was killed, so many seconds after its second."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            _write_for_ever(folder, writing)
        finally:
            os._exit(1)
    os.close(writing)
    told = len(os.read(reading, 1)) + len(os.read(reading, 1))
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(reading, 1 << 16):
        told += len(more)
    os.close(reading)
    return told


def _write_for_ever(folder: Path, telling: int) -> None:
    writer = RunWriter(folder, {"codebooks": [{"name": "q", "num_codes": 512, "dim": 64}]})
    table = np.zeros((512, 64), dtype=np.float32)
    for step in range(10**6):
        writer.save(step, {"q/table": table}, {})
        writer.append({"step": step, "codebooks": {"q": {}}})
        os.write(telling, b".")
        if step % PACKS == PACKS - 1:
            writer.close()
            writer = RunWriter.going_on(folder, step)


def _about(num_codes: int, dim: int) -> dict[str, Any]:
    return {"codebooks": [{"name": "quantize", "num_codes": num_codes, "dim": dim}]}


def _arrays(num_codes: int, dim: int, sample: int) -> dict[str, NDArray[Any]]:
    generator = np.random.default_rng(0)
    return {
        "quantize/table": generator.normal(size=(num_codes, dim)).astype(np.float32),
        "quantize/z_e": generator.normal(size=(sample, dim)).astype(np.float32),
        "quantize/codes": generator.integers(num_codes, size=sample).astype(np.int32),
        "quantize/counts": generator.integers(100, size=num_codes),
    }


def _line(step: int, in_use: int) -> dict[str, Any]:
    numbers = {"in_use": in_use, "perplexity": 1 / 3, "quantization_error": 1 / 7, "relative_error": 1 / 9}
    line = {"step": step, "time": float(step), "loss": 0.1, "codebooks": {"quantize": numbers}}
    return {**line, "snapshot": "", "dropped": 0, "lost": 0}
