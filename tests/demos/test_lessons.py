"""The lessons' values, and what happens to one that is written wrongly."""

import os
import re

import pytest

from demos.catalogue import lessons
from demos.lesson import Claim, Finding, Formula, Lesson, LessonError, Note, Question, Step, Training, TryIt
from demos.new import write_lesson
from demos.record import BrokeDownError, Record
from demos.running import answer, examine, numbers_here, record
from vqcore.trajectories.setting import Setting

FOUND, UNUSABLE = lessons()


def finding(held):
    return Finding(held, "it was measured.", {"value": 1.0})


def lesson(*steps, **changes):
    values = {
        "name": "small",
        "title": "A small lesson",
        "about": "For tests.",
        "trainings": {"one": Training(problem="plane", changes={"num_codes": 4})},
        "steps": steps or (Step(title="Look", text="Look.", shows=("one",)),),
        "try_it": TryIt(text="Try.", training=Training(problem="plane")),
        "known": (),
        "contested": (),
    }
    return Lesson(**{**values, **changes})


def test_there_are_seven_and_all_can_be_given():
    assert UNUSABLE == []
    assert [each.name for each in FOUND] == [
        "quantizer",
        "collapse",
        "why",
        "affine",
        "estimator",
        "practice",
        "since",
    ]


@pytest.mark.parametrize("found", FOUND, ids=lambda each: each.name)
def test_a_lesson_is_short_ends_with_sources_and_claims_only_what_is_computed(found):
    texts = [step.text for step in found.steps] + [note.text for note in (*found.known, *found.contested)]
    assert max(len(text.split()) for text in texts) <= 60
    assert found.known
    assert found.contested
    assert all(note.url.startswith("https://") for note in (*found.known, *found.contested))
    claims = [claim for step in found.steps for claim in step.claims]
    assert claims
    assert all(callable(claim.check) for claim in claims)
    assert any(step.question for step in found.steps) or found.name == "quantizer"


SAID_OF_PICTURES = {
    "bars": {"usage"},
    "curve": {"compare", "curves"},
    "curves": {"compare", "curves"},
    "cross": {"map", "toy"},
    "crosses": {"map", "toy"},
    "ellipses": {"map"},
    "rings": {"map"},
    "dot": {"map"},
    "plane": {"map", "arrows", "paths"},
    "arrow": {"arrows", "paths"},
    "arrows": {"arrows", "paths"},
    "contours": {"paths"},
}
"""Words of a step's text that name something in a picture, and the panels that have it."""


@pytest.mark.parametrize("found", FOUND, ids=lambda each: each.name)
def test_a_step_speaks_of_the_pictures_and_moments_that_it_shows(found):
    for step in found.steps:
        for word, panels in SAID_OF_PICTURES.items():
            assert not re.search(rf"\b{word}\b", step.text) or panels & set(step.panels), (step.title, word)
        shown = {step.at, *(at for _, at in step.reads)}
        shown |= {at for name in step.shows if found.trainings for at in found.trainings[name].switches}
        said = {int(number) for pair in SAID_MOMENT.findall(step.text) for number in pair if number}
        assert said <= shown, step.title


SAID_MOMENT = re.compile(r"\bstep (\d+)|(\d+) steps later")


SAYS = Claim("Something holds.", lambda record: finding(True))


@pytest.mark.parametrize(
    ("step", "named"),
    [
        ({"text": "word " * 61}, "61"),
        ({"shows": ("two",)}, "'two'"),
        ({"reads": (("two", 3),)}, "'two'"),
        ({"shows": ("one",) * 5}, "at most 4"),
        ({"panels": ("pie",)}, "'pie'"),
        ({"panels": ("paths",)}, "Give the lesson a `setting`"),
        ({"shows": ("one", "one")}, "each training once"),
        ({"at": -3}, "`at` must be a whole number of steps from 0 up, but got -3"),
        ({"at": 2.5}, "`at`"),
        ({"reads": (("one", -1),)}, "`reads`"),
        ({"question": Question(asks="Which?", choices=("a",), answer=lambda record: 0)}, "`choices`"),
        ({"question": Question(asks="Which?", choices=("a", "a"), answer=lambda record: 0)}, "`choices`"),
        ({"question": Question(asks="word " * 59, choices=("a", "b"), answer=lambda record: 0)}, "61"),
    ],
)
def test_an_error_names_the_step_and_what_is_wrong(step, named):
    with pytest.raises(LessonError, match=r"Step 2 \(Wrong\)") as caught:
        lesson(Step(title="Right", text="Look."), Step(**{"title": "Wrong", "text": "Look."} | step))
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"trainings": {"one": Training(problem="plane", changes={"num_codes": 0})}}, "num_codes"),
        ({"trainings": {"one": Training(problem="plane", switches={3: {"num_codes": 8}})}}, "num_codes"),
        ({"trainings": {"one": Training(problem="plane", switches={3: {"sync": -1.0}})}}, "sync"),
        ({"known": (Note("word " * 61, "A source", "https://example.org"),)}, "A source"),
        ({"try_it": TryIt(text="Try.", training=Training(problem="plains"))}, "plains"),
        ({"try_it": TryIt(text="Try.")}, "`try_it` must have either a `training` or a `setting`"),
        (
            {"trainings": {"one": Training(problem="plane", switches={-2: {"sync": 1.0}})}},
            "Training 'one': `switches`",
        ),
        ({"name": "Two words"}, "`name` must be one word"),
        (
            {"setting": Setting(), "steps": (Step(title="Look", text="Look.", panels=("map",)),)},
            r"Step 1 \(Look\): `panels` names 'map'.*Choose \('paths',\)",
        ),
        (
            {"steps": (Step(title="a", text="a", claims=(SAYS,)), Step(title="b", text="b", claims=(SAYS,)))},
            "Something holds.",
        ),
    ],
)
def test_what_is_wrong_beside_the_steps_is_named_too(changes, named):
    with pytest.raises(LessonError, match=named):
        lesson(**changes)


