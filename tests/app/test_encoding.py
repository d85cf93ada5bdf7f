"""Figures on the wire: small, valid JSON, and the same numbers at the other end."""

import base64
import json

import numpy as np
import pytest

from app.live_plot.encoding import encode


def decode(typed: dict[str, str]) -> np.ndarray:
    flat = np.frombuffer(base64.b64decode(typed["bdata"]), dtype=f"<{typed['dtype']}")
    shape = typed.get("shape")
    return flat if shape is None else flat.reshape([int(side) for side in shape.split(",")])


@pytest.mark.parametrize(
    ("array", "dtype"),
    [
        (np.arange(200), "u1"),
        (np.arange(200) - 5, "i2"),
        (np.arange(40_000), "i4"),
        (np.arange(20) * 2**40, "f8"),
        (np.arange(20, dtype=np.uint64) + 2**33, "f8"),
        (np.arange(20) % 2 == 0, "u1"),
        (np.arange(20, dtype=np.float16), "f4"),
        (np.arange(240, dtype=">i4").reshape(4, 60), "u1"),
        (np.arange(240.0).reshape(4, 20, 3)[:, ::2], "f4"),
    ],
)
def test_an_array_comes_back_as_it_went(array: np.ndarray, dtype: str) -> None:
    typed = encode(array)
    assert typed["dtype"] == dtype
    np.testing.assert_array_equal(decode(typed), array)


def test_floats_keep_24_bits_and_their_gaps() -> None:
    array = np.append(np.random.default_rng(0).normal(size=1000), np.nan)
    np.testing.assert_allclose(decode(encode(array)), array, rtol=6e-8)


def test_short_arrays_stay_lists_because_plotly_wants_ranges_so() -> None:
    assert encode({"range": np.array([0.5, np.inf]), "n": np.int64(3)}) == {"range": [0.5, None], "n": 3}


def test_nothing_that_json_lacks_is_written() -> None:
    figure = {"a": [np.nan, float("inf"), 1.0], "b": (np.float32(np.nan), np.bool_(True), None, "x")}
    assert json.dumps(encode(figure), allow_nan=False) == '{"a": [null, null, 1.0], "b": [null, true, null, "x"]}'


def test_words_stay_words() -> None:
    assert encode(np.array([f"code {code}" for code in range(12)]))[11] == "code 11"


def test_four_dimensions_are_refused_with_their_shape() -> None:
    with pytest.raises(ValueError, match=r"\(2, 2, 2, 2\)"):
        encode(np.zeros((2, 2, 2, 2)))


def test_two_thousand_points_take_less_than_a_fifth_of_the_budget() -> None:
    draw = np.random.default_rng(0)
    trace = {"x": draw.normal(size=2000), "y": draw.normal(size=2000), "customdata": np.arange(2000)}
    assert len(json.dumps(encode(trace))) < 50_000
