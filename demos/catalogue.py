"""Finds the lessons: every `lesson_….py` beside this file. A broken file does not affect the others."""

import importlib
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from demos.lesson import Lesson

HERE = Path(__file__).parent


class Unusable(NamedTuple):
    """A lesson file that cannot be used."""

    file: str
    why: str
    """One sentence; for a `LessonError` it names the step."""


def lessons(
    folder: Path = HERE, package: str = "demos", check: Callable[[Lesson], None] = lambda lesson: None
) -> tuple[list[Lesson], list[Unusable]]:
    """All lessons of `folder` in the order of their file names, and the files that give none.

    Each file has one value called `LESSON`. `check` raises ValueError for one that its caller cannot give.
    """
    found: list[Lesson] = []
    unusable: list[Unusable] = []
    for file in sorted(folder.glob("lesson_*.py")):
        try:
            lesson = _module(f"{package}.{file.stem}", file).LESSON
            if any(other.name == lesson.name for other in found):
                raise ValueError(f"another lesson is called {lesson.name!r} too. Give it a name of its own.")
            check(lesson)
        except (Exception, SystemExit) as error:  # of whatever kind: the file is someone's work in progress
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            unusable.append(Unusable(file.name, f"{kind}{error}"))
        else:
            found.append(lesson)
    return found, unusable


_READ_AT: dict[str, int] = {}
"""When the file of each module was last changed, in nanoseconds, as it was read."""


def _module(name: str, file: Path) -> ModuleType:
    """The module, read again if its file has changed since: an author reloads the page, not the server."""
    changed_at, known = file.stat().st_mtime_ns, sys.modules.get(name)
    if known is not None and _READ_AT.get(name, changed_at) != changed_at:
        module = importlib.reload(known)
    else:
        module = importlib.import_module(name)
    _READ_AT[name] = changed_at
    return module


def named(name: str, found: Sequence[Lesson], unusable: Sequence[Unusable]) -> Lesson:
    """The lesson called `name`.

    Raises:
        ValueError: one sentence, where there is none, or where its file gives none.
    """
    for lesson in found:
        if lesson.name == name:
            return lesson
    for each in unusable:
        if each.file.removesuffix(".py").endswith(f"_{name}"):
            raise ValueError(f"{each.file} gives no lesson. {each.why}")
    raise ValueError(f"`NAME` must be one of {', '.join(lesson.name for lesson in found)}, but got {name!r}.")
