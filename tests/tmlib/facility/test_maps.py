"""Maps of any values have histograms and pictures."""

import numpy as np
import pytest

from tmlib.facility import maps

DARK, YELLOW = [68, 1, 84, 255], [253, 231, 37, 255]
LARGEST = float(np.finfo(np.float64).max)


@pytest.mark.parametrize(
    ("least", "largest"), [(1, 2), (-LARGEST, LARGEST), (-np.inf, np.nan), (1e17, 1e17)]
)
def test_values_that_are_far_apart_or_alike(least: float, largest: float) -> None:
    values = np.array([[least, largest, np.nan]])
    counts, centres, widths = maps.histogram(values)
    n_known = int(np.isfinite(values).sum())
    assert counts.sum() == n_known
    assert np.isfinite([centres, widths]).all()
    painted = maps.picture(values)[0].tolist()
    expected = [DARK, YELLOW if largest > least else DARK] if n_known else [[0] * 4] * 2
    assert painted == [*expected, [0] * 4]
