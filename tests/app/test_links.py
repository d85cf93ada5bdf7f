"""The links of all pages go by one law: what is written is read as the same, and no URL breaks a page."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.links import codec, compare, doctor, lecture, lessons, live, trajectories
from app.links.codec import Field, PartlyUsedError
from app.links.lecture import GROUPS, LIVE, TRAJECTORIES, Limits
from app.links.setup import Setup, Variant
from app.wording import LONGEST_SENTENCE
from demos import catalogue
from demos.lesson import Lesson
from vqcore.problems.landscapes import LANDSCAPES, find_landscape
from vqcore.training.recipe import default_recipe

LESSONS = catalogue.lessons()[0]
COURSE = tuple(each.name for each in LESSONS)
TABLES = {
    "live": live.TABLE,
    "compare": compare.TABLE,
    "trajectories": trajectories.TABLE,
    "lessons": lessons.table(LESSONS, COURSE[0]),
    "doctor": doctor.TABLE,
    "lecture": lecture.table(GROUPS[LIVE]),
}
READERS = {
    "live": live.read,
    "compare": compare.read,
    "trajectories": trajectories.read,
    "lessons": lambda query: lessons.read(query, LESSONS),
    "doctor": doctor.read,
    "lecture": lambda query: lecture.read(query, LIVE),
}
WORDS = [
    *("", "0", "1", "2", "-1", "007", "1_0", "٣", "9" * 5000, "1e999", "nan", "-inf", "true", "none", "cuda:99"),
    *("digits", "rosenbrock", "c3,7-9;v0-40", "c~AAAA", "17,4@2", "0.1234567,1;0.5,-0.25", "STE,EMA", "a;sync=1"),
    *("affine,speed", "UMAP", "K,D", "<b>![x](y)</b>", "\x00\n\u2028", "x" * 9000, "\ud800", *COURSE),
]
hostile = st.sampled_from(WORDS) | st.text(max_size=40)


@st.composite
def queries(draw: st.DrawFn, page: str) -> dict[str, str]:
    """Names that the page knows, each with what it might say and what it must not, and names that it does not."""
    known = [field.name for field in TABLES[page]]
    return draw(st.dictionaries(st.sampled_from(known) | st.text(max_size=40), hostile, max_size=8))


@pytest.mark.parametrize("page", TABLES)
@settings(deadline=None)
@given(data=st.data())
def test_no_url_breaks_a_page_and_what_it_says_in_vain_is_named(page: str, data: st.DataObject) -> None:
    query = data.draw(queries(page))
    values, refused = codec.read(query, TABLES[page])
    assert values.keys() == {field.name for field in TABLES[page]}
    assert sum(len(sentence.splitlines()) for sentence in refused) == len(refused)
    assert any("in the link mean" in sentence for sentence in refused) == bool(query.keys() - values.keys())
    READERS[page](query)  # values that do not go together either


@pytest.mark.parametrize("page", TABLES)
@settings(deadline=None)
@given(data=st.data())
def test_what_is_read_from_any_url_is_written_and_read_as_the_same(page: str, data: st.DataObject) -> None:
    values, _ = codec.read(data.draw(queries(page)), TABLES[page])
    values = {name: value for name, value in values.items() if value == value}  # nan is for the page to refuse
    again, refused = codec.read(codec.write(values, TABLES[page]), TABLES[page])
    assert refused == []
    assert {name: again[name] for name in values} == values


@pytest.mark.parametrize("page", TABLES)
def test_a_page_as_it_begins_has_an_empty_link(page: str) -> None:
    values, refused = codec.read({}, TABLES[page])
    assert (codec.write(values, TABLES[page]), refused) == ({}, [])


@pytest.mark.parametrize("page", TABLES)
def test_no_sentence_is_longer_than_a_page_shows(page: str) -> None:
    query = {field.name: "x" * 100_000 for field in TABLES[page]} | {"y" * 100_000: ""}
    longest = LONGEST_SENTENCE if page != "lecture" else 2 * LONGEST_SENTENCE  # which names all groups of controls
    assert all(len(sentence) <= longest for sentence in codec.read(query, TABLES[page])[1])


names = st.sampled_from(["one", "two words", "sync=0.5", "ä", "  x"])
changes = st.fixed_dictionaries({}, optional={"affine": st.just("running"), "sync": st.floats(0, 100)})
numbers = st.floats(0, 1)


@st.composite
def setups(draw: st.DrawFn) -> Setup:
    taken = draw(st.lists(names.map(str.strip), min_size=1, max_size=4, unique=True))
    return Setup(
        problem=draw(st.sampled_from(["plane", "patches", "digits"])),
        common=tuple(draw(st.fixed_dictionaries({}, optional={"seed": st.integers(0, 2**31 - 1)})).items()),
        variants=tuple(Variant(name, tuple(draw(changes).items())) for name in taken),
    )


@settings(deadline=None)
@given(setup=setups(), paused=st.booleans(), session=st.none() | st.text())
def test_variants_survive_their_link(setup: Setup, paused: bool, session: str | None) -> None:
    view = {"curve": "task loss", "select": "c3", "seeds": "4", "level": "2"}
    link = compare.read(compare.write(session, setup, view, paused=paused))
    assert (link.session, link.setup, link.paused, link.refused) == (session, setup, paused, ())
    assert link.view == compare.read({}).view | view


@st.composite
def settings_of_paths(draw: st.DrawFn) -> trajectories.Setting:
    landscape = draw(st.sampled_from(sorted(LANDSCAPES)))
    left, right, bottom, top = find_landscape(landscape).window
    places = st.tuples(st.floats(left, right), st.floats(bottom, top))
    count = draw(st.integers(1, 3))
    return replace(
        trajectories.default_setting(landscape),
        seed=draw(st.integers(0, 2**31 - 1)),
        points=count,
        learning_rate=draw(st.none() | numbers),
        nu=draw(numbers),
        starts=draw(st.none() | st.lists(places, min_size=count, max_size=count).map(tuple)),
    )


@settings(deadline=None)
@given(settings_of_paths())
def test_paths_survive_their_link_to_the_last_digit(setting: trajectories.Setting) -> None:
    assert trajectories.read(trajectories.write(setting)) == (setting, ())


@settings(deadline=None)
@given(st.sampled_from(LESSONS), st.data())
def test_a_place_in_a_lesson_survives_its_link(lesson: Lesson, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, len(lesson.steps) + 1))
    place = lessons.LessonLink(lesson.name, number, data.draw(st.integers(0, lessons.LARGEST_SEED)))
    assert lessons.read(lessons.write(place, "someone"), LESSONS) == (place, [])


paths = st.text(max_size=60)


@settings(deadline=None)
@given(path=paths, latents=paths, codebook=paths, rows=st.none() | st.integers(1, 2**31 - 1), look=st.integers(0, 99))
def test_what_a_doctor_is_asked_survives_its_link(
    path: str, latents: str, codebook: str, rows: int | None, look: int
) -> None:
    asked = doctor.Asked(path=path, latents=latents, codebook=codebook, axis="D,K", rows=rows, level_axis=0)
    link = doctor.read(doctor.write(asked, look, "UMAP"))
    assert link == doctor.DoctorLink(asked, look, "UMAP", ())


@pytest.mark.parametrize("page", [LIVE, TRAJECTORIES])
@settings(deadline=None)
@given(data=st.data())
def test_limits_survive_their_link(page: str, data: st.DataObject) -> None:
    groups = GROUPS[page]
    hidden = data.draw(st.sets(st.sampled_from(list(groups))))
    locked = data.draw(st.sets(st.sampled_from([name for name in groups if groups[name].lockable]))) - hidden
    limits = Limits(frozenset(hidden), frozenset(locked))
    assert lecture.read(lecture.write(limits, page), page) == (limits, [])


def test_a_link_with_a_step_but_no_lesson_is_the_list_of_lessons() -> None:
    assert lessons.read({"step": "many", "seed": "3"}, LESSONS) == (lessons.LessonLink(None, 1, 3), [])


def test_a_part_that_can_be_used_is_kept() -> None:
    def read(text: str) -> str:
        raise PartlyUsedError("half of it", part=text[:1])

    assert codec.read({"a": "xy"}, [Field("a", "", read)]) == ({"a": "x"}, ["half of it"])


def test_settings_that_a_problem_has_itself_are_not_written() -> None:
    recipe = default_recipe("patches", num_codes=64)
    assert live.write(None, recipe, live.read({}).view, paused=False) == {"problem": "patches", "num_codes": "64"}
