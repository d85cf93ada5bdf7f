"""The picture of the Live page: held-out images whole, what becomes of them, and the code at each place."""

from dataclasses import dataclass
from functools import partial

from app.panels.chart import file_name
from app.panels.charts import plane_of
from app.panels.map_shades import shade
from app.panels.part import Part
from app.panels.picture_parts import Seen, given_part, places_part, said_of, seen_part, used_of, waiting_part
from app.panels.picture_subject import Subject, subject_of, z_e_of
from app.panels.scene import Scene
from app.panels.story_reading import thrown
from app.sessions.planes import Shown
from vqcore.history import Floats, Ints
from vqcore.projection.service import ProjectionService
from vqcore.snapshot import Snapshot

WAITING = "The picture of this moment is on its way …"
NOT_KEPT = "Nobody looked at the picture at this step or before it, so that none was kept. Later steps have one."


@dataclass(frozen=True, slots=True)
class Pictured:
    """The snapshot whose picture is shown: the moment's own, or the last before it that has one."""

    snapshot: Snapshot
    subject: Subject


def picture_parts(scene: Scene, projection: ProjectionService, *, with_places: bool) -> dict[str, Part]:
    """All parts of the panel, by key."""
    alone = left_alone(scene)
    shown = pictured(scene, scene.snapshot, beside=alone is not None)
    if shown is None:
        said = WAITING if scene.cursor is None else NOT_KEPT
        return {"picture": waiting_part(said)}
    snapshot, subject, problem = shown.snapshot, shown.subject, scene.problem
    lit = scene.focus.choice.codes_in(scene.snapshot) if scene.focus.choice else None
    seen = [_seen(scene, shown, lit)]
    if alone is not None:
        seen.append(Seen(name=alone[0], label=alone[0], subject=alone[1].subject, num_codes=0, shows_codes=False))
    status, recipe = scene.status, scene.status.recipe
    what = f"{recipe.problem} {recipe.seed} {snapshot.num_codes}"
    steps = [(each.label, each.subject.step, each.subject.step != scene.snapshot.step) for each in seen]
    looks = scene.view.controls["colour"], len(snapshot.events), None if lit is None else lit.tolist(), seen[0].pins
    revision = f"{scene.entry.watch_id} {status.run} {what} {snapshot.variant} {snapshot.level} {steps} {looks}"
    stamp = [f"step {subject.step:,}"] if scene.follows or subject.step != scene.snapshot.step else []
    of = scene.snapshot.monitor_of // scene.snapshot.vectors_per_input
    images, size = said_of(subject, of)
    said = " · ".join([*stamp, *used_of(subject, snapshot.num_codes), images])
    origin = status.run if status.paused_run is None else status.paused_run  # all experiments have its images
    given = (
        f"{scene.entry.watch_id} {origin} {what} {subject.given.shape}"  # of a classifier fewer beside another run
    )
    parts = {
        "picture-given": given_part(subject, problem, snapshot.num_codes, given),
        "picture": seen_part(
            seen, status.run, scene.snapshot.step, (said, size), revision, file_name("picture", scene, snapshot)
        ),
    }
    z_e = z_e_of(snapshot, problem) if with_places else None
    if z_e is not None:
        plane = plane_of(scene, projection)
        where = f"{subject.step} {snapshot.level} {plane.plane.axis_titles} {plane.note} {plane.snapshot.step}"
        parts["picture-places"] = places_part(z_e, partial(_project, plane), subject.step, where)
    return parts


def pictured(scene: Scene, snapshot: Snapshot, *, beside: bool) -> Pictured | None:
    """The picture of `snapshot`, or of the last kept moment before it that has one; `beside` as in `subject_of`."""
    if (subject := subject_of(snapshot, scene.problem, beside=beside)) is not None:
        return Pictured(snapshot, subject)
    for kept in reversed(scene.entry.session.moments()):
        levels = kept.snapshots.get(snapshot.variant)
        if kept.step > snapshot.step or levels is None:
            continue
        earlier = levels[min(snapshot.level, len(levels) - 1)]
        if (subject := subject_of(earlier, scene.problem, beside=beside)) is not None:
            return Pictured(earlier, subject)
    return None


def left_alone(scene: Scene) -> tuple[str, Pictured] | None:
    """Another variant and what it is called: the run without the newest switches, where there is one."""
    found: list[tuple[bool, int, str, Pictured]] = []
    began, mine = scene.entry.session.recipes, thrown(scene.snapshot.events)
    for name in scene.entry.session.recipes:
        other = None if name == scene.snapshot.variant else _at(scene, name)
        if other is None or (shown := pictured(scene, other, beside=True)) is None:
            continue
        its = thrown(other.events)
        is_alone = (
            its == mine[: len(its)] and len(its) < len(mine) and began.get(name) == began.get(scene.snapshot.variant)
        )
        found.append((is_alone, len(its), name, shown))
    if not found:
        return _left_aside(scene)
    is_alone, _, name, shown = max(found, key=lambda each: (each[0], each[1]))
    return ("left alone" if is_alone else name), shown


def _left_aside(scene: Scene) -> tuple[str, Pictured] | None:
    """Of an experiment the run that was left alone, at this step or the last before it."""
    for kept in reversed(scene.entry.session.moments_left_alone()):
        levels = kept.snapshots.get(scene.snapshot.variant)
        if kept.step > scene.snapshot.step or levels is None:
            continue
        there = levels[min(scene.snapshot.level, len(levels) - 1)]
        if (subject := subject_of(there, scene.problem, beside=True)) is not None:
            is_earlier = subject.step != scene.snapshot.step
            return f"left alone{f', step {subject.step:,}' if is_earlier else ''}", Pictured(there, subject)
    return None


def _at(scene: Scene, name: str) -> Snapshot | None:
    session, level = scene.entry.session, scene.snapshot.level
    if scene.cursor is None:
        return session.latest(name, level, wish=False)
    return session.at(scene.snapshot.step, name, level)


def _seen(scene: Scene, shown: Pictured, lit: Ints | None) -> Seen:
    snapshot, focus = shown.snapshot, scene.focus
    return Seen(
        name=snapshot.variant,
        label="answers" if scene.problem.task == "classification" else "reconstruction",
        subject=shown.subject,
        num_codes=snapshot.num_codes,
        shade=shade(scene.view.controls["colour"], snapshot, scene.problem),
        lit=lit,
        pins=focus.pinned(snapshot.level),
    )


def _project(plane: Shown, z_e: Floats) -> Floats:
    """Where `z_e` (n, D) lie in the map; in a layout, where the nearest vectors that it has lie."""
    if plane.project is not None:
        return plane.project(z_e)
    known = plane.snapshot.z_e
    apart = (known**2).sum(1) - 2 * z_e @ known.T  # (n, M) up to what all share
    nearest: Floats = plane.plane.p[apart.argmin(1)]
    return nearest
