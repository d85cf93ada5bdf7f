"""What a diverged training leaves is drawn as far as it is finite, without a word in the server's log.

Warnings are errors here, as in all tests.
"""

import dataclasses
from functools import cache
from itertools import cycle, islice
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from fake_projection import FakeProjection
from page_runs import SECONDS, open_script, query, run, shown

from app.figures.code_bars import gradient_bars
from app.figures.curves import curves
from app.figures.examples import examples
from app.figures.level_bars import level_bars
from app.figures.map_layers import LAYERS, Look
from app.figures.pcq_map import pcq_map
from app.links.selection import Choice
from app.live_plot.encoding import plot_data
from app.live_plot.tiles import tile_data
from app.panels import compare_reading
from app.panels.card_reading import card
from app.panels.compare_map import maps, shared_shades
from app.panels.compare_table import table
from app.panels.map_shades import shade
from app.panels.readings import answers, curve_panels, headline, level_rows
from app.sessions import planes
from app.sessions.planes import MapMemory
from app.sessions.registry import registry
from app.sessions.shared_planes import shared_plane
from app.wording import level_words
from vqcore.diagnostics.code_facts import code_facts
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot, Trail
from vqcore.training.commands import StepCommand
from vqcore.training.recipe import default_recipe
from vqcore.training.trainer import Trainer

NAN, INF = np.nan, np.inf
LEFT = {
    "nothing": [NAN],
    "all beyond measure": [INF],
    "just finite": [1e36, -1e36],
    "at the end of float32": [3.4e38, -3.4e38, 3.4e38],
    "some of it": [0.5, 0.25, -1.0, NAN, 1e36, -INF, -3e38, 0.0, 2.0, 1.0, 3.0],
}
GIVEN = ("monitor_inputs", "inputs", "targets", "labels", "events")
"""What a training does not compute."""

PROBLEMS = ("plane", "digits", "digits-classifier")


