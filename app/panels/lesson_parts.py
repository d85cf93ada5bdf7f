"""The parts of a lesson's step, by the key of the element that shows each."""

from collections.abc import Callable, Collection
from functools import cache
from typing import Any, NamedTuple

from app.live_plot.component import plot_part
from app.panels.lesson_figures import IN_A_PLANE, Figure, step_figures
from app.panels.lesson_layout import Row, rows
from app.panels.markup import markup
from app.panels.part import Part, html_part
from app.sessions.lesson_run import LessonRun
from demos.lesson import OF_ALL_TRAININGS, Step
from demos.record import Record

PROGRESS = "lesson-progress"
FEWER_INPUTS = 3
"""Numbers shown if several trainings are compared."""

OF_ALL = ("usage", "curves", *OF_ALL_TRAININGS)
"""Panels that change with every training of the step: their axes have room for what is beside them."""


class Slot(NamedTuple):
    """Where a chart stands."""

    key: str
    panel: str
    training: str
    """Empty where one chart shows all trainings."""


def slots_of(step: Step, row: Row) -> list[Slot]:
    """The charts of one row, from left to right, whether or not their trainings have begun."""
    wanted = [(panel, name) for panel in row.panels for name in (("",) if panel in OF_ALL_TRAININGS else step.shows)]
    return [Slot(f"lesson-{panel}-{place}", panel, name) for place, (panel, name) in enumerate(wanted)]


def slots_drawn(step: Step, seen: Record) -> list[str]:
    """The keys of the charts that have something to show."""
    begun = {name for name, _ in seen.moments}
    return [
        slot.key
        for row in rows(step.panels, len(step.shows))
        for slot in slots_of(step, row)
        if slot.training in begun or (not slot.training and begun)
    ]


def head_key(slot: Slot) -> str:
    """The element above a chart."""
    return f"{slot.key}-head"


def said_key(row: Row) -> str:
    """The element below a row of charts."""
    return f"lesson-{row.panels[0]}-said"


def lesson_parts(run: LessonRun, step: Step, seen: Record, wanted: Collection[str]) -> dict[str, Part]:
    """Those parts of `step` that are `wanted`, at the moments `seen`."""
    made = {PROGRESS: html_part(_progress(run))} if PROGRESS in wanted else {}
    if seen.moments:
        made |= _charts(run, step, seen)
    return {key: part for key, part in made.items() if key in wanted}


def _progress(run: LessonRun) -> str:
    done, total = run.progress()
    return markup("lesson_progress", done=done, total=total)


def _charts(run: LessonRun, step: Step, seen: Record) -> dict[str, Part]:
    layout = rows(step.panels, len(step.shows))

    @cache
    def figures() -> dict[tuple[str, str], Figure]:
        """Made together since they share scales, and only if one of them is new to the watcher."""
        found = step_figures(
            step,
            seen,
            heights={panel: row.height for row in layout for panel in row.panels},
            bases={name: run.trainings[name].plane(moment, step.at) for (name, _), moment in seen.moments.items()},
            inputs=FEWER_INPUTS if len(step.shows) > 1 else None,
        )
        return {(each.panel, each.training): each for each in found}

    made: dict[str, Part] = {}
    for row in layout:
        made |= _row(run, step, row, seen, figures)
    return made


def _row(
    run: LessonRun, step: Step, row: Row, seen: Record, figures: Callable[[], dict[tuple[str, str], Figure]]
) -> dict[str, Part]:
    slots = slots_of(step, row)
    alone = len(step.shows) == 1 or row.panels[0] in OF_ALL_TRAININGS
    begun = {name for name, _ in seen.moments}
    made: dict[str, Part] = {}
    for slot in slots:
        if slot.training and slot.training not in begun:
            continue
        revision = _revision(run, seen, row, slot)

        def head(slot: Slot = slot) -> dict[str, Any]:
            figure = figures()[slot.panel, slot.training]
            title, aside = (figure.title if alone else figure.moment), (figure.moment if len(slots) == 1 else "")
            return {"html": markup("lesson_heading", title=title, aside=aside, lines=row.lines)}

        def chart(slot: Slot = slot, revision: str = revision) -> dict[str, Any]:
            name = f"{run.lesson.name}-{slot.panel}-step-{run.number}"
            return plot_part(figures()[slot.panel, slot.training].plot, revision=revision, file_name=name)

        made[head_key(slot)] = Part(revision, head, is_shared=run.room.is_open)
        made[slot.key] = Part(revision, chart, is_shared=run.room.is_open)

    def said() -> dict[str, Any]:
        notes = [each.note for key, each in figures().items() if key[0] in row.panels and each.note]
        planes = [_planes(run, step)] if set(IN_A_PLANE) & set(row.panels) else []
        return {"html": markup("lesson_caption", sentences=[*dict.fromkeys(notes), *planes])}

    made[said_key(row)] = Part(_revision(run, seen, row), said, is_shared=run.room.is_open)
    return made


def _revision(run: LessonRun, seen: Record, row: Row, slot: Slot | None = None) -> str:
    """Another one for each moment; of one training where the rest cannot be seen in the chart."""
    of_all = slot is None or slot.panel in OF_ALL
    moments = [
        (name, moment.step, len(moment.events))
        for (name, _), moment in seen.moments.items()
        if of_all or (slot is not None and slot.training == name)
    ]
    return f"{run.number} {row.height} {hash(tuple(moments))}"


def _planes(run: LessonRun, step: Step) -> str:
    fitted = dict.fromkeys(f"{run.trainings[name].fitted_at:,}" for name in step.shows)
    return f"{'Each its own plane' if len(step.shows) > 1 else 'Plane'}, fitted at step {' and '.join(fitted)}."
