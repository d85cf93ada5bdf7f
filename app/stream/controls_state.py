"""What the controls of a page depend on: if it has changed, the page's script must run."""

import hashlib
from collections.abc import Iterable

from app.panels.compare_scene import CompareScene
from app.panels.lesson_parts import slots_drawn
from app.panels.scene import Scene
from app.panels.verdict_words import in_force, remedied, thrown_by
from app.sessions.entry import Entry
from app.sessions.films import films
from app.sessions.followed_lesson import FollowedLesson
from app.sessions.lesson_run import LessonRun
from app.sessions.recorded_run import OpenedRuns
from app.sessions.run_folder import RunFolder
from demos.lesson import Step
from demos.record import Record
from vqcore.training.status import State, Status


def sidebar_state(entry: Entry, status: Status) -> str:
    """What the sidebar, the message and the choice of variants depend on."""
    return _digest(
        entry.variant,
        status.state,
        status.recipe,
        tuple(entry.session.recipes),
        status.run,
        status.can_undo,
        status.speed_limit,
        status.message,
        status.details,
    )


def heads_state(scene: Scene | None) -> str:
    """What the heads of the panels, the list of runs, the place of the experiments and the remedies depend on."""
    if scene is None:
        return "nothing to see"
    snapshot, verdict = scene.snapshot, remedied(scene)
    remedies = None
    if verdict is not None:
        recipe = scene.status.recipe
        remedies = verdict.what, [in_force(changes, recipe) for _, changes in thrown_by(verdict)]
    return _digest(
        snapshot.level,
        len(snapshot.levels),
        snapshot.codebook.shape,
        scene.cursor is not None,
        films().state(scene.entry.id),
        bool(scene.status.experiments),
        remedies,
        [(past.run, past.variant, past.step) for past in scene.entry.session.past_runs()],
        _of_unquantized(scene.entry),
    )


def _of_unquantized(entry: Entry) -> object:
    work = entry.without_quantization
    return None if work is None else (work.steps, work.is_running, work.problem)


def compare_sidebar_state(status: Status) -> str:
    """What the sidebar and the message of the side-by-side page depend on."""
    return _digest(
        status.state,
        status.variants,
        status.recipes,
        status.can_undo,
        status.speed_limit,
        status.message,
        status.broken,
        (status.built, status.to_build) if status.state is State.STARTING else None,
    )


def compare_heads_state(scene: CompareScene) -> str:
    """What the heads of its panels depend on."""
    runs = scene.seeds
    return _digest(
        [(name, snapshot.codebook.shape, len(snapshot.levels)) for name, snapshot in scene.snapshots.items()],
        scene.together.broken,
        None if runs is None else (runs.id, runs.is_running, bool(runs.results)),
    )


END = "the end"
"""What the controls at a lesson's end depend on: nothing that changes."""


def followed_state(followed: FollowedLesson) -> str:
    """What the page of one who follows a lesson depends on."""
    run, step = followed.run, followed.step
    if run is None or step is None:
        return _digest(followed.id, None if run is None else run.number)
    return f"{_digest(followed.id)} {lesson_state(run, step, run.seen(step))}"


def lesson_state(run: LessonRun, step: Step, seen: Record) -> str:
    """What everything on a step of a lesson but its charts depends on; `seen` are the moments that those show."""
    return _digest(
        run.number,
        run.held,
        run.is_asking,
        run.is_ready(),
        run.room.is_open,
        run.room.shows(run.question),
        [(name, one.broken, one.began_again) for name, one in run.trainings.items()],
        slots_drawn(step, seen),
    )


def _digest(*facts: object) -> str:
    return hashlib.blake2b(repr(facts).encode(), digest_size=9).hexdigest()


def runs_state(opened: OpenedRuns) -> str:
    """What the controls above opened runs depend on: whether each can be read, and its codebooks."""
    return _digest([(one.problem, one.run is not None and one.run.codebooks) for one in opened.published()])


def run_folder_state(folder: RunFolder, trained: Iterable[Entry]) -> str:
    """What the list of runs depends on, with the trainings of this server beside it."""
    return _digest(folder.revision, [(entry.id, entry.session.status().state) for entry in trained])
