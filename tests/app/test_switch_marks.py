"""Labels of switches on a chart: legible however many there are, and in words."""

import ast
import re
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.figures.switch_marks import LETTER_PIXELS, LONGEST_LABEL, PLOT_PIXELS, Marker, marker_labels
from app.panels.switch_words import cause_words, event_words
from vqcore.quantizer.options import Options, option_names
from vqcore.snapshot import Event

APP = Path(__file__).parents[2] / "app"
ICON_ONLY = ("button", "popover", "download_button")

steps = st.lists(st.integers(0, 2000), min_size=1, max_size=40)


def box_of(label: dict, last_step: int) -> tuple[float, float]:
    at, width = PLOT_PIXELS * label["x"] / last_step, LETTER_PIXELS * len(label["text"])
    return (at, at + width) if label["xanchor"] == "left" else (at - width, at)


@given(steps)
def test_no_label_covers_another_and_every_switch_is_told(thrown):
    markers = [Marker(step=step, label=f"sync ν = {step / 10}") for step in thrown]
    labels = marker_labels(markers, 2000)
    for one, other in combinations(labels, 2):
        (start, end), (low, high) = box_of(one, 2000), box_of(other, 2000)
        assert one["y"] != other["y"] or end <= low or high <= start
    told = [line for label in labels for line in label["hovertext"].split("<br>")]
    assert sorted(told) == sorted(f"step {marker.step:,}: {marker.label}" for marker in markers)


def test_one_switch_keeps_its_words_and_several_at_one_place_are_counted():
    assert [label["text"] for label in marker_labels([Marker(step=5, label="sync off")], 100)] == ["sync off"]
    crowd = [Marker(step=50, label=f"inner steps {count}") for count in range(9)]
    assert [label["text"] for label in marker_labels(crowd, 100)][-1].endswith(" switches")


def test_switches_that_share_a_label_are_named_where_there_is_room():
    crowd = [Marker(step=50, label=f"sync ν = {count}") for count in range(4)]
    texts = [label["text"] for label in marker_labels(crowd, 100)]
    assert sorted(name for text in texts for name in text.split(", ")) == sorted(one.label for one in crowd)
    assert max(map(len, texts)) <= LONGEST_LABEL


def test_every_switch_is_told_in_words():
    for name in option_names():
        said = event_words(Event(3, "main", f"{name} x", ((name, getattr(Options(), name)),)))
        assert "_" not in said.replace("z_e", "")


@pytest.mark.parametrize("count", [0, 1, 12])
def test_a_chart_and_the_band_say_the_same_of_a_replacement_by_hand(count):
    event = Event(3, "main", f"replaced {count}", (("replace", "now"),))
    for words in (event_words(event), cause_words(event)):
        assert re.findall(r"\d+", words) == ([str(count)] if count else [])
        assert ("no unused code" in words) == (count == 0)


def test_a_button_that_shows_an_icon_alone_still_has_a_name():
    nameless = [
        f"{path.relative_to(APP)}:{call.lineno}"
        for path in APP.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr in ICON_ONLY
        if call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == ""
    ]
    assert nameless == []
