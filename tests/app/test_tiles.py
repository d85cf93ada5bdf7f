"""What a headline tile sends of its past."""

import numpy as np

from app.live_plot.tiles import SPARK_POINTS, spark_heights


def test_a_past_is_scaled_to_its_own_height() -> None:
    assert spark_heights([2, 4, 3]) == [0.0, 1.0, 0.5]


def test_a_long_past_is_thinned_and_keeps_its_newest() -> None:
    spark = spark_heights(np.append(np.zeros(1000), 1.0))
    assert len(spark) <= SPARK_POINTS
    assert spark[-1] == 1.0


def test_gaps_stay_gaps_and_a_flat_past_is_a_middle_line() -> None:
    assert spark_heights([1.0, np.nan, 1.0]) == [0.5, None, 0.5]
    assert spark_heights([np.nan]) == []
    assert spark_heights([]) == []
