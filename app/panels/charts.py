"""The map, the curves and the examples of the Live page, each from a scene."""

from collections.abc import Mapping
from typing import Any

from app import wording
from app.figures.curves import curves
from app.figures.map_layers import Look, read_layers
from app.figures.pcq_map import pcq_map
from app.figures.switch_marks import Marker
from app.links.selection import Focus
from app.panels.chart import LOWER, UPPER, Chart, file_name, moment
from app.panels.earlier_runs import beside, earlier_key, earlier_panels, earlier_run, last_step_seen
from app.panels.map_shades import shade
from app.panels.readings import curve_panels
from app.panels.scene import Scene
from app.panels.schedule_curve import schedule_panels
from app.panels.switch_words import event_words
from app.sessions import planes
from app.sessions.planes import MapSettings, Shown
from vqcore.projection.service import ProjectionService
from vqcore.snapshot import Snapshot

MAP_TITLE = "P · C · Q"


def map_chart(scene: Scene, projection: ProjectionService, *, judges: bool = True) -> Chart:
    """P, C and Q of the level shown, in one plane; `judges` as in `planes.show`."""
    controls, snapshot, focus = scene.view.controls, scene.snapshot, scene.focus
    memory = scene.entry.maps.of(snapshot, scene.status.run)
    view = plane_shown(controls["map"], snapshot)
    shown = plane_of(scene, projection, judges=judges)
    drawn = f"{moment(scene, shown.snapshot, focus)} {controls['layers']} {controls['colour']} {controls['aspect']}"
    is_late = shown.snapshot.step != snapshot.step
    own = scene.entry.id if view == "UMAP" else ""  # each watcher has layouts of its own

    def drawing() -> dict[str, Any]:
        look = Look(
            layers=read_layers(controls["layers"]),
            shade=shade(controls["colour"], shown.snapshot, scene.problem),
            pins=focus.pinned(snapshot.level),
            linked=focus.choice.vectors_in(shown.snapshot) if focus.choice else None,
            equal_scale=controls["aspect"] == "equal",
        )
        plane = view if view != "UMAP" or not shown.plane.keeps_distances else "PCA for now"  # on axes of its own
        return pcq_map(shown.plane, revision=f"{scene.words.name} {plane}", look=look)

    return Chart(
        title=MAP_TITLE,
        said=_said_of_map(scene, shown),
        warning=focus.sentence,
        revision=f"{drawn} {view} {shown.note} {memory.fitted_at} {own} {is_late}",
        is_late=is_late,
        drawing=drawing,
        height=UPPER,
        file_name=file_name("map", scene, shown.snapshot),
        selectable="all",
        selected=focus.choice.ids_in(shown.snapshot),
    )


def plane_of(scene: Scene, projection: ProjectionService, *, judges: bool = False) -> Shown:
    """Where P and C lie; `judges` as in `planes.show`."""
    controls, snapshot, is_past = scene.view.controls, scene.snapshot, scene.cursor is not None
    memory = scene.entry.maps.of(snapshot, scene.status.run)
    view = plane_shown(controls["map"], snapshot)
    stream = scene.entry.stream(snapshot.level, is_past=is_past)
    settings = settings_of(controls)
    return planes.show(view, snapshot, memory, projection, stream, settings, is_past=is_past, judges=judges)


def judge_map(scene: Scene, projection: ProjectionService) -> None:
    """Compute how far the map can be trusted, if that is due, for the next frame."""
    memory, is_past = scene.entry.maps.of(scene.snapshot, scene.status.run), scene.cursor is not None
    plane = plane_shown(scene.view.controls["map"], scene.snapshot)
    if planes.trust_is_due(plane, scene.snapshot, memory, is_past=is_past):
        map_chart(scene, projection)


def plane_shown(wanted: str, snapshot: Snapshot) -> Any:
    """The plane of the map: `wanted`, or the first that is available in the latent space."""
    views = planes.views_of(snapshot)
    return wanted if wanted in views else views[0]


def settings_of(controls: Mapping[str, str]) -> MapSettings:
    """Values of the plane's controls, drawn or not."""
    first, second = (int(controls[name]) if controls[name] else None for name in ("code_a", "code_b"))
    return MapSettings(int(controls["neighbours"]), float(controls["min_dist"]), first, second)


def _said_of_map(scene: Scene, shown: Shown) -> tuple[str, ...]:
    count, of = len(shown.snapshot.z_e), scene.snapshot.monitor_of
    # The first of these are always in view, in a low window they alone.
    said = [_selected(scene.focus, shown.snapshot)] if scene.focus.choice else []
    said += [] if shown.plane.keeps_distances else [wording.UMAP_CAUTION]
    said.append(
        f"showing {count:,} of {of:,} held-out {scene.words.vectors} (random inputs, seed {scene.status.recipe.seed})"
    )
    said.append("dead: nearest to none of these")
    if (moments := len(shown.plane.paths)) and "paths" in read_layers(scene.view.controls["layers"]):
        said.append(f"paths: the last {moments + 1:,} moments")
    said += [wording.trust(*shown.trust)] if shown.trust else []
    said += [shown.note] if shown.note else []
    return tuple(said)


def _selected(focus: Focus, snapshot: Snapshot) -> str:
    chosen = {"vector": len(focus.choice.vectors_in(snapshot)), "code": len(focus.choice.codes_in(snapshot))}
    counted = [f"{count:,} {noun}{'' if count == 1 else 's'}" for noun, count in chosen.items()]
    return f"selected {' and '.join(counted)} (Escape clears)"


def curves_chart(scene: Scene) -> Chart:
    """What has changed through time, with a mark at every switch."""
    snapshot, status, controls = scene.newest, scene.status, scene.view.controls
    group, smoothing = controls["curves"], int(controls["smoothing"])
    others = {name: f"{name}: " for name in status.variants if name != snapshot.variant}
    earlier = earlier_run(scene)  # its own part of the page: sent once, not with every moment
    until = last_step_seen(scene, earlier)

    def drawing() -> dict[str, Any]:
        panels = curve_panels(group, snapshot.history, snapshot.num_codes)
        panels = panels if earlier is None else beside(panels, earlier_panels(scene, earlier), until)
        if group == "learning":
            panels = [*panels, *schedule_panels(scene.entry.one.recipe.options, snapshot.events, snapshot.step)]
        return curves(
            panels,
            [
                Marker(step=event.step, label=others.get(event.variant, "") + event_words(event))
                for event in snapshot.events
            ],
            smoothing=smoothing,
            last_step=until,
            height=LOWER,
            cursor=scene.cursor,
        )

    return Chart(
        title="Through time",
        said=(
            wording.curve_note(group, scene.problem.loss_name, scene.words, snapshot.num_codes, len(snapshot.codes)),
            *([] if earlier is None else [f"dotted: {earlier.words}"]),
        ),
        revision=f"{moment(scene, snapshot)} {group} {smoothing} {scene.cursor} {earlier_key(scene, earlier)}",
        drawing=drawing,
        height=LOWER,
        file_name=file_name("curves", scene, snapshot),
    )
