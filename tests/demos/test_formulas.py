"""The formulas that lessons show: both writings, and the numbers of a run."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
import write_mathml
from write_mathml import every_formula

from demos import formulas
from demos.catalogue import lessons
from demos.lesson import Formula, Lesson
from demos.mathml import mathml
from demos.running import numbers_here, record

ALL = {name: value for name, value in vars(formulas).items() if isinstance(value, Formula)}


@pytest.mark.parametrize("formula", ALL.values(), ids=ALL)
def test_a_formula_is_balanced_latex_and_has_a_plain_writing(formula: Formula) -> None:
    assert formula.latex.count("{") == formula.latex.count("}")
    assert formula.latex.count(r"\begin") == formula.latex.count(r"\end")
    assert not set("\\{}$") & set(formula.plain)
    assert formula.source is None or formula.source[1].startswith("https://")


def test_every_formula_has_mathml_made_of_its_present_latex() -> None:
    for latex in every_formula():
        made = ElementTree.fromstring(mathml(latex) or f"<none>Write it again: {write_mathml.__doc__}</none>")
        (annotation,) = made.iterfind(".//{*}annotation")
        assert annotation.text == latex
        shown = "".join(made.find("{*}semantics/*").itertext())
        assert not set("\\&") & set(shown)  # no command was left as it is
        names = set(re.findall(r"[A-Za-z]{4,}", re.sub(r"\\(begin|end)\{\w+\}|\\[A-Za-z]+\*?", " ", latex)))
        assert all(name in shown for name in names)


def test_every_lesson_says_its_idea_in_symbols_and_with_the_numbers_of_its_run() -> None:
    for lesson in lessons()[0]:
        assert sum(step.formula is not None for step in lesson.steps) >= min(3, len(lesson.steps)), lesson.name


def test_the_numbers_are_those_of_the_moments_shown() -> None:
    (lesson,) = (each for each in lessons()[0] if each.name == "quantizer")
    assert isinstance(lesson, Lesson)
    found = record(lesson, 2, shorten=50)
    (step,) = (each for each in lesson.steps if each.formula is formulas.BITS)
    moment = found.at(step.shows[0], step.at)
    shares = np.bincount(moment.codes, minlength=moment.num_codes) / len(moment.codes)
    carried = -(shares[shares > 0] * np.log2(shares[shares > 0])).sum()
    (said,) = numbers_here(step, found)
    assert (
        said == f"log₂ {moment.num_codes} = {np.log2(moment.num_codes):.2f} bits paid, at most {carried:.2f} carried"
    )
    (several,) = (each for each in lesson.steps if each.formula is formulas.RELATIVE_ERROR)
    assert [line.partition(":")[0] for line in numbers_here(several, found)] == [*several.shows]
