"""The parts of the side-by-side page, by the key of the element that shows each."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from app import wording
from app.figures.curves import curves
from app.links.compare_view import CompareView
from app.live_plot.component import plot_part
from app.panels.compare_reading import (
    bars,
    curve_panel,
    label_margin,
    map_legend,
    maps,
    markers,
    selected,
    shared_plane,
    table,
)
from app.panels.live_parts import Part, html_part, said_part, status_part
from app.panels.readings import status_line_of
from app.sessions.entry import Entry
from app.sessions.planes import MapMemory
from app.wording import level_words
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.problems.catalogue import find_problem
from vqcore.snapshot import Snapshot
from vqcore.training.status import State, Status

CURVES_HEIGHT = 154

TABLE_NOTE = (
    "Newest training batch; usage over {window}. Beside each number: its difference from {first}, in percent "
    "for losses and errors."
)


@dataclass(frozen=True, slots=True)
class CompareScene:
    """One moment of all variants, and how the reader wants to see it."""

    entry: Entry
    status: Status
    snapshots: Mapping[str, Snapshot]
    """Snapshots by variant, all of one step; empty before the first."""

    view: CompareView

    @property
    def first(self) -> Snapshot:
        """The snapshot of the first variant."""
        return next(iter(self.snapshots.values()))

    @property
    def memory(self) -> MapMemory:
        """Memory of the plane that all share."""
        return self.entry.shared_maps.of(self.first, self.status.run)


def compare_scene(entry: Entry, view: CompareView) -> CompareScene:
    """What `view` shows of the session now."""
    snapshots = entry.session.latest_of_all(int(view.controls["level"]) - 1, wish=False)
    choice = view.choice
    for snapshot in snapshots.values():
        choice, _ = choice.within(snapshot)
    return CompareScene(entry, entry.session.status(), snapshots, CompareView(view.controls, choice, view.hands))


def compare_parts(scene: CompareScene, wanted: Collection[str]) -> dict[str, Part]:
    """Those parts that are `wanted` and that the scene has."""
    made = {"status": status_part(_status(scene))}
    if not scene.snapshots:
        return made
    groups: Mapping[str, Callable[[CompareScene], dict[str, Part]]] = {
        "compare-map": _map,
        "compare-bars": _bars,
        "compare-curves": _curves,
        "compare-table": _table,
    }
    for key, make in groups.items():
        if key in wanted:
            made |= make(scene)
    return made


def _status(scene: CompareScene) -> Any:
    facts = [f"step {scene.first.step if scene.snapshots else 0:,}"]
    if scene.status.state is State.RUNNING:
        facts.append(f"{scene.status.steps_per_second:.1f} steps/s each")
    return status_line_of(scene.status, facts)


def _map(scene: CompareScene) -> dict[str, Part]:
    snapshots, first, memory, choice = scene.snapshots, scene.first, scene.memory, scene.view.choice
    basis = shared_plane(snapshots, memory)
    aspect = scene.view.controls["aspect"]
    revision = f"{_moment(scene)} {memory.fitted_at} {hash(choice)} {aspect}"

    def make() -> dict[str, Any]:
        return plot_part(
            maps(snapshots, basis, equal=aspect == "equal"),
            revision=revision,
            selectable="all",
            selected=selected(snapshots, choice),
            file_name=f"side-by-side-map-step-{first.step}",
        )

    words = level_words(scene.status.recipe.structure, first.level, len(first.levels))
    said = [f"showing {len(first.z_e):,} of {first.monitor_of:,} held-out {words.vectors} of each variant"]
    said[0] += f" (random inputs, seed {scene.status.recipe.seed}; the same inputs in all)"
    said.append(
        f"one plane for all, fitted to all variants together at step {memory.fitted_at:,}"
        if basis is not None
        else "the two features as they are"
    )
    said.append("one scale: positions compare · dead: nearest to none of these")
    return {
        "compare-map": Part(revision, make, is_shared=True),
        "compare-map-said": said_part(said),
        "compare-map-legend": html_part(map_legend(snapshots)),
    }


def _bars(scene: CompareScene) -> dict[str, Part]:
    snapshots, first, choice, scale = scene.snapshots, scene.first, scene.view.choice, scene.view.controls["scale"]
    revision = f"{_moment(scene)} {scale} {hash(choice)}"

    def make() -> dict[str, Any]:
        return plot_part(
            bars(snapshots, choice, log=scale == "log"),
            revision=revision,
            selectable="box",
            selected=selected(snapshots, choice),
            file_name=f"side-by-side-usage-step-{first.step}",
        )

    total = first.window_vectors
    said = "codes, most used first in each variant · dashed: even use · "
    said += wording.usage_window(first.window_batches, total)
    said += f", N/K = {total / first.num_codes:,.3g}" if total else ""
    most = max(snapshot.num_codes for snapshot in snapshots.values())
    said += " · too few vectors to judge" if total and not enough_to_judge(total, most) else ""
    return {"compare-bars": Part(revision, make, is_shared=True), "compare-bars-said": said_part([said])}


def _curves(scene: CompareScene) -> dict[str, Part]:
    snapshots, controls = scene.snapshots, scene.view.controls
    revision = f"{_moment(scene)} {controls['curve']} {controls['smoothing']}"

    def make() -> dict[str, Any]:
        figure = curves(
            [curve_panel(controls["curve"], snapshots)],
            markers(snapshots),
            smoothing=int(controls["smoothing"]),
            last_step=scene.first.step,
            height=CURVES_HEIGHT,
        )
        figure["layout"]["margin"]["r"] = label_margin(list(snapshots))
        return plot_part(figure, revision=revision, file_name="side-by-side-curves")

    note = _curve_note(controls["curve"], scene.status.recipe.problem, scene.first)
    return {"compare-curves": Part(revision, make, is_shared=True), "compare-curves-said": said_part([note])}


def _curve_note(quantity: str, problem: str, first: Snapshot) -> str:
    meanings = {
        "perplexity": wording.MEANINGS["perplexity"],
        "active codes": wording.MEANINGS["active_codes"],
        "task loss": f"task loss of each batch: {find_problem(problem).loss_name}",
        "‖z_e−z_q‖²": wording.MEANINGS["quantization_error"],
    }
    of_usage = quantity in ("perplexity", "active codes")
    window = f"; {wording.usage_window(first.window_batches, first.window_vectors)}" if of_usage else ""
    return (
        f"{meanings[quantity]}{window} · log scale · one seed: “Train seeds” in the sidebar shows whether it holds "
        "on others"
    )


def _table(scene: CompareScene) -> dict[str, Part]:
    first = scene.first
    said = "No batch yet."
    if first.step:
        window = wording.usage_window(first.window_batches, first.window_vectors)
        said = TABLE_NOTE.format(window=window, first=next(iter(scene.snapshots)))
    return {"compare-table": html_part(table(scene.snapshots)), "compare-table-said": said_part([said])}


def _moment(scene: CompareScene) -> str:
    """A key that changes when there is something new to draw."""
    events = sum(len(snapshot.events) for snapshot in scene.snapshots.values())
    sizes = [(name, snapshot.num_codes) for name, snapshot in scene.snapshots.items()]
    run = f"{scene.entry.watch_id} {scene.status.run} {hash(scene.status.recipes)}"
    return f"{run} {scene.first.step} {scene.first.level} {events} {hash(tuple(sizes))}"
