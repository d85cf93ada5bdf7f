"""What a class and its reader are shown of each other, by the key of the element that shows it."""

from collections.abc import Collection

from app.panels.markup import markup
from app.panels.part import Part, html_part
from app.sessions.class_room import ClassRoom
from app.sessions.followed_lesson import FollowedLesson
from app.sessions.lesson_run import LessonRun

STATUS, TALLY, POINTER = "class-status", "class-tally", "class-pointer"
CHOOSING = "Your teacher is choosing a lesson."
AWAY = "Your teacher's page is closed or hidden. The lesson stays where it is."
NO_SEAT = "This class is full: you see everything, but your guesses are not counted."


def class_parts(run: LessonRun, wanted: Collection[str], followed: FollowedLesson | None = None) -> dict[str, Part]:
    """For the reader of `run`, or for one who has `followed`."""
    made = {TALLY: html_part(_tally(run, followed)), POINTER: html_part(_pointer(run))}
    if followed is not None:
        made[STATUS] = class_status_part(followed)
    return {key: part for key, part in made.items() if key in wanted}


def class_status_part(followed: FollowedLesson) -> Part:
    """Where the class is, how many they are, and what they are told."""
    room, run = followed.room, followed.run
    where = "" if run is None else f"{run.lesson.title} · step {run.number} of {run.last}"
    if run is None:
        said = CHOOSING
    elif room.reader_is_away():
        said = AWAY
    else:
        said = room.told()
    if not followed.seat:
        said = f"{said} {NO_SEAT}"
    return html_part(markup("class_status", where=where, here=room.here(), said=said.strip()))


def _tally(run: LessonRun, followed: FollowedLesson | None) -> str:
    """Who has guessed; how they guessed once that is shown, or the answer is, and to nobody before."""
    room, step = run.room, run.step
    if not room.is_open or (step is None and followed is not None):
        return ""
    if step is None or step.question is None:
        return "" if followed is not None else markup("class_here", here=room.here())
    counts = room.tally(run.question, len(step.question.choices))
    own = None if followed is None else room.guess_of(followed.seat, run.question)
    is_shown = room.shows(run.question) or not run.is_asking
    bars = list(zip(step.question.choices, counts, strict=True)) if is_shown else []
    return markup("class_tally", guessed=sum(counts), here=_here(room, counts), bars=bars, own=own)


def _here(room: ClassRoom, counts: list[int]) -> int:
    """Those who are there; whoever has guessed and left is counted with them."""
    return max(room.here(), sum(counts))


def _pointer(run: LessonRun) -> str:
    """A frame around what the reader points at, as a style of that element."""
    if run.room.pointed is None or run.room.pointed[0] != run.question:
        return ""
    return markup("class_pointer", key=run.room.pointed[1])
