"""What a probe costs the training that it watches, and what becomes of its files."""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from vqcore.bench.run_files import killed, listed, long_run
from vqcore.nn import ResidualVectorQuant, VectorQuant
from vqcore.probe.watching import Probe, watch

ROUNDS = 5
STEPS = 4
"""Steps of each round that are timed; the first of a probe, which says what it found, is not."""

EVERY = 50
MOMENTS, RUNS, LONG_STEPS = 200, 1_000, 1_000_000


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
    rounds, part = (1, 20) if quick else (ROUNDS, 1)
    with tempfile.TemporaryDirectory(prefix="vq-scope-bench-") as folder:
        below = Path(folder)
        return {
            "overhead": [overhead(name, below / name, rounds) for name in MODELS],
            "long_run": long_run(below / "long", LONG_STEPS // part),
            "listed": listed(below / "listed", RUNS // part),
            "killed": killed(below / "killed", MOMENTS // part),
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
    long, listing, ended = report["long_run"], report["listed"], report["killed"]
    lines.append(
        f"{long['steps']:,} steps, {long['recorded']:,} recorded: {long['megabytes']:.0f} MB on disk, opened in "
        f"{long['open_seconds']:.2f} s"
    )
    lines.append(
        f"{listing['runs']:,} runs listed in {listing['first_seconds']:.2f} s, and then in "
        f"{listing['again_seconds']:.2f} s; with a verdict each after {listing['judged_seconds']:.1f} s"
    )
    lines.append(
        f"killed at {ended['moments']} moments: {ended['unreadable']} could not be opened, at most "
        f"{ended['most_lost']} record lost; {ended['packed']} were packed"
    )
    return "\n".join(lines)


WORDS = {"off_step": "between recorded steps", "every_50": "every=50", "every_step": "every=1"}


def _percent(share: dict[str, float]) -> str:
    return f"{share['median']:+.2%} ({share['least']:+.2%} to {share['most']:+.2%})"
