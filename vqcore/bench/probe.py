"""What a probe costs the training that it watches, what a long run takes on disk, and what −9 leaves of one."""

# B batch, K codes, D features

import os
import random
import signal
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vqcore.nn import ResidualVectorQuant, VectorQuant
from vqcore.probe.watching import Probe, watch
from vqcore.runs.reading import load_run
from vqcore.runs.writing import RunWriter

ROUNDS = 5
STEPS = 4
"""Steps of each round that are timed; the first of a probe, which says what it found, is not."""

EVERY = 50
MOMENTS = 200
LONG_STEPS, LONG_EVERY = 1_000_000, 100
LONG_SNAPSHOTS = 300
"""Recorded steps at the end of the long run with a snapshot of full size: far more than are kept."""


class OwnTime:
    """CPU seconds of the calling thread within the code of the probes that are made while it is entered.

    On a busy machine the times of two trainings differ by more than a probe costs; this does not.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self._undo: list[tuple[str, Callable[..., Any]]] = []

    def __enter__(self) -> Self:
        step, when_armed = Probe.step, Probe._when_armed
        self._replace("step", self._timed(step))
        self._replace("_when_armed", lambda probe, *given: self._timed(when_armed(probe, *given)))
        return self

    def __exit__(self, *_: object) -> None:
        for name, original in self._undo:
            setattr(Probe, name, original)

    def _replace(self, name: str, by: Callable[..., Any]) -> None:
        self._undo.append((name, getattr(Probe, name)))
        setattr(Probe, name, by)

    def _timed(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*given: Any, **named: Any) -> Any:
            began = time.thread_time()
            try:
                return work(*given, **named)
            finally:
                self.seconds += time.thread_time() - began

        return timed


class Trained:
    """A model with what it takes to step it, from one seed."""

    def __init__(self, make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
        torch.manual_seed(0)
        self.model = make()
        self._shape = shape
        self._optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self._generator = torch.Generator().manual_seed(1)

    def step(self, probe: Probe | None = None) -> Tensor:
        """One step; its loss, still a tensor."""
        batch = torch.randn(self._shape, generator=self._generator)
        encoder, quantizer, decoder = self.model.children()
        z, extra = quantizer(encoder(batch))
        loss: Tensor = (decoder(z) - batch).square().mean() + extra["loss"].mean()
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()
        if probe is not None:
            probe.step(loss=loss)
        return loss.detach()


def vqgan() -> nn.Module:
    """Convolutions of VQGAN's widths down to a sixteenth, 1,024 codes of 256 features, and back."""
    widths = (64, 128, 128, 256, 256)
    down: list[nn.Module] = [nn.Conv2d(3, widths[0], 3, padding=1)]
    up: list[nn.Module] = []
    for narrow, wide in pairwise(widths):
        down += [nn.SiLU(), nn.Conv2d(narrow, narrow, 3, padding=1), nn.SiLU(), nn.Conv2d(narrow, wide, 4, 2, 1)]
        up = [
            nn.SiLU(),
            nn.Conv2d(wide, wide, 3, padding=1),
            nn.SiLU(),
            nn.ConvTranspose2d(wide, narrow, 4, 2, 1),
            *up,
        ]
    return nn.Sequential(
        nn.Sequential(*down), VectorQuant(256, 1024, dim=1), nn.Sequential(*up, nn.Conv2d(widths[0], 3, 3, padding=1))
    )


