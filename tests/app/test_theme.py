"""Colours by role: there in both schemes, and told from the page they stand on."""

import re
from pathlib import Path

import pytest

from app.theme import DARK, LIGHT, layout, role

APP = Path(__file__).parents[2] / "app"


def luminance(colour: str) -> float:
    parts = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_words_and_dead_codes_are_legible(palette: dict[str, str]) -> None:
    for name in ("text", "muted", "dead", "marker"):
        assert contrast(palette[name], palette["background"]) >= 4.5


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
def test_p_and_q_stand_out_from_the_page(palette: dict[str, str]) -> None:
    assert min(contrast(palette[name], palette["background"]) for name in ("P", "Q")) >= 3


def test_both_schemes_know_the_same_roles() -> None:
    assert LIGHT.keys() == DARK.keys()


def test_an_unknown_role_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="'Z'"):
        role("Z")


def test_the_layout_names_only_known_roles_and_is_fresh_each_time() -> None:
    named = set(re.findall(r"role:(\w+)", str(layout()))) - {"font"}
    assert named <= LIGHT.keys()
    layout()["xaxis"]["gridcolor"] = "red"
    assert layout()["xaxis"]["gridcolor"] == role("grid")


def test_a_legend_has_the_colours_of_the_charts_in_both_schemes() -> None:
    text = (APP / "style.css").read_text(encoding="utf-8")
    found = re.findall(r"^\.vq-panel \.([pcqd]) { color: light-dark\((#\w+), (#\w+)\); }$", text, re.M)
    roles = {"p": "P", "c": "C", "q": "Q", "d": "dead"}
    assert {mark for mark, *_ in found} == roles.keys()
    for mark, light, dark in found:
        assert (light.upper(), dark.upper()) == (LIGHT[roles[mark]], DARK[roles[mark]])
