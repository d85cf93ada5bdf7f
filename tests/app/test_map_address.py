"""The numbers of the map in the link."""

import pytest

from app.links import live as address
from vqcore.training.recipe import default_recipe

CHOSEN = {"map": "two codes", "neighbours": "40", "min_dist": "0", "code_a": "0", "code_b": "17"}


def test_what_is_written_is_read_and_what_stands_at_its_start_is_left_out():
    recipe = default_recipe("digits")
    first = address.read({}).view
    query = address.write(None, recipe, first | CHOSEN, paused=False)
    assert {name: query[name] for name in CHOSEN} == CHOSEN
    assert address.read(query).view == first | CHOSEN
    assert set(address.write(None, recipe, first, paused=False)) == {"problem"}


@pytest.mark.parametrize(
    "query",
    [
        {"neighbours": "4"},
        {"neighbours": "15.5"},
        {"min_dist": "1"},
        {"min_dist": "nan"},
        {"code_a": "-1"},
        {"code_b": "<b>"},
        {"neighbours": ""},
    ],
)
def test_a_number_out_of_range_is_named_and_left_out(query):
    request = address.read(query)
    ((name, text),) = query.items()
    (said,) = request.refused
    assert f"`{name}`" in said
    assert repr(text) in said
    assert request.view == address.read({}).view
