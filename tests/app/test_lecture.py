"""What a URL says of controls: read, written, and refused in a sentence."""

import random

import pytest

from app.links import lecture
from app.links.lecture import GROUPS, LIVE, TRAJECTORIES, Limits

PAGES = (LIVE, TRAJECTORIES)


def drawn(page: str, seed: int) -> Limits:
    """Each group of a page hidden, locked or shown, by lot."""
    lot = random.Random(seed)
    fate = {name: lot.choice(["hide", "lock", "show"]) for name in GROUPS[page]}
    hidden = frozenset(name for name, what in fate.items() if what == "hide")
    locked = frozenset(name for name, what in fate.items() if what == "lock" and GROUPS[page][name].lockable)
    return Limits(hidden, locked)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("seed", range(20))
def test_what_is_written_is_read_as_the_same(page: str, seed: int) -> None:
    limits = drawn(page, seed)
    assert lecture.read(lecture.write(limits, page), page) == (limits, [])


@pytest.mark.parametrize("page", PAGES)
def test_every_preset_is_read_as_written(page: str) -> None:
    for preset in lecture.presets(page):
        assert lecture.read(lecture.write(preset.limits, page), page) == (preset.limits, [])


def test_nothing_limited_is_nothing_written() -> None:
    assert lecture.write(Limits(), LIVE) == {}
    assert lecture.read({}, LIVE) == (Limits(), [])


def test_only_leaves_what_it_names_and_hide_counts_more() -> None:
    limits, refused = lecture.read({"only": "affine,speed", "hide": "speed"}, LIVE)
    assert limits.hidden == frozenset(GROUPS[LIVE]) - {"affine"}
    assert refused == []
    assert lecture.write(limits, LIVE) == {"only": "affine"}


def test_what_is_hidden_is_not_locked() -> None:
    assert lecture.read({"hide": "sync", "lock": "sync,affine"}, LIVE)[0] == Limits(
        frozenset({"sync"}), frozenset({"affine"})
    )


def test_unknown_names_are_said_and_the_rest_holds() -> None:
    limits, (said,) = lecture.read({"hide": "afine, sync ,landscape"}, LIVE)
    assert limits == Limits(hidden=frozenset({"sync"}))
    assert "`hide`" in said
    assert "'afine', 'landscape'" in said
    assert all(name in said for name in GROUPS[LIVE])


def test_many_unknown_names_are_counted_and_long_ones_cut() -> None:
    limits, (said,) = lecture.read({"lock": ",".join(["x" * 5000, *"abcdefg"])}, LIVE)
    assert limits == Limits()
    assert said.endswith("and 4 more.")
    assert len(said) < 400


@pytest.mark.parametrize("text", ["", "nothing", ",,"])
def test_an_only_that_names_nothing_hides_nothing(text: str) -> None:
    limits, refused = lecture.read({"only": text}, LIVE)
    assert limits == Limits()
    assert len(refused) == 1


def test_what_cannot_be_locked_is_said_and_stays() -> None:
    limits, (said,) = lecture.read({"lock": "time,affine"}, LIVE)
    assert limits == Limits(locked=frozenset({"affine"}))
    assert "time" in said


def test_no_control_is_in_two_groups() -> None:
    for groups in GROUPS.values():
        controls = [control for group in groups.values() for control in group.controls]
        assert len(controls) == len(set(controls))


def test_a_page_without_groups_of_its_own_can_lose_its_links_to_others() -> None:
    assert lecture.read({"hide": "navigation"}, "Lessons") == (Limits(frozenset({"navigation"})), [])
