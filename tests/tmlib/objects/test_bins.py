"""Any finite numbers are counted in bins, those that are alike or far apart as well."""

from collections.abc import Sequence

import numpy as np
import pytest

from tmlib.objects.table import table_statistics
from tmlib.objects.table.bins import count_in_bins
from tmlib.tools import plots

LARGEST = float(np.finfo(np.float64).max)

NUMBERS: tuple[Sequence[float], ...] = (
    [],
    [7.0],
    [1e17],
    [1e17, np.nextafter(1e17, np.inf)],
    [5e-324, 0.0],
    [-1e-300, 1e-300],
    [-1e308, 1e308],
    [-LARGEST, LARGEST],
    [LARGEST],
    [-LARGEST],
)


@pytest.mark.parametrize("numbers", NUMBERS)
def test_every_number_is_in_a_bin(numbers: Sequence[float]) -> None:
    values = np.array(numbers, np.float64)
    for n_bins in (2, 50, 10_000):
        counts, edges = count_in_bins(values, n_bins)
        assert (len(counts), counts.sum()) == (n_bins, len(values))
        assert np.isfinite(edges).all()
        assert (np.diff(edges) >= 0).all()
        assert ((edges[0] <= values) & (values <= edges[-1])).all()
        counted = table_statistics.histogram(values, n_bins)
        assert (sum(counted.counts), counted.below, counted.above) == (len(values), 0, 0)
    [bars] = plots.histogram(values, "Area").attributes["data"]
    assert sum(bars["y"]) == len(values)
    assert None not in bars["x"]


def test_bins_lie_where_they_are_wanted() -> None:
    values = np.array([0.0, 1, 2, 3, 9])
    counts, edges = count_in_bins(values, 3)
    assert (counts.tolist(), edges.tolist()) == ([3, 1, 1], [0, 3, 6, 9])
    counts, edges = count_in_bins(values, 2, 1, 3)
    assert (counts.tolist(), edges.tolist()) == ([1, 2], [1, 2, 3])
    counts, edges = count_in_bins(values, 2, 3, 3)
    assert (counts.tolist(), edges.tolist()) == ([0, 1], [2.5, 3, 3.5])
    counted = table_statistics.histogram(values, 2, 1, 2)
    assert (counted.counts, counted.below, counted.above) == ([1, 1], 1, 2)
