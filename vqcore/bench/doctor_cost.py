"""What an examination costs: seconds and memory of `vqscope doctor`, each in a process of its own."""

# K codes, D features, N latents

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from vqcore.files.safetensors_writing import safetensors_bytes

BOUNDS = "bounds: first line within 2 s for files up to 1 GB; K = 262,144, D = 16, N = 1,000,000: 60 CPU-s and 1 GB"
HEAD = "       K       D           N  file MB    CPU s   wall s  first line s  peak MB"
KEY = "quantize.embedding.weight"
AT_ONCE = 1 << 22
"""Values drawn at once."""

NOISE = 0.3
"""Standard deviation of latents around their codes, which are drawn from N(0, 1)."""


class Case(NamedTuple):
    """A codebook (K, D) in a file with other tensors, and N latents; without them only the file is read."""

    num_codes: int
    dim: int
    num_latents: int = 0
    megabytes_beside: int = 0
    """Size of what else is in the file, in tensors of a megabyte."""


CASES = (
    Case(1_024, 64, megabytes_beside=1_000),
    *(Case(8, 4, latents) for latents in (10**4, 10**7)),
    *(Case(1_024, 64, latents) for latents in (10**4, 10**5, 10**6)),
    Case(1_024, 16, 10**7),
    *(Case(1_024, 4_096, latents) for latents in (10**4, 10**5)),
    *(Case(262_144, 16, latents) for latents in (10**4, 10**6)),
    *(Case(16_384, 32, latents) for latents in (10**5, 10**6)),
    Case(262_144, 16, 10**7),
)
"""The last takes minutes: of so many codes, five million latents are searched before usage is judged."""

QUICK_CASES = (Case(8, 4, 10**4),)


class Cost(NamedTuple):
    """What one examination took."""

    cpu_seconds: float
    seconds: float
    first_line_seconds: float
    """Until the first line of output."""

    peak_bytes: int
    exit_code: int


def bench_cost(cases: Iterable[Case] = CASES) -> list[dict[str, Any]]:
    """Each case with its cost; the files are made in a temporary folder, and removed after each."""
    rows: list[dict[str, Any]] = []
    for case in (bar := tqdm(list(cases), file=sys.stderr, disable=None)):
        with tempfile.TemporaryDirectory(prefix="vqcore-bench-") as folder:
            cost = cost_of(made(case, Path(folder)))
        rows.append(case._asdict() | cost._asdict())
        bar.write(_line(rows[-1]), file=sys.stderr)
    return rows


def made(case: Case, folder: Path) -> list[str]:
    """The files of `case` in `folder`; the words that examine them."""
    generator = np.random.default_rng(0)
    table = generator.standard_normal((case.num_codes, case.dim), np.float32)
    beside = {f"decoder.{at}.weight": np.zeros((512, 512), np.float32) for at in range(case.megabytes_beside)}
    path, latents = folder / "model.safetensors", folder / "z_e.npy"
    with path.open("wb") as file:
        file.writelines(safetensors_bytes(beside | {KEY: table}, {}))
    if not case.num_latents:
        return [str(path)]
    _save_latents(latents, case, table, generator)
    return [str(path), "--latents", str(latents)]


def _save_latents(path: Path, case: Case, table: NDArray[np.float32], generator: np.random.Generator) -> None:
    """An `.npy` of N latents, each near a code drawn at random, written block by block."""
    shape = (case.num_latents, case.dim)
    stored = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    rows = max(1, AT_ONCE // case.dim)
    for start in range(0, case.num_latents, rows):
        block = stored[start : start + rows]
        block[:] = table[generator.integers(case.num_codes, size=len(block))]
        block += NOISE * generator.standard_normal(block.shape, np.float32)


def cost_of(words: list[str]) -> Cost:
    """Run `python -m vqcore doctor` with `words`; what the kernel says that it took.

    Threads that wait do so asleep: on a busy machine they would otherwise spend more than the work.
    """
    began = time.perf_counter()
    command = [sys.executable, "-m", "vqcore", "doctor", *words]
    env = os.environ | {"OMP_WAIT_POLICY": "PASSIVE"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        first_line = time.perf_counter() - began
        process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if not first:
        raise RuntimeError(f"The doctor said nothing of {words}, and ended with {process.returncode}.")
    return Cost(
        cpu_seconds=used.ru_utime + used.ru_stime,
        seconds=time.perf_counter() - began,
        first_line_seconds=first_line,
        peak_bytes=used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        exit_code=process.returncode,
    )


def cost_table(rows: Iterable[dict[str, Any]]) -> str:
    """The costs as text, a line for each case."""
    return "\n".join([HEAD, *map(_line, rows), BOUNDS])


def _line(row: dict[str, Any]) -> str:
    size = row["megabytes_beside"] + 4 * row["num_codes"] * row["dim"] / 1e6
    return (
        f"{row['num_codes']:>8,}{row['dim']:>8,}{row['num_latents']:>12,}{size:>9,.1f}"
        f"{row['cpu_seconds']:>9.1f}{row['seconds']:>9.1f}{row['first_line_seconds']:>14.1f}"
        f"{row['peak_bytes'] / 1e6:>9,.0f}"
    )
