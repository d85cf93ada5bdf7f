"""Lessons and paths as pages of their own: what the figures say, what is written, and what cannot be."""

import html
import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from test_lessons_page import finish

from app.lessons.__main__ import main as handout
from app.lessons.handout import lesson_html
from app.lessons.links import offered
from app.panels.lesson_figures import step_figures
from app.sessions.lesson_plane import planes_walked
from app.sessions.lesson_run import LessonRun
from app.sessions.registry import Registry
from app.trajectories.__main__ import main as paths
from demos import catalogue
from demos.__main__ import main as lessons_command
from demos.formulas import NEAREST
from demos.lesson import Claim, Finding, Formula, Lesson, Note, Question, Step, Training, TryIt
from demos.measures import curve, usage_now
from demos.record import Record
from demos.running import examine, record, records
from vqcore.projection.pca import FrozenBasis
from vqcore.training.trainer import Trainer
from vqcore.trajectories.lockstep import trajectories
from vqcore.trajectories.setting import Setting

SMALL = {"num_codes": 8, "batch_size": 64}
RUN = Training(problem="plane", changes=SMALL, switches={3: {"affine": "running"}})
CLAIM = Claim("It holds.", lambda _: Finding(False, "it was measured.", {"value": 1.0}))


def lesson(trainings: dict[str, Training], *steps: Step, **changes: object) -> Lesson:
    values = {
        "name": "small",
        "title": "small",
        "about": "For tests.",
        "trainings": trainings,
        "steps": steps,
        "try_it": TryIt(text="Try.", training=RUN),
        "known": (),
        "contested": (),
    }
    return Lesson(**(values | changes))


def data_of(page: str, name: str) -> list:
    return json.loads(re.search(rf'id="{name}">(.*?)</script>', page, re.DOTALL).group(1))


def without_scripts(page: str) -> str:
    return re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)


def words_of(page: str) -> str:
    """What a reader sees; a term of the glossary is an element within its sentence."""
    return html.unescape(re.sub(r"</?span(?: [^>]*)?>", "", without_scripts(page)))


def test_figures_side_by_side_share_their_scales_and_say_when_there_is_nothing_to_draw() -> None:
    slow = Training(problem="plane", changes=SMALL | {"learning_rate": 1e-4, "num_codes": 64})
    both = Step(title="Both", text="Look.", shows=("run", "slow"), at=6, panels=("usage", "curves", "compare"))
    start = Step(title="Start", text="Look.", shows=("run",), panels=("curves",))
    found = record(lesson({"run": RUN, "slow": slow}, both, start), 1)
    bars, other_bars, curves, other_curves, compared = (each.plot["layout"] for each in step_figures(both, found))
    assert bars["yaxis"] == other_bars["yaxis"]
    assert 10 ** bars["yaxis"]["range"][1] >= max(usage_now(found.at(name, 6)).max() for name in both.shows)
    for axis in ("yaxis", "yaxis2"):
        assert curves[axis]["range"] == other_curves[axis]["range"]
    losses = np.concatenate([curve(found.at(name, 6), "held_out.task_loss").values for name in both.shows])
    low, high = curves["yaxis"]["range"]
    assert 10**low <= losses.min() <= losses.max() <= 10**high
    assert {label["text"] for label in compared["annotations"]} >= set(both.shows)
    (empty,) = step_figures(start, found)
    assert "No batch" in empty.note


def test_a_maps_axes_are_said_and_hold_all_of_it_wherever_p_has_gone() -> None:
    fast = Training(problem="plane", changes=SMALL | {"learning_rate": 0.3})
    step = Step(title="Gone", text="Look.", shows=("run",), at=4, panels=("map",))
    found = record(lesson({"run": fast}, step), 1)
    begun = Trainer(fast.recipe(1)).snapshot()
    basis = FrozenBasis.fit(begun.z_e)
    (plot,) = (each.plot for each in step_figures(step, found, bases={"run": basis}))
    moment = found.at("run", 4)
    places = basis.project(np.concatenate([moment.z_e, moment.codebook]))
    assert np.abs(places).max() > 2 * np.abs(basis.project(begun.z_e)).max()
    for axis, name in enumerate(("xaxis", "yaxis")):
        low, high = plot["layout"][name]["range"]
        assert low < places[:, axis].min() <= places[:, axis].max() < high


