"""What travels on the road of live data: views out and back, numbers as they are, and pieces kept for others."""

import json
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from road_reading import read_arrays, read_message, read_piece

from app.links import compare as comparison
from app.links import live as address
from app.links.compare_view import CompareView, read_compare_view, write_compare_view
from app.links.lesson_view import LessonView, read_lesson_view, write_lesson_view
from app.links.live_view import View, read_view, write_view
from app.links.selection import Choice, Focus, Pin
from app.links.selection_text import LARGEST_ID, LONGEST_PACKED, pack_choice, read_choice
from app.stream.asking import read_ask
from app.stream.frames import Pieces
from app.stream.road import LARGEST_REQUEST
from app.stream.wire import Piece, message, piece

CONTROLS = address.read({}).view
ids = st.sets(st.integers(0, LARGEST_ID), max_size=200).map(lambda found: tuple(sorted(found)))


@settings(max_examples=50, deadline=None)
@given(vectors=ids, codes=ids, level=st.integers(0, 15), at=st.none() | st.integers(0, 2**40))
def test_a_view_comes_back_as_it_was_written(vectors, codes, level, at):
    focus = Focus(Choice(level, vectors, codes), (Pin(3), Pin(9, 1)), "There is no code 900.")
    view = View(CONTROLS, focus, at=at, run=2, hands={"map-plot": 7})
    found = read_view(json.loads(json.dumps(write_view(view))))
    assert (found.focus, found.at, found.run, found.hands) == (view.focus, view.at, view.run, view.hands)
    assert {name: CONTROLS[name] for name in found.controls} == found.controls


def test_the_view_of_the_page_side_by_side_comes_back_as_it_was_written():
    controls = {name: allowed[-1] for name, allowed in comparison.VIEWS.items()}
    view = CompareView(controls, Choice(0, (1, 2), (3,)), "some-id", {"compare-map": 5})
    assert read_compare_view(json.loads(json.dumps(write_compare_view(view)))) == view


def test_the_view_of_a_lesson_comes_back_as_it_was_written_and_no_other_is_one():
    assert read_lesson_view(json.loads(json.dumps(write_lesson_view(LessonView(3))))) == LessonView(3)
    for number in (None, -1, 1.0, True, "1", 2**60):
        with pytest.raises(ValueError, match="number"):
            read_lesson_view({"page": "lesson", "number": number})


def test_the_largest_choice_there_can_be_fits_into_a_request():
    everything = (*range(0, LARGEST_ID, 2), LARGEST_ID)
    choice = Choice(0, everything, everything)
    text = pack_choice(choice)
    assert len(text) <= LONGEST_PACKED
    assert read_choice(text, longest=LONGEST_PACKED) == choice
    asked = {"n": 1, "session": "x", "view": write_view(View(CONTROLS, Focus(choice))), "wanted": [], "have": {}}
    request = json.dumps(asked | {"controls": "", "hands": {}, "now": True})
    assert len(request) < LARGEST_REQUEST
    assert read_ask(request).view.focus.choice == choice


def test_numbers_travel_as_they_are_and_each_begins_where_it_can_be_looked_at():
    draw = np.random.default_rng(0)
    value = {
        "floats": draw.normal(size=1001),
        "bytes": draw.integers(0, 256, (3, 5, 7)).astype(np.uint8),
        "codes": np.arange(70_000),
        "few": np.array([1.5, np.nan]),
        "text": "ν · „P“",
        "deep": [{"rows": draw.integers(-5, 300, (40, 9))}],
    }
    data = piece(value).written()
    assert len(data) % 8 == 0
    found = read_piece(data)
    np.testing.assert_allclose(found["floats"], value["floats"], rtol=1e-7)
    assert found["floats"].dtype == np.float32
    np.testing.assert_array_equal(found["bytes"], value["bytes"])
    np.testing.assert_array_equal(found["codes"], value["codes"])
    assert found["few"] == [1.5, None]
    assert found["text"] == value["text"]
    np.testing.assert_array_equal(found["deep"][0]["rows"], value["deep"][0]["rows"])
    sent = message({"n": 3}, [("first", "a", data), ("second", "b", piece({"x": np.arange(9)}).written())])
    header, parts, revisions, _ = read_message(sent)
    assert header["n"] == 3
    assert revisions == {"first": "a", "second": "b"}
    np.testing.assert_array_equal(parts["second"]["x"], np.arange(9))
    np.testing.assert_array_equal(parts["first"]["codes"], value["codes"])


def test_an_array_that_a_piece_has_twice_travels_once():
    steps, other = np.arange(400) + 1000, np.linspace(0, 1, 400)
    once = piece([{"x": steps, "y": other}, {"y": -other}]).written()
    twice = piece([{"x": steps, "y": other}, {"x": steps.copy(), "y": -other}]).written()
    assert len(twice) - len(once) < 100  # of 800 bytes
    first, second = read_piece(twice)
    for line, values in ((first, other), (second, -other)):
        np.testing.assert_array_equal(line["x"], steps)
        np.testing.assert_allclose(line["y"], values, rtol=1e-6)


def test_an_array_that_the_browser_has_is_not_sent_again():
    places, first, second = np.arange(1000) + 7, np.linspace(0, 1, 1000), np.linspace(1, 3, 1000)
    before, after = piece({"p": places, "x": first}), piece({"x": second, "y": [first, places.copy()]})
    had, whole = read_arrays(before.written()), after.written()
    written = after.written(before)
    assert len(whole) - len(written) > len(before.written()) - 200
    for value in (read_piece(whole), read_piece(written, before=had)):
        np.testing.assert_allclose(value["x"], second, rtol=1e-6)
        np.testing.assert_allclose(value["y"][0], first, rtol=1e-6)
        np.testing.assert_array_equal(value["y"][1], places)
    third = piece({"p": second})  # each refers to the arrays of the one before it, sent or not
    np.testing.assert_allclose(
        read_piece(third.written(after), before=read_arrays(written, before=had))["p"], second, rtol=1e-6
    )


def test_the_same_bytes_of_another_kind_or_shape_are_another_array():
    values = np.arange(24, dtype=np.uint8)
    before = piece({"x": values})
    for other in (values.reshape(4, 6), values.view(np.int16)):
        read = read_piece(piece({"x": other}).written(before), before=read_arrays(before.written()))
        np.testing.assert_array_equal(read["x"], other)


def test_a_piece_is_made_once_for_all_who_ask_at_once_and_the_oldest_goes_first():
    pieces, made, gate = Pieces(most_bytes=25), [], threading.Event()

    def make() -> Piece:
        assert gate.wait(10)
        made.append(1)
        return Piece("x" * 10, ())

    threads = [threading.Thread(target=pieces.of, args=("one", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    gate.set()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    pieces.of("two", make)
    pieces.of("one", make)  # looked at again, so the other goes for the third
    pieces.of("three", make)
    assert len(made) == 3
    pieces.of("one", make)
    assert len(made) == 3
    pieces.of("two", make)
    assert len(made) == 4


def test_a_piece_that_could_not_be_made_is_made_by_the_next_who_asks():
    def fail() -> Piece:
        raise RuntimeError("no")

    pieces = Pieces()
    with pytest.raises(RuntimeError):
        pieces.of("one", fail)
    assert pieces.of("one", lambda: Piece("yes", ())) == Piece("yes", ())
