"""The bands over seeds as data: what is drawn where, with nothing that a logarithm cannot take."""

import numpy as np

from app.figures.seed_bands import Band, Panel, seed_bands


def band(values: list[float]) -> Band:
    median = np.array(values, dtype=np.float32)
    return Band(label="STE", colour="vermillion", dash="7 3", low=median / 2, median=median, high=median * 2)


def test_every_band_is_an_outline_and_a_median_in_its_panel() -> None:
    figure = seed_bands(
        [Panel(title="loss", bands=[band([1, 2])]), Panel(title="angle", bands=[band([3, 4])], log=False)]
    )
    assert [trace["xaxis"] for trace in figure["data"]] == ["x", "x", "x2", "x2"]
    outline, median = figure["data"][:2]
    np.testing.assert_array_equal(outline["y"], [2, 4, 1, 0.5])
    np.testing.assert_array_equal(median["y"], [1, 2])
    assert median["line"]["dash"] == "7px,3px"
    assert (figure["layout"]["yaxis"]["type"], figure["layout"]["yaxis2"]["type"]) == ("log", "linear")


def test_zeros_lie_on_the_lower_edge_of_a_log_panel_and_gaps_stay_gaps() -> None:
    figure = seed_bands([Panel(title="gap", bands=[band([0, 1, np.nan])])])
    low = 10 ** figure["layout"]["yaxis"]["range"][0]
    median = figure["data"][1]["y"]
    assert low < median[0] <= 0.5
    assert np.isnan(median[2])


def test_a_long_run_is_thinned() -> None:
    figure = seed_bands([Panel(title="loss", bands=[band(list(np.linspace(1, 2, 10_000)))])])
    assert len(figure["data"][1]["x"]) <= 250


def test_nothing_positive_is_still_a_picture() -> None:
    assert seed_bands([Panel(title="gap", bands=[band([0, 0])])])["layout"]["yaxis"]["type"] == "log"
