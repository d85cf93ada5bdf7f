"""The reader's choice as a value and as a text: what links to what, and what survives a URL."""

import contextlib
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_planes import FLAT, K, M, snapshot

from app.links.selection import MOST_PINS, Choice, Pin, picked
from app.links.selection_text import LONGEST_TEXT, read_choice, read_codes, read_pins, write_choice, write_pins

MOMENT = snapshot(FLAT)  # vector i has code i mod K
ids = st.frozensets(st.integers(0, 65_535), max_size=300).map(lambda found: tuple(sorted(found)))


@given(vectors=ids, codes=ids)
def test_a_choice_that_fits_is_read_again_and_no_text_is_too_long(vectors, codes):
    text = write_choice(Choice(0, vectors, codes))
    assert len(text) <= LONGEST_TEXT
    assert quote(text, safe=";,~") == text  # nothing in it grows in a URL
    assert read_choice(text) in (Choice(0, vectors, codes), Choice(0, (), codes), Choice())


@given(st.frozensets(st.integers(0, 2047), min_size=1).map(lambda found: tuple(sorted(found))))
def test_any_vectors_of_a_monitor_sample_fit(vectors):
    text = write_choice(Choice(0, vectors))
    assert len(text) <= 352
    assert read_choice(text) == Choice(0, vectors)


def test_where_not_all_fits_the_codes_are_kept():
    every_second = tuple(range(0, 60_000, 2))
    assert write_choice(Choice(0, every_second, (4, 5, 6))) == "c4-6"
    assert write_choice(Choice(0, (), every_second)) == ""


@pytest.mark.parametrize("read", [read_choice, read_pins, lambda text: read_codes(text, 100)])
@given(text=st.text(max_size=60) | st.from_regex(r"[cv~]{1,3}[0-9,;~-]{0,40}", fullmatch=True))
def test_no_text_breaks_anything_and_a_refusal_carries_no_markup(read, text):
    with contextlib.suppress(ValueError):
        read(text)
        return
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - whichever sentence it is
        read(text)
    quoted = str(refusal.value).rpartition(" is ")[2]
    assert not set("<>[]!()`*") & set(quoted)


@pytest.mark.parametrize(
    "text", ["c0-99999999", "v999999", "c9-3", "c~!!", "c1;c2", "x1", "c", "c1" * 2000, "c-1", "c1-2-3"]
)
def test_a_hostile_choice_is_refused_by_name(text):
    with pytest.raises(ValueError, match="`select` in the link must read like"):
        read_choice(text)


def test_what_is_typed_is_refused_in_a_sentence():
    assert read_codes("3, 7-9", 10) == (3, 7, 8, 9)
    with pytest.raises(ValueError, match=r"There is no code 12: codes run from 0 to 9\."):
        read_codes("12", 10)
    with pytest.raises(ValueError, match=r"There is no code 10 and 2 more"):
        read_codes("8-12", 10)
    for text in ("", "a", "1.5", "-1", "~AA"):
        with pytest.raises(ValueError, match="Codes are whole numbers"):
            read_codes(text, 10)


@given(st.lists(st.builds(Pin, st.integers(0, 65_535), st.integers(0, 15)), max_size=MOST_PINS, unique=True))
def test_pins_are_read_again_in_their_order(pins):
    assert read_pins(write_pins(pins)) == tuple(pins)


@pytest.mark.parametrize("text", ["1,2,3,4,5,6,7", "1@0", "1@17", "70000", "a", "1,,2", ","])
def test_hostile_pins_are_refused_by_name(text):
    with pytest.raises(ValueError, match="`pins` in the link must read like"):
        read_pins(text)


def test_codes_choose_their_vectors_and_vectors_their_codes():
    by_code = Choice(0, codes=(2, 5))
    assert by_code.vectors_in(MOMENT).tolist() == [i for i in range(M) if i % K in (2, 5)]
    assert by_code.codes_in(MOMENT).tolist() == [2, 5]
    by_vector = Choice(0, vectors=(1, 9, 3))
    assert by_vector.vectors_in(MOMENT).tolist() == [1, 9, 3]
    assert by_vector.codes_in(MOMENT).tolist() == [1, 3]
    mixed = Choice(0, vectors=(1,), codes=(6,))  # a lasso that caught a code without its vectors
    assert mixed.vectors_in(MOMENT).tolist() == [1]
    assert mixed.codes_in(MOMENT).tolist() == [1, 6]


def test_nothing_chosen_chooses_nothing():
    assert not Choice()
    assert all(not found for found in Choice().ids_in(MOMENT).values())


def test_only_one_code_picked_by_itself_has_a_card():
    assert Choice(0, codes=(4,)).code == 4
    assert Choice(0, vectors=(1,), codes=(4,)).code is None
    assert Choice(0, codes=(4, 5)).code is None
    assert Choice().code is None


def test_at_another_level_the_same_vectors_stay_and_codes_do_not():
    moved = Choice(0, codes=(2,)).at_level(1, MOMENT)
    assert moved == Choice(1, vectors=tuple(i for i in range(M) if i % K == 2))


def test_what_a_moment_does_not_have_is_named_and_dropped():
    kept, sentence = Choice(0, vectors=(0, M), codes=(1, K, K + 1)).within(MOMENT)
    assert kept == Choice(0, (0,), (1,))
    assert (
        sentence == f"There is no code {K} and 1 more: codes run from 0 to {K - 1}. "
        f"There is no vector {M}: vectors run from 0 to {M - 1}."
    )
    assert Choice(0, (0,), (1,)).within(MOMENT) == (Choice(0, (0,), (1,)), "")


def test_a_hand_picks_points_by_role():
    hand = {"P": [7, 2], "Q": [3], "C": [3, 1], "dead": [5]}
    assert picked(hand, 2) == Choice(2, (2, 7), (1, 3, 5))
    assert Choice(2, (2,), (9,)).plus(picked(hand, 2)) == Choice(2, (2, 7), (1, 3, 5, 9))


def test_bits_beyond_all_codes_are_outside():
    np.testing.assert_equal(read_choice("c~" + "_" * 12).codes, tuple(range(72)))
