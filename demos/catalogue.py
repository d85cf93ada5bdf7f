"""Finds the lessons: every `lesson_….py` beside this file. A broken file does not affect the others."""

import importlib
from pathlib import Path
from typing import NamedTuple

from demos.lesson import Lesson

HERE = Path(__file__).parent


class Unusable(NamedTuple):
    """A lesson file that cannot be used."""

    file: str
    why: str
    """One sentence; for a `LessonError` it names the step."""


def lessons(folder: Path = HERE, package: str = "demos") -> tuple[list[Lesson], list[Unusable]]:
    """All lessons of `folder` in the order of their file names, and the files without a valid lesson.

    Each file defines one value called `LESSON`.
    """
    found: list[Lesson] = []
    unusable: list[Unusable] = []
    for file in sorted(folder.glob("lesson_*.py")):
        try:
            lesson = importlib.import_module(f"{package}.{file.stem}").LESSON
            if any(other.name == lesson.name for other in found):
                raise ValueError(f"another lesson is also called {lesson.name!r}. Give it a unique name.")
        except (Exception, SystemExit) as error:  # of whatever kind: the file is someone's work in progress
            kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
            unusable.append(Unusable(file.name, f"{kind}{error}"))
        else:
            found.append(lesson)
    return found, unusable
