"""The teacher's guide has a page for every lesson."""

import re
from pathlib import Path

from demos.catalogue import lessons

GUIDE = (Path(__file__).parents[2] / "TEACHING.md").read_text(encoding="utf-8")


def test_every_lesson_has_its_page_in_the_teachers_guide() -> None:
    pages = dict(re.findall(r"^## \d+ · .*?\(`(\w+)`\)\n(.*?)(?=^## )", GUIDE, re.MULTILINE | re.DOTALL))
    assert set(pages) == {lesson.name for lesson in lessons()[0]}
    for name, page in pages.items():
        for part in ("**Aim.**", "**Minutes:**", "**Ask**", "**What goes wrong**"):
            assert part in page, (name, part)
