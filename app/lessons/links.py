"""A lesson's links and view controls, which only the pages that they lead to can check."""

from collections.abc import Mapping

from app.links import live as live_address
from app.links import trajectories as trajectory_address
from demos import catalogue
from demos.catalogue import Unusable
from demos.lesson import Lesson, LessonError, TryIt

TRY_IT = "Try it yourself"
DRAWN = ("order", "scale")
"""View controls that charts of a lesson have."""


def offered() -> tuple[list[Lesson], list[Unusable]]:
    """All lessons that can be given on a page, and the files that give none; see `demos.catalogue.lessons`."""
    return catalogue.lessons(check=check_links)


def try_it_link(try_it: TryIt, seed: int) -> tuple[str, dict[str, str]]:
    """The path of the page on the server, empty for the first one, and its query."""
    if try_it.setting is not None:
        return "trajectories", trajectory_address.write(try_it.setting) | {"seed": str(seed)}
    assert try_it.training is not None  # `Lesson` refuses one without both
    return "", live_address.write(None, try_it.training.recipe(seed), try_it.view, paused=False)


def check_links(lesson: Lesson) -> None:
    """Let only a lesson pass that has no view or link that a page would refuse.

    Raises:
        LessonError: one sentence that names the step, what is wrong with it and what is allowed.
    """
    for number, step in enumerate(lesson.steps, start=1):
        part = f"Step {number} ({step.title})"
        _check_view(part, step.view)
        if idle := [name for name in step.view if name not in DRAWN]:
            raise LessonError(
                f"{part}: `view` may set {' and '.join(DRAWN)}, but `{idle[0]}` changes nothing in a lesson. Leave "
                "it out, or give it to `try_it`."
            )
    _check_view(TRY_IT, lesson.try_it.view)
    path, query = try_it_link(lesson.try_it, 0)
    refused = trajectory_address.read(query)[1] if path else live_address.read(query).refused
    if refused:
        raise LessonError(f"{TRY_IT}: {refused[0]}")


def _check_view(part: str, view: Mapping[str, str]) -> None:
    for name, value in view.items():
        if name not in live_address.VIEWS:
            wanted = f"name controls of the Live page, which are {', '.join(live_address.VIEWS)}"
        elif value not in live_address.VIEWS[name]:
            wanted = f"set `{name}` to one of {', '.join(live_address.VIEWS[name])}"
        else:
            continue
        raise LessonError(f"{part}: `view` must {wanted}, but got {name}={value!r}.")
