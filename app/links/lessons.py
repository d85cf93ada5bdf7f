"""The Lessons page's link: which lesson, step and seed, and who reads or whose class is followed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.links import codec
from app.links.codec import Field
from app.links.lecture import NAMES as LIMITS
from demos.lesson import Lesson

LARGEST_SEED = 2**31 - 1


@dataclass(frozen=True, slots=True)
class LessonLink:
    """Where a reader is."""

    lesson: str | None = None
    """Name of the lesson; None: the list of lessons."""

    number: int = 1
    """Number of the step, from 1; one past the last is the lesson's end."""

    seed: int = 0


def table(lessons: Sequence[Lesson], chosen: str | None) -> tuple[Field, ...]:
    """What a link may say. The steps there are depend on the lesson `chosen`; without one, a step means none."""
    last = next((len(lesson.steps) + 1 for lesson in lessons if lesson.name == chosen), None)
    step = (
        Field("step", None, lambda _: None)
        if last is None
        else codec.whole_number("step", None, 1, last, instead="this is 1")
    )
    return (
        codec.choice("lesson", [lesson.name for lesson in lessons], "", instead="choose one"),
        step,
        codec.whole_number("seed", 0, 0, LARGEST_SEED, instead="this is 0"),
        codec.text("reader", None),
        codec.text("watch", None),
        codec.text("seat", None),
    )


def read(query: Mapping[str, str], lessons: Sequence[Lesson]) -> tuple[LessonLink, list[str]]:
    """The place in `query`, and a sentence for what could not be used."""
    values, refused = codec.read(query, table(lessons, query.get("lesson")), beside=LIMITS)
    return LessonLink(values["lesson"] or None, values["step"] or 1, values["seed"]), refused


def write_follow(watch: str, seat: str = "") -> dict[str, str]:
    """The query under which others follow a reader's class; with the `seat` of one who does, for a reload."""
    return codec.write({"watch": watch, "seat": seat or None}, table((), None))


def write(link: LessonLink, reader: str | None = None) -> dict[str, str]:
    """The query that `read` turns back into the same place; without `reader` for a link to share."""
    place = {"lesson": link.lesson, "step": link.number} if link.lesson is not None else {}
    return codec.write(place | {"seed": link.seed, "reader": reader}, table((), None))