def fails(record):
    raise KeyError("no such moment")


def broke_down(record):
    raise BrokeDownError("The training 'one' broke down at step 3.")


def test_a_claim_that_cannot_be_computed_says_which_step_and_leaves_the_others():
    claims = (Claim("First.", lambda record: finding(False)), Claim("Second.", fails), Claim("Third.", broke_down))
    written = lesson(Step(title="Look", text="Look."), Step(title="Find", text="Find.", claims=claims))
    first, second, third = examine(written, Record(seed=0))
    assert first.finding == finding(False)
    assert first.finding.sentence() == "Not on this seed: it was measured."
    assert second.finding is None
    assert "Step 2 (Find)" in second.error
    assert "no such moment" in second.error
    assert third.finding.held is False
    assert "broke down at step 3" in third.finding.measured


def test_a_moment_that_only_a_later_step_looks_at_is_named_with_the_mend():
    early = Claim("Early.", lambda record: finding(record.at("one", 3).step == 3))
    written = lesson(
        Step(title="Read", text="Read.", shows=("one",), claims=(early,)),
        Step(title="Later", text="Later.", shows=("one",), at=3),
    )
    (examined,) = examine(written, record(written, 0))
    assert examined.finding is None
    assert examined.error == (
        "Step 1 (Read): the claim 'Early.' cannot be computed: no step up to this one looks at 'one' after 3 steps. "
        "Add ('one', 3) to its `reads`."
    )


def test_a_formula_whose_numbers_fail_says_so_and_nothing_else_does():
    formula = Formula("x", "x", here=lambda moment: 1 / 0)
    written = lesson(Step(title="Look", text="Look.", shows=("one",), formula=formula))
    (said,) = numbers_here(written.steps[0], record(written, 0))
    assert "ZeroDivisionError" in said


@pytest.mark.parametrize(
    ("wrong", "named"),
    [(fails, "no such moment"), (lambda record: 7, "IndexError"), (lambda record: -1, "from 0 to 1")],
)
def test_a_question_without_an_answer_says_which_step(wrong, named):
    question = Question(asks="Which?", choices=("a", "b"), answer=wrong)
    said = answer(2, Step(title="Guess", text="Guess.", question=question), question, Record(seed=0))
    assert said.startswith("Step 2 (Guess): the question 'Which?' has no answer")
    assert named in said


WRITTEN = """
from demos.lesson import Lesson, Step, Training, TryIt
LESSON = Lesson(
    name="small", title="", about="", steps=(Step(title="Look", text="{text}"),),
    try_it=TryIt(text="", training=Training(problem="plane")), known=(), contested=(),
)
"""


def test_a_file_with_an_error_is_named_and_leaves_the_other_lessons_usable(tmp_path, monkeypatch):
    folder = tmp_path / "written_by_others"
    folder.mkdir()
    good = WRITTEN.format(text="Look.")
    (folder / "__init__.py").write_text("")
    (folder / "lesson_1_cut.py").write_text("LESSON = (\n")
    (folder / "lesson_2_long.py").write_text(WRITTEN.format(text="word " * 99))
    (folder / "lesson_3_good.py").write_text(good)
    (folder / "lesson_4_same_name.py").write_text(good)
    (folder / "lesson_5_empty.py").write_text("")
    (folder / "lesson_6_leaves.py").write_text("raise SystemExit('I go.')\n")
    monkeypatch.syspath_prepend(tmp_path)
    found, unusable = lessons(folder, folder.name)
    assert [each.name for each in found] == ["small"]
    why = {each.file: each.why for each in unusable}
    assert [name.split("_", 2)[2] for name in why] == ["cut.py", "long.py", "same_name.py", "empty.py", "leaves.py"]
    assert "SyntaxError" in why["lesson_1_cut.py"]
    assert "Step 1 (Look)" in why["lesson_2_long.py"]
    assert "99" in why["lesson_2_long.py"]
    assert "'small'" in why["lesson_4_same_name.py"]
    assert "LESSON" in why["lesson_5_empty.py"]
    assert why["lesson_6_leaves.py"] == "SystemExit: I go."


def test_a_lesson_from_the_template_runs_and_is_read_again_once_it_is_changed(tmp_path, monkeypatch):
    folder = tmp_path / "lessons_of_an_author"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    first, second = write_lesson("mine", folder), write_lesson("yours", folder)
    assert [first.name, second.name] == ["lesson_1_mine.py", "lesson_2_yours.py"]
    found, unusable = lessons(folder, folder.name)
    assert unusable == []
    assert [each.name for each in found] == ["mine", "yours"]
    assert all(each.finding for each in examine(found[0], record(found[0], 0, shorten=50)))
    first.write_text(first.read_text().replace("A title of a few words", "Changed"))
    os.utime(first, ns=(1, 1))  # whatever the clock of the file system: another time than before
    again, _ = lessons(folder, folder.name)
    assert again[0].title == "Changed"
    assert again[1] is found[1]


@pytest.mark.parametrize("name", ["", "Two", "two words", "../etc", "new", "exercises", "a" * 21, "é1"])
def test_a_name_that_no_lesson_can_have_is_said_and_nothing_is_written(name, tmp_path):
    with pytest.raises(ValueError, match="`NAME` must be one word"):
        write_lesson(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_said():
    with pytest.raises(ValueError, match="there is a lesson called 'why'"):
        write_lesson("why")
