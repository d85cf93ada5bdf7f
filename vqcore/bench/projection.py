"""UMAP layouts of live training against `umap.UMAP().fit_transform`, as ratios within one run."""

# N points, D features

import statistics
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version
from itertools import pairwise
from typing import Any, cast

import numpy as np
import torch
from numba import get_num_threads, set_num_threads
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from vqcore.projection.align import align_layout
from vqcore.projection.trustworthiness import trustworthiness
from vqcore.projection.wire import FitRequest, FitResult
from vqcore.projection.worker import answer, warm_up
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

Floats = NDArray[np.float32]
Size = tuple[int, int]
"""(N, D)."""

PROBLEM = "patches"
SIZES: list[Size] = [(2_000, 32), (10_000, 64)]
GROWTH_SIZES: list[Size] = [(n, 32) for n in (500, 1_000, 2_000, 5_000, 10_000, 20_000)]
PEER_UP_TO = 10_000
"""Most points of the growth table for which the peer is still timed: beyond, it takes minutes."""

STEPS_BEFORE, STEPS_BETWEEN = 100, 15
"""Training steps before the first layout, and between two refreshes: half a second of them on two cores."""

REFRESHES = 5
TRUST_SAMPLE = 1_000
QUICK_PROBLEM = "digits"
QUICK_SIZES: list[Size] = [(120, 16)]


def bench_projection(*, quick: bool = False) -> dict[str, Any]:
    """First layout, refreshes and growth; `quick` takes one tiny size of a small problem, after few steps.

    Ours is what the worker does for a request, its trustworthiness included, on one thread as there. The peer is
    `umap.UMAP().fit_transform` with its defaults, on all cores or one, whichever is faster here. Both have compiled
    before they are timed, and the compile time is reported. At each moment of training both lay out the same vectors
    in direct succession, so that other load affects both; a ratio is the peer's time over ours at
    that moment: above 1 we are faster.

    A movement is the mean distance that a point moves from one layout to the next, both aligned by a turn and a
    shift, over the layout's standard deviation (root mean square of its two axes).
    """
    trainer = Trainer(default_recipe(QUICK_PROBLEM if quick else PROBLEM))
    threads = get_num_threads()
    sizes, growth = (QUICK_SIZES, QUICK_SIZES) if quick else (SIZES, GROWTH_SIZES)
    refreshes, before, between = (2, 5, 2) if quick else (REFRESHES, STEPS_BEFORE, STEPS_BETWEEN)
    with tqdm(
        total=2 * (refreshes + 1) * len(sizes) + 2 * len(growth) + before, file=sys.stderr, disable=None
    ) as bar:
        cold = {"ours": _seconds(_one_thread(warm_up)), "peer": _seconds(partial(_compile_peer, threads))}
        for _ in range(before):
            trainer.step()
            bar.update()
        moments = [_vectors(trainer)]
        for _ in range(refreshes):
            for _ in range(between):
                trainer.step()
            moments.append(_vectors(trainer))
        rows = [_live(size, moments, threads, bar.update) for size in sizes]
        grown = [_grown(size, moments[0], threads, bar.update) for size in growth]
    return {
        "umap": version("umap-learn"),
        "problem": trainer.problem.name,
        "steps_between": between,
        "compile_seconds": cold,
        "rows": rows,
        "growth": grown,
    }


def table(report: dict[str, Any]) -> str:
    """The report as text."""
    cold = report["compile_seconds"]
    lines = [
        f"umap {report['umap']} on its faster number of threads, ours on one; vectors of {report['problem']}, "
        f"{report['steps_between']} training steps between refreshes",
        f"compiling, not counted below: ours {cold['ours']:.1f} s, peer {cold['peer']:.1f} s",
    ]
    for row in report["rows"]:
        peer, first, refresh = (
            _spread(row[name], " s") for name in ("peer_seconds", "first_seconds", "refresh_seconds")
        )
        lines += [
            f"\n{row['n']:,} × {row['d']}   umap.UMAP().fit_transform {peer}, threads: {row['peer_threads']}",
            f"  first layout {first}   {_spread(row['first_ratio'], '×')} faster",
            f"  refresh      {refresh}   {_spread(row['refresh_ratio'], '×')} faster",
            f"  trustworthiness (k = {row['trust_k']}, {row['trust_sample']:,} of the points): first "
            f"{_spread(row['first_trust'])}, refresh {_spread(row['refresh_trust'])}, "
            f"peer {_spread(row['peer_trust'])}",
            f"  furthest below the peer at one moment: {row['trust_behind']:.4f}",
            f"  movement a refresh, standard deviations: ours {_spread(row['movement'])}, "
            f"peer {_spread(row['peer_movement'])}",
        ]
    lines.append("\ngrowth          first s   refresh s      peer s")
    for row in report["growth"]:
        peer = "–" if row["peer_seconds"] is None else f"{row['peer_seconds']:.2f}"
        lines.append(
            f"{row['n']:>6,} × {row['d']:<3} {row['first_seconds']:10.2f} {row['refresh_seconds']:11.2f} {peer:>11}"
        )
    return "\n".join(lines)