def test_the_handout_has_every_step_and_finding_and_needs_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lesson.html"
    assert handout(["quantizer", "--quick", "--seed", "3", "--html", str(out)]) == 0
    said = capsys.readouterr().out
    assert str(out) in said
    assert "proves nothing" in said
    assert lessons_command(["quantizer", "--quick", "--seed", "3", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert f"{sum(claim['held'] for claim in report['claims'])} of {len(report['claims'])} claims held" in said
    page = out.read_text(encoding="utf-8")
    own = without_scripts(page)
    for claim in report["claims"]:
        assert claim["measured"] in words_of(page)
    assert not re.search(r"(?:src=|<link[^>]*href=)[\"']?https?:|import .*https?:", own)
    assert own.count('class="plot"') == len(data_of(page, "figures")) > 0


def test_every_lesson_makes_a_handout_with_all_its_words() -> None:
    found, unusable = offered()
    assert unusable == []
    for each, recorded in zip(found, records(found, 0, shorten=64), strict=True):
        page = words_of(lesson_html(each, recorded, examine(each, recorded)))
        words = [each.title, each.about, each.try_it.text, *(step.title for step in each.steps)]
        words += [step.text for step in each.steps] + [note.text for note in (*each.known, *each.contested)]
        assert [text for text in words if text not in page] == []


def test_no_word_of_a_lesson_becomes_markup() -> None:
    evil = "<img src=x onerror=alert(1)>&\"'</script>"
    broken = Claim(evil, lambda _: Finding(True, evil, {}))
    written = lesson(
        {evil: RUN},
        Step(title=evil, text=evil, shows=(evil,), at=2, panels=("compare",), claims=(broken,)),
        title=evil,
        about=evil,
        try_it=TryIt(text=evil, training=RUN),
        known=(Note(evil, evil, f"https://example.org/{evil}"),),
    )
    found = record(written, 0)
    page = lesson_html(written, found, examine(written, found))
    assert "<img" not in page
    assert page.count("</script>") == page.count("<script")
    assert words_of(page).count(evil) >= 8
    assert "<img src=x onerror=alert(1)>" in html.unescape(str(data_of(page, "figures")))


def test_a_claim_that_cannot_be_computed_is_in_the_handout_and_in_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(found: Record) -> Finding:
        raise KeyError("no such moment")

    step = Step(title="Look", text="Look.", shows=("run",), claims=(CLAIM, Claim("It can be told.", raises)))
    monkeypatch.setattr(catalogue, "lessons", lambda check: ([lesson({"run": RUN}, step)], []))
    out = tmp_path / "lesson.html"
    assert handout(["small", "--html", str(out)]) == 2
    said = capsys.readouterr()
    assert "0 of 2 claims held" in said.out
    assert "Step 1 (Look): the claim 'It can be told.' cannot be computed" in said.err
    assert "Not on this seed: it was measured." in out.read_text(encoding="utf-8")
    assert "cannot be computed" in out.read_text(encoding="utf-8")


def test_the_paths_it_writes_are_those_of_the_seed_and_need_no_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "paths.html"
    assert paths(["--steps", "40", "--seed", "2", "--html", str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    page = out.read_text(encoding="utf-8")
    assert not re.search(r"(?:src|href)=[\"']?https?:|import .*https?:", page)
    setting = Setting(steps=40, seed=2)
    methods = {path.method for path in trajectories(setting)}
    assert {each["name"] for each in data_of(page, "data")["methods"]} >= methods


@pytest.mark.parametrize(
    ("command", "words", "named"),
    [
        (handout, ["colapse", "--html", "page.html"], "'colapse'"),
        (handout, ["quantizer", "--seed", "-1", "--html", "page.html"], "--seed"),
        (handout, ["quantizer", "--html", "/no/such/folder/page.html"], "--html"),
        (paths, ["--loss", "bowl", "--html", "page.html"], "'bowl'"),
        (paths, ["--steps", "20", "--html", "/no/such/folder/page.html"], "`--html`"),
        (paths, ["--steps", "100000", "--codes", "64", "--html", "page.html"], "`steps`"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(
    command, words, named, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert named in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_handout_has_the_planes_of_the_page(sessions: Registry) -> None:
    moved = Training(problem="plane", changes=SMALL | {"learning_rate": 0.03})
    start = Step(title="Start", text="Look.", shows=("run",), panels=("map",))
    late = Step(title="Late", text="Look.", shows=("run",), at=60, panels=("map",))
    for steps in ((start, late), (late,)):  # with and without a look at the very first moment
        written = lesson({"run": moved}, *steps)
        walked = LessonRun(written, 4, sessions)
        walked.go_to(len(steps))
        finish(walked)
        found = record(written, 4)
        planes = planes_walked("run", moved, found)
        on_page = walked.trainings["run"].plane(found.at("run", 60), 60)
        assert np.array_equal(planes[60].project(found.at("run", 60).z_e), on_page.project(found.at("run", 60).z_e))


def test_a_question_of_a_handout_can_be_answered_and_paper_shows_what_is_folded_away() -> None:
    question = Question(asks="Which?", choices=("this one", "that one"), answer=lambda found: 1)
    written = lesson({"run": RUN}, Step(title="Guess", text="Guess.", shows=("run",), at=2, question=question))
    found = record(written, 0)
    page = lesson_html(written, found, examine(written, found))
    assert re.findall(r'<button type="button">(.*?)</button>', page) == [*question.choices]
    assert re.search(r'class="question" data-right="that one"', page)
    assert "@media print" in page
    assert "beforeprint" in page


def test_a_formula_stands_as_mathml_and_one_that_was_not_made_yet_as_words() -> None:
    steps = [
        Step(title="Made", text="Look.", shows=("run",), formula=NEAREST),
        Step(title="New", text="Look.", shows=("run",), formula=Formula(r"x^{2} < 3", "x² < 3")),
    ]
    own = lesson({"run": RUN}, *steps)
    page = lesson_html(own, record(own, 0), [])
    (shown,) = re.findall(r'<div class="formula">(<math.*?</math>)</div>', page, re.DOTALL)
    assert ElementTree.fromstring(shown).findtext(".//{*}annotation") == NEAREST.latex
    assert NEAREST.plain not in page
    assert '<p class="formula">x² &lt; 3</p>' in page