def codec() -> nn.Module:
    """Strided convolutions of DAC's kind, 9 residual levels of 1,024 codes, and back."""
    widths, strides = (32, 64, 128, 256, 256), (2, 4, 8, 8)
    down: list[nn.Module] = [nn.Conv1d(1, widths[0], 7, padding=3)]
    up: list[nn.Module] = []
    for (narrow, wide), stride in zip(pairwise(widths), strides, strict=True):
        own, half = 2 * stride, stride // 2
        down += [
            nn.ELU(),
            nn.Conv1d(narrow, narrow, 7, padding=3),
            nn.ELU(),
            nn.Conv1d(narrow, wide, own, stride, half),
        ]
        up = [
            nn.ELU(),
            nn.ConvTranspose1d(wide, narrow, own, stride, half),
            nn.Conv1d(narrow, narrow, 7, padding=3),
            *up,
        ]
    quantizer = ResidualVectorQuant(256, 1024, groups=9, dim=1)
    return nn.Sequential(nn.Sequential(*down), quantizer, nn.Sequential(*up, nn.Conv1d(widths[0], 1, 7, padding=3)))


MODELS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "vqgan": (vqgan, (4, 3, 128, 128)),
    "dac": (codec, (4, 1, 32_768)),
}
"""Each with the shape of a batch."""