def _live(size: Size, moments: list[dict[int, Floats]], threads: int, tick: Callable[[], object]) -> dict[str, Any]:
    """First layouts of every moment, refreshes from one to the next, and the peer's at each."""
    series = [_sized(moment, size) for moment in moments]
    _peer(series[0], threads)  # at this size it may take another path, that has yet to compile
    threads = min((1, threads), key=lambda count: _seconds(partial(_peer, series[0], count)))
    tick()
    first: list[tuple[Floats, float]] = []
    refreshes: list[tuple[Floats, float]] = []
    peers: list[tuple[Floats, float]] = []
    for points in series:
        peers.append(_timed(partial(_peer, points, threads)))
        first.append(_timed(partial(_ours, points)))
        start = refreshes[-1][0] if refreshes else first[0][0]
        refreshes.append(_timed(partial(_ours, points, start)))
        tick()
    trust = {
        name: [_trust(points, layout) for points, (layout, _) in zip(series, layouts, strict=True)]
        for name, layouts in (("first", first), ("refresh", refreshes), ("peer", peers))
    }
    seconds = {
        name: [spent for _, spent in layouts]
        for name, layouts in (("first", first), ("refresh", refreshes), ("peer", peers))
    }
    behind = [
        peer - ours for name in ("first", "refresh") for ours, peer in zip(trust[name], trust["peer"], strict=True)
    ]
    return {
        "n": size[0],
        "d": size[1],
        "peer_threads": threads,
        "peer_seconds": _summary(seconds["peer"]),
        "first_seconds": _summary(seconds["first"]),
        "refresh_seconds": _summary(seconds["refresh"]),
        "first_ratio": _summary(_ratios(seconds["peer"], seconds["first"])),
        "refresh_ratio": _summary(_ratios(seconds["peer"], seconds["refresh"])),
        "first_trust": _summary(trust["first"]),
        "refresh_trust": _summary(trust["refresh"]),
        "peer_trust": _summary(trust["peer"]),
        "trust_behind": max(behind),
        "trust_k": 15,
        "trust_sample": min(TRUST_SAMPLE, size[0]),
        "movement": _summary(_movements([layout for layout, _ in refreshes])),
        "peer_movement": _summary(_movements([layout for layout, _ in peers])),
    }


def _grown(size: Size, moment: dict[int, Floats], threads: int, tick: Callable[[], object]) -> dict[str, Any]:
    points = _sized(moment, size)
    layout, first = _timed(partial(_ours, points))
    _, refresh = _timed(partial(_ours, points, layout))
    peer = None
    if size[0] <= PEER_UP_TO:
        _, peer = _timed(partial(_peer, points, threads))
    tick()
    return {"n": size[0], "d": size[1], "first_seconds": first, "refresh_seconds": refresh, "peer_seconds": peer}


@torch.no_grad()
def _vectors(trainer: Trainer) -> dict[int, Floats]:
    """Held-out z_e and then the codes by their width D, and with two neighbouring z_e side by side at 2D.

    The same rows in the same order every time.
    """
    z_e = trainer.model.encode(next(trainer.held_out.batches(trainer.held_out.num_inputs)).inputs)
    pairs = z_e.reshape(-1, 2 * z_e.shape[-1])
    single = z_e.reshape(-1, z_e.shape[-1])
    codebook = trainer.quantizer.parts[0].codebook()
    return {points.shape[1]: points.cpu().numpy() for points in (torch.cat([codebook, single]), pairs)}


def _sized(moment: dict[int, Floats], size: Size) -> Floats:
    """A random choice of N vectors with D features, the same at every moment."""
    points = moment[size[1]]
    chosen = np.random.default_rng(0).choice(len(points), size[0], replace=False)
    return np.array(points[np.sort(chosen)])


@contextmanager
def _as_in_the_worker() -> Iterator[None]:
    with threadpool_limits(1):
        set_num_threads(1)
        yield


def _one_thread(run: Callable[[], object]) -> Callable[[], object]:
    def limited() -> object:
        with _as_in_the_worker():
            return run()

    return limited


def _ours(points: Floats, start: Floats | None = None) -> Floats:
    with _as_in_the_worker():
        result = answer(FitRequest(id=0, points=points, start=start))
    if not isinstance(result, FitResult):
        raise ValueError(f"No layout of {points.shape[0]:,} points: {result}")
    return result.coordinates


def _peer(points: Floats, threads: int) -> Floats:
    set_num_threads(threads)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of its own spectral start, and of Tensorflow that it does not need
        from umap import UMAP  # late, so that the warning is caught

        return cast(Floats, UMAP().fit_transform(points))


def _compile_peer(threads: int) -> None:
    _peer(np.random.default_rng(0).normal(size=(200, 8)).astype(np.float32), threads)


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _timed(run: Callable[[], Floats]) -> tuple[Floats, float]:
    began = time.perf_counter()
    layout = run()
    return layout, time.perf_counter() - began


def _trust(points: Floats, layout: Floats) -> float:
    trust = trustworthiness(points, layout, sample=TRUST_SAMPLE)
    assert trust is not None
    return trust.value


def _movements(layouts: list[Floats]) -> list[float]:
    moved = []
    for before, after in pairwise(layouts):
        distance = np.linalg.norm(align_layout(after, before) - before, axis=1).mean()
        moved.append(float(distance / np.sqrt(before.var(axis=0).mean())))
    return moved


def _ratios(peer: list[float], ours: list[float]) -> list[float]:
    return [theirs / mine for theirs, mine in zip(peer, ours, strict=True)]


def _summary(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "lowest": min(values), "highest": max(values)}


def _spread(summary: dict[str, float], unit: str = "") -> str:
    return f"{summary['median']:.3g}{unit} ({summary['lowest']:.3g} to {summary['highest']:.3g})"
