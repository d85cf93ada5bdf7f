"""What a headline tile sends of its past."""

import numpy as np

from app.live_plot.tiles import SPARK_POINTS, _spark


def test_a_past_is_scaled_to_its_own_height() -> None:
    assert _spark([2, 4, 3]) == [0.0, 1.0, 0.5]


def test_a_long_past_is_thinned_and_keeps_its_newest() -> None:
    spark = _spark(np.append(np.zeros(1000), 1.0))
    assert len(spark) <= SPARK_POINTS
    assert spark[-1] == 1.0


def test_gaps_stay_gaps_and_a_flat_past_is_a_middle_line() -> None:
    assert _spark([1.0, np.nan, 1.0]) == [0.5, None, 0.5]
    assert _spark([np.nan]) == []
    assert _spark([]) == []