def bench_probe(*, quick: bool = False) -> dict[str, Any]:
    """All of it; `quick` in a tenth of the time, to see that it runs."""
    rounds, moments = (1, 10) if quick else (ROUNDS, MOMENTS)
    with tempfile.TemporaryDirectory(prefix="vq-scope-bench-") as folder:
        below = Path(folder)
        return {
            "overhead": [overhead(name, below / name, rounds) for name in MODELS],
            "long_run": long_run(below / "long", LONG_STEPS // (100 if quick else 1)),
            "killed": killed(below / "killed", moments),
        }


def overhead(name: str, folder: Path, rounds: int) -> dict[str, Any]:
    """Seconds of the training's own thread for a step without probe, beside one, and in a recorded step.

    In CPU seconds of that thread, which another process on the same cores does not lengthen. A recorded step is
    taken with the writer's thread idle before it, as with any `every` that leaves time to write.
    """
    make, shape = MODELS[name]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # all of a step is then in the thread that is timed
    try:
        bare, off, on = Trained(make, shape), Trained(make, shape), Trained(make, shape)
        with (
            OwnTime() as own,
            watch(off.model, every=10**9, out=folder / "off") as resting,
            watch(on.model, every=1, out=folder / "on") as busy,
        ):
            losses = [(bare.step(), off.step(resting), on.step(busy))]
            found: list[list[float]] = []
            within: list[list[float]] = [[], []]
            for _ in range(rounds):
                timed: list[list[float]] = [[], [], []]
                for _ in range(STEPS):  # the three in turn, so that what slows the machine slows all
                    busy.flush()
                    each = [_timed(bare.step)]
                    for probed, probe, shares in ((off, resting, within[0]), (on, busy, within[1])):
                        before = own.seconds
                        each.append(_timed(partial(probed.step, probe)))
                        shares.append(own.seconds - before)
                    losses.append((each[0][1], each[1][1], each[2][1]))
                    for seconds, (spent, _) in zip(timed, each, strict=True):
                        seconds.append(spent)
                found.append([statistics.median(seconds) for seconds in timed])
            dropped = busy.dropped
    finally:
        torch.set_num_threads(threads)
    alone = statistics.median(seconds for seconds, *_ in found)
    ratios = [(beside / bared, recorded / bared) for bared, beside, recorded in found]
    every = sorted((EVERY - 1) / EVERY * beside + recorded / EVERY - 1 for beside, recorded in ratios)
    return {
        "model": name,
        "parameters": sum(one.numel() for one in bare.model.parameters()),
        "step_seconds": alone,
        "rounds": rounds,
        "off_step": _spread([beside - 1 for beside, _ in ratios]),
        "every_step": _spread([recorded - 1 for _, recorded in ratios]),
        "every_50": _spread(every),
        "within_probe": {
            "off_step": statistics.median(within[0]) / alone,
            "every_step": statistics.median(within[1]) / alone,
            "every_50": ((EVERY - 1) * statistics.median(within[0]) + statistics.median(within[1])) / EVERY / alone,
        },
        "dropped": dropped,
        "losses_identical": all(bool(one == two == three) for one, two, three in losses),
        "losses": len(losses),
    }


def long_run(folder: Path, steps: int) -> dict[str, Any]:
    """A run of so many steps, recorded at each hundredth: bytes on disk and seconds to open it."""
    num_codes, dim, sample = 1024, 256, 2048
    writer = RunWriter(folder, {"codebooks": [{"name": "quantize", "num_codes": num_codes, "dim": dim}]})
    generator = np.random.default_rng(0)
    arrays: dict[str, NDArray[Any]] = {
        "quantize/table": generator.normal(size=(num_codes, dim)).astype(np.float32),
        "quantize/z_e": generator.normal(size=(sample, dim)).astype(np.float32),
        "quantize/codes": generator.integers(num_codes, size=sample).astype(np.int32),
        "quantize/counts": generator.integers(100, size=num_codes),
    }
    numbers = {name: float(generator.normal()) for name in ("perplexity", "quantization_error", "relative_error")}
    recorded = range(0, steps, LONG_EVERY)
    for at, step in enumerate(recorded):
        if at == 0 or at >= len(recorded) - LONG_SNAPSHOTS:
            writer.save(step, arrays, {})
        line = {"step": step, "time": float(step), "loss": 0.1, "codebooks": {"quantize": {"in_use": 900, **numbers}}}
        writer.append({**line, "snapshot": "", "dropped": 0, "lost": 0})
    writer.close()
    began = time.perf_counter()
    run = load_run(folder)
    run.snapshot()
    seconds = time.perf_counter() - began
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return {"steps": steps, "recorded": len(run.lines), "megabytes": size / 1e6, "open_seconds": seconds}


def killed(folder: Path, moments: int) -> dict[str, Any]:
    """A writer ended by SIGKILL at random moments: how often its run could not be opened, and what was lost most."""
    chance, unreadable, lost = random.Random(0), 0, 0
    for number in range(moments):
        told = _killed_after(folder / str(number), chance.uniform(0, 0.02))
        try:
            run = load_run(folder / str(number))
            steps = run.snapshots
            for step in steps:
                run.snapshot(step)
            lost = max(lost, told - len(run.lines), told - 1 - steps[-1])
        except (ValueError, OSError, IndexError):
            unreadable += 1
    return {"moments": moments, "unreadable": unreadable, "most_lost": lost}


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


def _timed(step: Callable[[], Tensor]) -> tuple[float, Tensor]:
    began = time.thread_time()
    loss = step()
    return time.thread_time() - began, loss


def _spread(shares: list[float]) -> dict[str, float]:
    return {"median": statistics.median(shares), "least": min(shares), "most": max(shares)}


def table(report: dict[str, Any]) -> str:
    """The report in lines."""
    lines = []
    for row in report["overhead"]:
        said = ", ".join(
            f"{words} {row['within_probe'][key]:.3%} in the probe's code, whole step {_percent(row[key])}"
            for key, words in WORDS.items()
        )
        same = "losses identical" if row["losses_identical"] else "LOSSES DIFFER"
        lines.append(
            f"{row['model']:<6} {row['parameters'] / 1e6:.1f} M parameters, {row['step_seconds']:.3f} s a step: "
            f"{said}; {same} in {row['losses']} steps, {row['dropped']} dropped"
        )
    long, ended = report["long_run"], report["killed"]
    lines.append(
        f"{long['steps']:,} steps, {long['recorded']:,} recorded: {long['megabytes']:.0f} MB on disk, opened in "
        f"{long['open_seconds']:.2f} s"
    )
    lines.append(
        f"killed at {ended['moments']} moments: {ended['unreadable']} could not be opened, at most "
        f"{ended['most_lost']} record lost"
    )
    return "\n".join(lines)


WORDS = {"off_step": "between recorded steps", "every_50": "every=50", "every_step": "every=1"}


def _percent(share: dict[str, float]) -> str:
    return f"{share['median']:+.2%} ({share['least']:+.2%} to {share['most']:+.2%})"
