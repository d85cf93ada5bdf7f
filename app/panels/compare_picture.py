"""The picture of the page side by side: the same held-out images, and what each variant makes of them."""

from app.figures.side_by_side import variant_colour
from app.panels.compare_map import shared_shades
from app.panels.compare_scene import CompareScene
from app.panels.part import Part
from app.panels.picture_parts import Seen, given_part, said_of, seen_part, waiting_part
from app.panels.picture_subject import subject_of

WAITING = "The picture of this moment is on its way …"


def compare_picture(scene: CompareScene) -> dict[str, Part]:
    """The parts of the panel, by key. A variant that broke before it had a picture is left out."""
    notes, choice, by = scene.notes(scene.snapshots), scene.view.choice, scene.view.controls["colour"]
    shades = shared_shades(by, scene.snapshots, scene.problem)
    seen = [
        Seen(
            name=name,
            label=f"{name}, {notes[name]}" if name in notes else name,
            subject=subject,
            num_codes=snapshot.num_codes,
            shade=shades.get(name),
            lit=choice.codes_in(snapshot) if choice else None,
            colour=variant_colour(place),
        )
        for place, (name, snapshot) in enumerate(scene.snapshots.items())
        if (subject := subject_of(snapshot, scene.problem, beside=True)) is not None
    ]
    if not seen:
        return {"compare-picture": waiting_part(WAITING)}
    first, most = seen[0], max(each.num_codes for each in seen)
    run = f"{scene.entry.watch_id} {scene.together.run} {scene.recipe.problem} {scene.recipe.seed} {most}"
    shown = [(each.label, each.subject.step, each.lit is not None and hash(each.lit.tobytes())) for each in seen]
    revision = f"{run} {scene.first.level} {shown} {scene.step} {by}"
    of = scene.first.monitor_of // scene.first.vectors_per_input
    return {
        "compare-picture-given": given_part(first.subject, scene.problem, most, run),
        "compare-picture": seen_part(
            seen,
            scene.together.run,
            scene.step,
            said_of(first.subject, of),
            revision,
            f"side-by-side-picture-step-{scene.step}",
        ),
    }
