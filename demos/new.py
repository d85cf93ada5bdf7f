"""`python -m demos new NAME`: a lesson that runs, to be rewritten into one's own."""

import re
from pathlib import Path

from demos.catalogue import HERE, lessons

TEMPLATE = Path(__file__).with_name("lesson.template")
NAME = re.compile(r"[a-z][a-z0-9]{1,19}", re.ASCII)
TAKEN = frozenset({"new", "exercises"})
"""Commands beside the names of lessons."""


def write_lesson(name: str, folder: Path = HERE) -> Path:
    """Write `lesson_N_NAME.py` with the next free number into `folder`; returns where it lies.

    Raises:
        ValueError: for a name that is none, or taken.
    """
    if not NAME.fullmatch(name) or name in TAKEN:
        raise ValueError(f"`NAME` must be one word of 2 to 20 lowercase letters and digits, but got {name[:40]!r}.")
    there = sorted(folder.glob("lesson_*.py"))
    known = {lesson.name for lesson in lessons()[0]} if folder == HERE else set()
    if name in known or any(file.stem.endswith(f"_{name}") for file in there):
        raise ValueError(f"`NAME` must be new, but there is a lesson called {name!r}. Choose another.")
    numbers = [int(found[1]) for file in there if (found := re.match(r"lesson_(\d+)_", file.name))]
    number = max(numbers, default=0) + 1
    file = folder / f"lesson_{number}_{name}.py"
    text = TEMPLATE.read_text(encoding="utf-8")
    file.write_text(text.replace("{{number}}", str(number)).replace("{{name}}", name), encoding="utf-8")
    return file


def what_next(name: str, file: Path) -> str:
    """What the author does now."""
    return (
        f"Wrote {file}, a lesson that runs.\n"
        f"  python -m demos {name} --quick            its claims, in seconds and at an eighth of the steps\n"
        f"  vqscope                                   Lessons › {name}: a reload of the page shows what you changed\n"
        f"  python -m demos {name} --seeds 20         on how many seeds each claim holds\n"
        "CONTRIBUTING.md says what belongs in a lesson, and TEACHING.md needs a page for it."
    )
