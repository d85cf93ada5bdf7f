"""What a lesson links to: the page that it opens, and a view or link that no page has."""

from dataclasses import replace
from pathlib import Path

import pytest

import demos
from app.lessons.links import check_links, offered, try_it_link
from app.links import live as live_address
from app.links import trajectories as trajectory_address
from demos.lesson import Lesson, LessonError, Step, Training, TryIt

FOUND, UNUSABLE = offered()
TRAINING = Training(problem="plane")


def lesson(*steps: Step, try_it: TryIt = TryIt(text="Try.", training=TRAINING)) -> Lesson:  # noqa: B008
    return Lesson(
        name="small",
        title="",
        about="",
        trainings={"one": TRAINING},
        steps=steps,
        try_it=try_it,
        known=(),
        contested=(),
    )


def test_every_lesson_can_be_given_on_a_page() -> None:
    assert UNUSABLE == []
    assert len(FOUND) == len([*Path(demos.__file__).parent.glob("lesson_[0-9]*.py")])


@pytest.mark.parametrize("found", FOUND, ids=lambda each: each.name)
def test_its_link_opens_the_page_with_just_these_settings(found: Lesson) -> None:
    path, query = try_it_link(found.try_it, 7)
    if path == "trajectories":
        setting, refused = trajectory_address.read(query)
        assert setting == replace(found.try_it.setting, seed=7)
        assert refused == ()
    else:
        request = live_address.read(query)
        assert request.recipe == found.try_it.training.recipe(7)
        assert request.refused == ()
        assert found.try_it.view.items() <= request.view.items()


@pytest.mark.parametrize(
    ("view", "named"),
    [
        ({"map": "sideways"}, ["map='sideways'", "PCA, UMAP, two codes, raw"]),
        ({"maps": "PCA"}, ["maps='PCA'", "map, level, bars"]),
    ],
)
def test_a_view_that_does_not_exist_names_the_step_and_what_is_allowed(view, named) -> None:
    right, wrong = Step(title="Right", text="Look."), Step(title="Wrong", text="Look.", view=view)
    with pytest.raises(LessonError, match=r"^Step 2 \(Wrong\): `view` must ") as caught:
        check_links(lesson(right, wrong))
    assert [part for part in named if part not in str(caught.value)] == []
    with pytest.raises(LessonError, match=r"^Try it yourself: `view` must ") as caught:
        check_links(lesson(right, try_it=TryIt(text="Try.", training=TRAINING, view=view)))
    assert [part for part in named if part not in str(caught.value)] == []


def test_a_view_that_changes_nothing_in_a_lesson_is_named_with_the_mend() -> None:
    step = Step(title="Idle", text="Look.", view={"scale": "linear", "map": "UMAP", "level": "2"})
    with pytest.raises(LessonError, match=r"^Step 1 \(Idle\): .*`map` changes nothing.* `try_it`\.$"):
        check_links(lesson(step))


def test_a_link_that_its_page_would_refuse_is_named() -> None:
    elsewhere = Training(problem="plane", changes={"device": "cuda:77"})
    with pytest.raises(LessonError, match=r"^Try it yourself: .*cuda:77"):
        check_links(lesson(try_it=TryIt(text="Try.", training=elsewhere)))


def test_a_file_with_a_wrong_view_is_reported_as_any_other(tmp_path, monkeypatch) -> None:
    from demos import catalogue

    folder = tmp_path / "lessons_with_views"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "lesson_1_views.py").write_text(
        "from demos.lesson import Lesson, Step, Training, TryIt\n"
        "LESSON = Lesson(name='views', title='', about='', steps=(Step(title='Look', text='', view={'map': 'x'}),),\n"
        "    try_it=TryIt(text='', training=Training(problem='plane')), known=(), contested=())\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    real = catalogue.lessons
    monkeypatch.setattr(catalogue, "lessons", lambda check: real(folder, folder.name, check))
    found, (unusable,) = offered()
    assert found == []
    assert unusable.file == "lesson_1_views.py"
    assert "Step 1 (Look)" in unusable.why
    assert "UMAP" in unusable.why
