"""The parts of the side-by-side page, by the key of the element that shows each."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from app import wording
from app.figures.curves import curves
from app.figures.reconstructions import reconstructions
from app.live_plot.component import plot_part
from app.panels.compare_examples import examples_said, rows_of
from app.panels.compare_map import map_legend, maps, shared_shades
from app.panels.compare_picture import compare_picture
from app.panels.compare_reading import bars, curve_panel, label_margin, markers, seed_panel, selected
from app.panels.compare_scene import CompareScene
from app.panels.compare_table import table
from app.panels.live_parts import progress_part, status_part
from app.panels.markup import markup
from app.panels.part import Part, html_part, said_part
from app.panels.readings import status_line_of
from app.panels.transport_part import transport_part
from app.sessions.seed_runs import SeedRuns
from app.sessions.shared_planes import SharedPlane, shared_plane
from app.wording import level_words
from vqcore.diagnostics.usage import enough_to_judge
from vqcore.projection.service import ProjectionService
from vqcore.training.status import State

CURVES_HEIGHT = 148

TABLE_NOTE = (
    "All by the same N = {vectors:,} held-out vectors, each line at its step. Beside each number: its difference "
    "from {first}, in percent for losses and errors"
)
SEEDS_NOTE = "; of seeds the mean, and minimum – maximum"


def compare_parts(scene: CompareScene, wanted: Collection[str], projection: ProjectionService) -> dict[str, Part]:
    """Those parts that are `wanted` and that the scene has."""
    made = {"status": status_part(_status(scene))}
    if "compare-transport" in wanted:
        made["compare-transport"] = transport_part(scene.entry.session, scene.status)
    if "compare-seeds-progress" in wanted:
        made["compare-seeds-progress"] = _seeds(scene.seeds)
    if not scene.snapshots:
        return made
    groups: Mapping[str, Callable[[CompareScene], dict[str, Part]]] = {
        "compare-map": lambda scene: _map(scene, projection),
        "compare-bars": _bars,
        "compare-curves": _curves,
        "compare-examples": _examples,
        "compare-picture": compare_picture,
        "compare-table": _table,
    }
    for key, make in groups.items():
        if key in wanted:
            made |= make(scene)
    return made


def _status(scene: CompareScene) -> Any:
    facts = [f"step {scene.step:,}"]
    if scene.status.state is State.RUNNING:
        facts.append(f"{scene.status.steps_per_second:.1f} steps/s each")
    return status_line_of(scene.status, facts)


def plane_of(scene: CompareScene, projection: ProjectionService) -> SharedPlane:
    """The plane that the maps are drawn in."""
    stream = scene.entry.shared_stream(scene.first.level)
    wanted = scene.view.controls["map"]
    return shared_plane(wanted, scene.snapshots, scene.together.run, scene.memory, projection, stream)


def _map(scene: CompareScene, projection: ProjectionService) -> dict[str, Part]:
    first, choice, by = scene.first, scene.view.choice, scene.view.controls["colour"]
    plane = plane_of(scene, projection)
    shades = shared_shades(by, plane.snapshots, scene.problem)
    shown_at = [snapshot.step for snapshot in plane.snapshots.values()]
    aspect = scene.view.controls["aspect"]
    revision = f"{_moment(scene)} {plane.note} {hash(tuple(shown_at))} {by} {aspect} {hash(choice)}"

    def make() -> dict[str, Any]:
        return plot_part(
            maps(plane, scene.notes(plane.snapshots), shades, equal=aspect == "equal"),
            revision=revision,
            selectable="all",
            selected=selected(plane.snapshots, choice),
            file_name=f"side-by-side-map-step-{max(shown_at)}",
        )

    words = level_words(scene.recipe.structure, first.level, len(first.levels))
    said = [f"showing {len(first.z_e):,} of {first.monitor_of:,} held-out {words.vectors} of each variant"]
    said[0] += f" (random inputs, seed {scene.recipe.seed}; the same inputs in all)"
    said += [plane.note, "dead: nearest to none of these"]
    said += [f"colour: {next(iter(shades.values())).title}"] if shades else []
    said += ["one scale: positions compare"] if plane.keeps_distances else []
    said += [] if plane.keeps_distances else [wording.UMAP_CAUTION]
    progress = progress_part(
        projection, scene.entry.shared_stream(first.level), is_shown=scene.view.controls["map"] == "UMAP"
    )
    return {
        "compare-map": Part(revision, make, is_shared=True),
        "compare-map-said": said_part(said),
        "compare-map-legend": html_part(map_legend(plane, shades)),
        "compare-map-progress": progress,
    }


def _bars(scene: CompareScene) -> dict[str, Part]:
    snapshots, first, choice, scale = scene.snapshots, scene.first, scene.view.choice, scene.view.controls["scale"]
    revision = f"{_moment(scene)} {scale} {hash(choice)}"

    def make() -> dict[str, Any]:
        return plot_part(
            bars(snapshots, choice, scene.notes(snapshots), log=scale == "log"),
            revision=revision,
            selectable="box",
            selected=selected(snapshots, choice),
            file_name=f"side-by-side-usage-step-{scene.step}",
        )

    vectors = len(first.codes)
    said = "codes, most used first in each variant · dashed: even use · "
    said += f"N = {vectors:,} held-out vectors, N/K = {vectors / first.num_codes:,.3g}"
    most = max(snapshot.num_codes for snapshot in snapshots.values())
    said += "" if enough_to_judge(vectors, most) else " · too few vectors to judge"
    return {"compare-bars": Part(revision, make, is_shared=True), "compare-bars-said": said_part([said])}


def _curves(scene: CompareScene) -> dict[str, Part]:
    quantity = scene.view.controls["curve"]
    if scene.view.controls["of"] == "seeds" and scene.seeds is not None and scene.seeds.results:
        return _curves_of_seeds(scene, scene.seeds)
    snapshots, smoothing = scene.snapshots, scene.view.controls["smoothing"]
    revision = f"{_moment(scene)} {quantity} {smoothing}"

    def make() -> dict[str, Any]:
        figure = curves(
            [curve_panel(quantity, snapshots)],
            markers(snapshots),
            smoothing=int(smoothing),
            last_step=scene.step,
            height=CURVES_HEIGHT,
        )
        figure["layout"]["margin"]["r"] = label_margin(list(snapshots))
        return plot_part(figure, revision=revision, file_name="side-by-side-curves")

    note = f"{_meaning(scene, quantity)} · log scale · one seed: “Train seeds” shows whether it holds on others"
    return {"compare-curves": Part(revision, make, is_shared=True), "compare-curves-said": said_part([note])}


def _curves_of_seeds(scene: CompareScene, runs: SeedRuns) -> dict[str, Part]:
    quantity, results, plan = scene.view.controls["curve"], runs.results, runs.plan
    most = max(recipe.num_codes for _, recipe in plan.recipes)
    revision = f"seeds {runs.id} {len(results)} {quantity}"

    def make() -> dict[str, Any]:
        figure = curves(
            [seed_panel(quantity, results, most)], [], smoothing=1, last_step=plan.steps, height=CURVES_HEIGHT
        )
        figure["layout"]["margin"]["r"] = label_margin([name for name, _ in plan.recipes])
        return plot_part(figure, revision=revision, file_name="side-by-side-seeds")

    first = plan.recipes[0][1].seed
    note = f"{_meaning(scene, quantity)} · log scale · line: mean of {len(results)} seeds from {first} on"
    note += " · band: minimum to maximum"
    return {"compare-curves": Part(revision, make), "compare-curves-said": said_part([note])}


def _meaning(scene: CompareScene, quantity: str) -> str:
    meanings = {
        "perplexity": wording.MEANINGS["perplexity"],
        "in use": "codes that are nearest to at least one held-out vector",
        "task loss": f"task loss: {scene.problem.loss_name}",
        "‖z_e−z_q‖²": "‖z_e − z_q‖², summed over features, mean over vectors",
    }
    return f"{meanings[quantity]}, by the held-out vectors"


def _seeds(runs: SeedRuns | None) -> Part:
    """How far the trainings over seeds are, and what went wrong in them."""
    if runs is None:
        return html_part("")
    done, plan = len(runs.results), runs.plan
    said = f"{done} of {plan.seeds} seeds, {plan.steps:,} steps each"
    if not runs.is_running and done < plan.seeds:
        said += ", ended"
    return html_part(
        markup(
            "seeds",
            said=said,
            share=runs.share if runs.is_running else None,
            problem=runs.problem,
            sentences=runs.diverged,
        )
    )


def _examples(scene: CompareScene) -> dict[str, Part]:
    revision = _moment(scene)

    def make() -> dict[str, Any]:
        figure = reconstructions(rows_of(scene))
        return plot_part(figure, revision=revision, file_name=f"side-by-side-outputs-step-{scene.step}")

    said = said_part([examples_said(scene)])
    return {"compare-examples": Part(revision, make, is_shared=True), "compare-examples-said": said}


def _table(scene: CompareScene) -> dict[str, Part]:
    seeds = scene.seeds if scene.seeds is not None and scene.seeds.results else None
    html = table(scene.snapshots, seeds, {name: broken.step for name, broken in scene.broken.items()})
    said = TABLE_NOTE.format(vectors=len(scene.first.codes), first=next(iter(scene.snapshots)))
    said += SEEDS_NOTE if seeds is not None else ""
    return {"compare-table": html_part(html), "compare-table-said": said_part([f"{said}."])}


def _moment(scene: CompareScene) -> str:
    """A key that changes when there is something new to draw."""
    events = sum(len(snapshot.events) for snapshot in scene.snapshots.values())
    drawn = [(name, snapshot.step, snapshot.num_codes) for name, snapshot in scene.snapshots.items()]
    run = f"{scene.entry.watch_id} {scene.together.run} {hash(tuple(scene.together.recipes.values()))}"
    return f"{run} {scene.first.level} {events} {len(scene.broken)} {hash(tuple(drawn))}"
