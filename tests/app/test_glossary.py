"""The words that are explained beside the map."""

import pytest
from live_page_runs import open_page, reach, step_of
from page_runs import open_script, run

from app.glossary import BASIC, GLOSSARY, pieces

pytestmark = pytest.mark.usefixtures("sessions")


def test_each_word_is_explained_and_its_formula_is_there_on_demand():
    page = reach(open_page(problem="plane", paused="1"), lambda session: step_of(session) == 0)
    said = " ".join(markdown.value for markdown in page.markdown)
    assert [meaning.word for meaning in BASIC if f"**{meaning.word}**" in said] == [
        "P",
        "C",
        "Code",
        "Q",
        "Perplexity",
    ]
    assert not page.latex
    page.toggle(key="glossary-formulas").set_value(True)
    run(page)
    assert len(page.latex) == len(BASIC)


def test_a_term_is_underlined_once_and_the_text_stays_as_it_is():
    text = "A codebook holds K code vectors; a codebook's codes, P and the pseudo-code PQ."
    found = [*pieces(text)]
    assert "".join(piece.text for piece in found) == text
    assert [piece.text for piece in found if piece.term] == ["codebook", "codes", "P"]


def test_every_spelling_means_one_term_and_no_meaning_ends_in_a_full_stop():
    spellings = [spelling for term in GLOSSARY for spelling in (term.word, *term.spellings)]
    assert len(set(spellings)) == len(spellings)
    assert [term.word for term in GLOSSARY if term.text.endswith(".")] == []


def test_the_glossary_page_has_every_word_and_formula():
    page = open_script("lessons/glossary_page.py")
    said = " ".join(element.proto.body for element in page.get("html"))
    assert [term.word for term in GLOSSARY if f"<b>{term.word}</b>" not in said] == []
    assert len(page.latex) == sum(bool(term.formula) for term in GLOSSARY)
