"""The Trajectories page's URL: a round trip, and a sentence for what cannot be used."""

from dataclasses import replace

import pytest

from app.links.trajectories import default_setting, read, write
from vqcore.problems.landscapes import LANDSCAPES


@pytest.mark.parametrize("landscape", list(LANDSCAPES))
def test_a_default_is_written_as_its_landscape_alone(landscape: str) -> None:
    assert write(default_setting(landscape)) == {"landscape": landscape}
    assert read({"landscape": landscape}) == (default_setting(landscape), ())


def test_everything_survives_a_round_trip() -> None:
    setting = replace(
        default_setting("rosenbrock"),
        seed=3,
        steps=17,
        points=2,
        encoder="mlp",
        num_codes=2,
        learning_rate=0.003,
        noise=0.25,
        alpha=0.5,
        beta=0.75,
        nu=2.0,
        inner_steps=3,
        inner_share=0.125,
        starts=((-1.3, 1.2), (0.5, -0.25)),
        codes=((0.0, 0.125), (1.0, 2.0)),
        methods=("STE", "EMA", "rotation"),
    )
    assert read(write(setting)) == (setting, ())


def test_the_seeds_own_places_survive_one_dragged_code() -> None:
    setting = default_setting()
    codes = tuple(map(tuple, setting.first_codes().round(3).tolist()))
    moved = replace(setting, codes=codes)
    assert read(write(moved)) == (moved, ())


def test_each_value_that_cannot_be_used_is_named_and_the_rest_is_kept() -> None:
    query = {
        "landscape": "alps",
        "num_codes": "0",
        "beta": "much",
        "starts": "9;9",
        "methods": "STE,magic",
        "seed": "4",
    }
    setting, refused = read(query)
    assert setting == replace(default_setting(), seed=4)
    said = " ".join(refused)
    assert len(refused) == 5
    for name in ("`landscape`", "`num_codes`", "`beta`", "`starts`", "`methods`"):
        assert name in said