def spoiled(value: Any, left: list[float]) -> Any:
    """The same with every floating-point number in it replaced."""
    if isinstance(value, np.ndarray) and np.issubdtype(value.dtype, np.floating):
        return np.array(list(islice(cycle(left), value.size)), value.dtype).reshape(value.shape)
    if isinstance(value, float):
        return float(left[0])
    if isinstance(value, MappingProxyType):
        return MappingProxyType({name: spoiled(each, left) for name, each in value.items()})
    if dataclasses.is_dataclass(value):
        fields = {each.name: spoiled(getattr(value, each.name), left) for each in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    if isinstance(value, tuple):
        parts = [spoiled(each, left) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def diverged(snapshot: Snapshot, left: list[float]) -> Snapshot:
    return dataclasses.replace(spoiled(snapshot, left), **{name: getattr(snapshot, name) for name in GIVEN})


@cache
def trained(problem: str) -> Snapshot:
    """After a few steps, one with a switch, and with a trail of the codes as a page leaves it."""
    trainer, trail = Trainer(default_recipe(problem, device="cpu", num_codes=8)), []
    for step in range(6):
        if step == 3:
            trainer.apply({"beta": 0.5})
        trainer.step()
        now = trainer.snapshot()
        trail.append(Trail(now.step, now.codebook, now.z_e.mean(0), now.counts))
    return dataclasses.replace(now, trail=tuple(trail))


@pytest.fixture(params=PROBLEMS)
def problem(request: pytest.FixtureRequest) -> Any:
    return find_problem(request.param)


@pytest.fixture(params=LEFT.values(), ids=LEFT)
def moment(request: pytest.FixtureRequest, problem: Any) -> Snapshot:
    return diverged(trained(problem.name), request.param)


def is_empty(figure: dict[str, Any], name: str) -> bool:
    """Whether no point of the traces of this name has a place."""
    points = [np.stack([trace["x"], trace["y"]]) for trace in figure["data"] if trace.get("name") == name]
    return not any(np.isfinite(each).all(0).any() for each in points)


@pytest.mark.parametrize("view", ["PCA", "two codes"])
def test_the_map_shows_what_is_finite(moment, problem, view):
    memory = MapMemory()
    for _ in range(2):  # fitted, and checked whether to be fitted again; two features are drawn as they are
        seen = planes.show(view, moment, memory, FakeProjection(), "stream")
        for by in ("role", "class", "usage", "age", "error", "gradient"):
            look = Look(layers=LAYERS, shade=shade(by, moment, problem), pins={1: 0}, linked=np.arange(3))
            figure = pcq_map(seen.plane, look=look)
            plot_data(figure)
    lengths = np.linalg.norm(moment.z_e.astype(np.float64), axis=1)
    if (lengths < 1e38).any():
        assert not is_empty(figure, "P")
    if not np.isfinite(lengths).any():
        assert is_empty(figure, "P")


def test_every_number_and_curve_is_there_or_a_dash(moment, problem):
    words = level_words("vector", 0, 1)
    row = headline(moment, problem, words)
    tile_data(row)
    assert not any(word in tile.value for tile in row for word in ("nan", "inf"))
    for group in ("learning", "P and C", "gradients"):
        plot_data(
            curves(
                curve_panels(group, moment.history, moment.num_codes),
                [],
                smoothing=3,
                last_step=moment.step,
                height=200,
            )
        )
    plot_data(level_bars(level_rows(moment, "vector"), shown=0))
    for log in (True, False):
        for order in ("sorted", "by code"):
            plot_data(gradient_bars(moment.gradient_norm, order=order, log=log))


def test_examples_and_the_card_of_a_code_are_drawn(moment, problem):
    if problem.task == "classification":
        captions, right = answers(moment, problem)
        assert not any("nan" in caption for caption in captions)
        plot_data(examples(moment.inputs, moment.code_maps, moment.num_codes, captions=captions, right=right))
    elif problem.task != "plane":
        plot_data(examples(moment.inputs, moment.code_maps, moment.num_codes, reconstructions=moment.outputs))
    code = int(moment.codes[0])
    card(code_facts(moment, code), None, moment, problem)


def test_side_by_side_reads_it(moment, problem):
    each = {"whole": trained(problem.name), "diverged": moment, "alike": moment}
    snapshots = {name: dataclasses.replace(snapshot, variant=name) for name, snapshot in each.items()}
    for order in (snapshots, dict(reversed(snapshots.items()))):
        memory = MapMemory()
        for _ in range(2):
            plane = shared_plane("PCA", order, 0, memory, FakeProjection(), "stream")
            for by in ("role", "class", "usage", "age", "error", "gradient"):
                plot_data(maps(plane, shades=shared_shades(by, order, problem)))
        plot_data(compare_reading.bars(order, Choice(), log=True))
        for quantity in compare_reading.QUANTITY:
            panel = compare_reading.curve_panel(quantity, order)
            plot_data(curves([panel], [], smoothing=5, last_step=moment.step, height=200))
        html = table(order, None)
        assert not any(word in html for word in (">nan", ">inf", "nan%", "inf%"))


@pytest.mark.usefixtures("sessions")
def test_side_by_side_draws_it(monkeypatch):
    snapshots = Trainer.snapshots
    monkeypatch.setattr(
        Trainer, "snapshots", lambda self: tuple(diverged(each, LEFT["some of it"]) for each in snapshots(self))
    )
    page = open_script("compare/page.py", problem="digits", v1="baseline", v2="sync;sync=0.5", paused="1")
    session = registry().find(query(page)["session"]).session
    for _ in range(2):
        ticket = session.send(StepCommand())
        assert session.wait(lambda each, ticket=ticket: each.status().commands_done >= ticket, SECONDS)
        run(page)
    assert shown(page) >= {"compare-map", "compare-bars", "compare-curves"}
