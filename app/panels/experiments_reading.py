"""The experiments of a scene's session as the page shows them. Knows no widget."""

from app.live_plot.experiments import Column, Strip, Tool, ToolButton
from app.panels.experiment_words import cells_of, formula, lines, measured
from app.panels.scene import Scene
from vqcore.snapshot import Snapshot
from vqcore.starts.catalogue import find_start
from vqcore.starts.start import Start
from vqcore.training.experiment_plan import Row
from vqcore.training.status import State

TRY = "try:"
"""What a click on an experiment says, before its name."""

MORE = "Each trains {steps:,} steps from here, on the same batches."

WATCHED = "You follow this session: only its owner can experiment."


def strip_of(scene: Scene) -> Strip:
    """What the element shows; without columns where this run has no experiments."""
    rows = scene.status.experiments
    if not scene.entry.start or not rows:
        return Strip("", "")
    start = find_start(scene.entry.start)
    pause, is_followed = _pause(scene, start), scene.entry.is_followed
    cells = cells_of(rows)
    return Strip(
        title=f"Experiments from step {start.pause_at:,}",
        said=_said(scene, start, pause),
        more=MORE.format(steps=start.steps) if scene.status.paused_run == scene.status.run else "",
        lines=lines(scene.problem, scene.snapshot.num_codes, len(scene.snapshot.codes)),
        columns=tuple(
            Column(
                name=row.name,
                meaning=f"{TRY}{row.name}",
                stage=row.stage,
                share=min(1.0, row.steps / start.steps) if row.stage == "training" else 0.0,
                shown=row.run is not None and row.run == scene.status.run,
                help=WATCHED if is_followed else _help(start, row),
                disabled=is_followed or row.stage in ("waiting", "broken"),
                cells=of_row,
            )
            for row, of_row in zip(rows, cells, strict=True)
        ),
        tools={} if is_followed else _tools(scene, start, pause),
    )


def has_symptom(start: Start, pause: Snapshot) -> bool:
    """Whether the moment of the pause shows what the start is about."""
    if start.symptom is None:
        return True
    accuracy = pause.held_out.accuracy
    return start.symptom.shows(pause.held_out.in_use / pause.num_codes, None if accuracy != accuracy else accuracy)


def _pause(scene: Scene, start: Start) -> Snapshot | None:
    """The moment of the pause, once it is there."""
    if scene.status.paused_run is None:
        return None
    found = scene.entry.one.at(start.pause_at)
    return found if found is not None and found.step == start.pause_at else None


def _said(scene: Scene, start: Start, pause: Snapshot | None) -> str:
    if scene.status.paused_run is None:
        return f"{start.title}: it pauses itself at step {start.pause_at:,}."
    under_way = next((row for row in scene.status.experiments if row.run == scene.status.run), None)
    if under_way is not None:
        if under_way.stage == "training":
            return f"{under_way.name}: {under_way.steps:,} of {start.steps:,} steps from step {start.pause_at:,} on."
        return f"{under_way.name}: {under_way.steps:,} steps after step {start.pause_at:,}."
    if pause is not None and not has_symptom(start, pause):
        assert start.symptom is not None
        return f"Seed {scene.status.recipe.seed} did not {start.symptom.words}. Another seed may."
    if pause is None:
        return f"{start.title}: paused at step {start.pause_at:,}."
    found = pause.held_out
    seen = start.look_at.format(in_use=found.in_use, num_codes=pause.num_codes, right=found.accuracy)
    return f"{seen} Which switch would you throw?"


def _tools(scene: Scene, start: Start, pause: Snapshot | None) -> dict[Tool, ToolButton]:
    rows, status = scene.status.experiments, scene.status
    is_busy = any(row.stage == "waiting" for row in rows) or (
        status.state is State.RUNNING and any(row.stage == "training" and row.run == status.run for row in rows)
    )
    tools: dict[Tool, ToolButton] = {}
    if is_busy and status.paused_run is not None:
        left = sum(row.stage in ("waiting", "training") for row in rows)
        tools["cancel"] = ToolButton(f"Cancel, {left} to go", "Forget those that wait and the one in training")
    elif any(row.stage == "offered" for row in rows):
        tools["all"] = ToolButton("Run all", "Train each in turn, from the same moment on the same batches")
    if status.paused_run not in (None, status.run):
        tools["pause"] = ToolButton(
            "Back to the pause", f"Show the run that stands at step {start.pause_at:,}", disabled=is_busy
        )
    if pause is not None and not has_symptom(start, pause):
        tools["seed"] = ToolButton(f"Try seed {status.recipe.seed + 1}", "Begin again with the next seed")
    return tools


def _help(start: Start, row: Row) -> str:
    does = {"done": "Click to see its curves, map and picture at any step.", "broken": "It broke."}
    parts = [formula(row.changes), measured(start, row.name), does.get(row.stage, "")]
    return "\n".join(filter(None, parts))
