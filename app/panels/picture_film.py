"""The kept moments of a run as an animated GIF: pictures, map and usage, with step and switch written on each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.figures.animation import animated_gif
from app.figures.film import FilmMoment, answered, film_frame
from app.figures.picture_sheet import sheet
from app.panels.picture_subject import Subject, subject_of
from app.panels.scene import Scene
from app.panels.switch_words import event_words
from app.wording import number
from vqcore.diagnostics.usage import count_codes
from vqcore.problems.problem import Problem
from vqcore.projection.pca import FrozenBasis
from vqcore.snapshot import Bytes, Event, Snapshot

FEWEST_MOMENTS = 2
TOO_FEW = (
    "A film needs two moments with a picture, but the timeline keeps {count}. Let the run train for some seconds "
    "while this panel is open, then make it again."
)
WHOLE_MILLISECONDS, SHORTEST, LONGEST = 12_000, 60, 250
"""Of the film, and of one moment in it."""

SWITCH_MILLISECONDS, LAST_MILLISECONDS = 900, 2_000
"""What a moment just after a switch, and the last one, stand for."""

REACH = (0.5, 99.5)
"""Percentiles of a moment's vectors and used codes that the film's map takes in, whatever the moment."""

FRAMES_SHARE = 0.6
"""Of all the work, the drawing of the frames."""

Tell = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Film:
    """What a film is made of, taken from a session at once, so that what it drops meanwhile is not missed."""

    moments: tuple[tuple[Snapshot, Subject], ...]
    events: tuple[Event, ...]
    problem: Problem


def film_of(scene: Scene) -> Film:
    """All kept moments of the variant and level shown that have a picture.

    Raises:
        ValueError: where there are fewer than two.
    """
    found = []
    for kept in scene.entry.one.moments():
        levels = kept.snapshots[scene.snapshot.variant]
        snapshot = levels[min(scene.snapshot.level, len(levels) - 1)]
        subject = subject_of(snapshot, scene.problem)
        if subject is not None and subject.step == snapshot.step:
            found.append((snapshot, subject))
    if len(found) < FEWEST_MOMENTS:
        raise ValueError(TOO_FEW.format(count=len(found)))
    return Film(tuple(found), scene.newest.events, scene.problem)


def film_file(film: Film, tell: Tell) -> bytes:
    """The film as a GIF of at most 5 MB; `tell` is told what is done and the share of it."""
    place, credit = _plane(film), film.problem.credit if film.moments[0][1].is_whole else ""
    frames: list[Image.Image] = []
    for snapshot, subject in film.moments:
        tell("drawing the moments", FRAMES_SHARE * len(frames) / len(film.moments))
        frames.append(film_frame(_moment(film, snapshot, subject, place), credit))
    comment = " ".join(filter(None, ["VQ Scope.", credit, film.problem.sources if credit else ""]))
    for done in animated_gif(frames, _durations(film), comment):
        if isinstance(done, bytes):
            return done
        tell("writing the file", FRAMES_SHARE + (1 - FRAMES_SHARE) * done)
    raise AssertionError("An animation ends with its file.")


def _moment(
    film: Film, snapshot: Snapshot, subject: Subject, place: Callable[[NDArray[np.float32]], NDArray[np.float32]]
) -> FilmMoment:
    events = [event for event in film.events if event.step <= snapshot.step]
    now = snapshot.held_out
    right = "" if np.isnan(now.accuracy) else f" · {now.accuracy:.0%} right"
    note = f"since step {events[-1].step:,}: {event_words(events[-1])}" if events else "no switch thrown"
    return FilmMoment(
        pixels=_pixels(subject),
        p=place(snapshot.z_e),
        c=place(snapshot.codebook),
        counts=count_codes(snapshot.codes, snapshot.num_codes),
        title=f"step {snapshot.step:,} · {now.in_use:,} of {snapshot.num_codes:,} codes in use{right}"
        f" · loss {number(now.task_loss)}",
        note=note,
    )


def _pixels(subject: Subject) -> Bytes:
    tiles = answered(subject.given, subject.right) if subject.outputs is None else subject.outputs
    shown = sheet(tiles, subject.columns)
    return shown.repeat(3, 2) if shown.shape[2] == 1 else shown


def _plane(film: Film) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """One plane for the whole film, fitted to its last moment, in units of the map's window."""
    last, _ = film.moments[-1]
    points = np.concatenate([last.z_e, last.codebook])
    finite = points[np.isfinite(points).all(1)]
    if points.shape[1] > 2 and len(finite):
        project: Callable[[NDArray[np.float32]], NDArray[np.float32]] = FrozenBasis.fit(finite).project
    else:
        project = _as_they_are
    seen = [project(np.concatenate(_in_use(snapshot))) for snapshot, _ in film.moments]
    reaches = np.array([np.nanpercentile(points, REACH, axis=0) for points in seen])
    low, high = reaches[:, 0].min(0), reaches[:, 1].max(0)
    return lambda vectors: np.asarray((project(vectors) - low) / np.maximum(high - low, 1e-9), np.float32)


def _as_they_are(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """The first two features, the second 0 where there is but one."""
    return np.pad(vectors, ((0, 0), (0, max(0, 2 - vectors.shape[1]))))[:, :2]


def _in_use(snapshot: Snapshot) -> Sequence[NDArray[np.float32]]:
    return snapshot.z_e, snapshot.codebook[np.unique(snapshot.codes)]


def _durations(film: Film) -> list[int]:
    """Milliseconds of each moment: longer where a switch has just been thrown, and at the end."""
    steps = [snapshot.step for snapshot, _ in film.moments]
    each = min(LONGEST, max(SHORTEST, WHOLE_MILLISECONDS // len(steps)))
    durations = [each] * len(steps)
    for event in film.events:
        if (after := int(np.searchsorted(steps, event.step))) < len(steps):
            durations[after] = max(each, SWITCH_MILLISECONDS)
    durations[-1] = LAST_MILLISECONDS
    return durations
