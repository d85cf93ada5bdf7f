"""The words that are explained beside the map."""

import pytest
from live_page_runs import open_page, reach, step_of
from page_runs import run

from app.live.glossary import MEANINGS

pytestmark = pytest.mark.usefixtures("sessions")


def test_each_word_is_explained_and_its_formula_is_there_on_demand():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    said = " ".join(markdown.value for markdown in page.markdown)
    assert [meaning.word for meaning in MEANINGS if f"**{meaning.word}**" in said] == [
        "P",
        "C",
        "Code",
        "Q",
        "Perplexity",
    ]
    assert not page.latex
    page.toggle(key="glossary-formulas").set_value(True)
    run(page)
    assert len(page.latex) == len(MEANINGS)
