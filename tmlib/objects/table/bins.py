"""How often numbers occur: counts in bins of equal width, for any numbers that there can be."""

import numpy as np
from numpy.typing import NDArray

_Floats = NDArray[np.float64]

_LARGEST = float(np.finfo(np.float64).max)
_LEAST_WIDTH = 1e-290  # one divided by it is a number as well


def count_in_bins(
    numbers: _Floats, n_bins: int, low: float | None = None, high: float | None = None
) -> tuple[NDArray[np.int64], _Floats]:
    """Count finite numbers in bins of equal width.

    Parameters
    ----------
    numbers
        Any finite numbers.
    n_bins
        How many bins.
    low, high
        Where the first bin begins and the last one ends: at the least and the largest number, if
        not given. They are moved apart where there are no numbers between them that tell bins
        apart; of equal ones each by a half, if that is enough.

    Returns
    -------
    counts, edges
        Of the shapes (n_bins,) and (n_bins + 1,).
    """
    # in quarters, whose differences are numbers as well
    quarters = numbers / 4
    first, last = (0.0, 0.25) if not numbers.size else (quarters.min(), quarters.max())
    first = first if low is None else low / 4
    last = last if high is None else high / 4
    if first == last:
        first, last = first - 0.125, last + 0.125
    least_width = max(2 * n_bins * float(np.spacing(max(abs(first), abs(last)))), _LEAST_WIDTH)
    if last - first < least_width:
        middle = first + (last - first) / 2
        first, last = middle - least_width / 2, middle + least_width / 2
    counts, edges = np.histogram(quarters, n_bins, (first, last))
    return counts, edges.clip(-_LARGEST / 4, _LARGEST / 4) * 4
