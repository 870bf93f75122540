"""Statistics of plates and wells that are used in screens."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAD_TO_SD = 1.482602218505602
"""Standard deviation of a normal distribution divided by its median absolute deviation."""

_MAX_SWEEPS = 10
_TOLERANCE = 0.01


def aggregate(matrix: Array, groups: NDArray[np.int64], n_groups: int, statistic: str) -> Array:
    """A statistic of each column within each group.

    Parameters
    ----------
    matrix
        Shape (n, p).
    groups
        Group of each row, shape (n,).
    n_groups
        How many groups there are.
    statistic
        One that pandas knows, ``mean`` for example, or ``mad``: the median absolute deviation,
        scaled to equal the standard deviation of normally distributed values. ``count`` counts
        values that are not missing.

    Returns
    -------
    ndarray
        Shape (n_groups, p); nan for groups without rows, but a count of 0.
    """
    if statistic == "mad":
        medians = aggregate(matrix, groups, n_groups, "median")
        deviations = np.abs(matrix - medians[groups])
        return MAD_TO_SD * aggregate(deviations, groups, n_groups, "median")
    found = pd.DataFrame(matrix).groupby(groups).agg(statistic)
    nothing = 0 if statistic == "count" else np.nan
    return found.reindex(range(n_groups), fill_value=nothing).to_numpy(dtype=np.float64)


def median_polish(plate: Array) -> tuple[float, Array, Array]:
    """Effects of a plate, its rows and its columns (Tukey 1977, Exploratory Data Analysis).

    Medians of rows and columns are subtracted in turn until the residuals hardly change any more.

    Parameters
    ----------
    plate
        Shape (rows, columns); nan where there is no value.

    Returns
    -------
    overall, rows, columns
        The effects; each well's value is their sum plus its residual.
    """
    residuals = plate.copy()
    overall, rows, columns = 0.0, np.zeros(plate.shape[0]), np.zeros(plate.shape[1])
    before = np.inf
    for _ in range(_MAX_SWEEPS):
        medians = _medians(residuals, axis=1)
        residuals -= medians[:, None]
        rows += medians
        middle = float(np.median(columns))
        columns, overall = columns - middle, overall + middle
        medians = _medians(residuals, axis=0)
        residuals -= medians
        columns += medians
        middle = float(np.median(rows))
        rows, overall = rows - middle, overall + middle
        size = float(np.nansum(np.abs(residuals)))
        if size == 0 or abs(before - size) < _TOLERANCE * size:
            break
        before = size
    return overall, rows, columns


def _medians(values: Array, axis: int) -> Array:
    """Medians of the values that are not missing; 0 if all are."""
    is_there = np.asarray(np.isfinite(values).any(axis=axis))
    found = np.zeros(len(is_there))
    lines = values if axis == 1 else values.T
    found[is_there] = np.nanmedian(lines[is_there], axis=1)
    return found


def z_prime(positive: Array, negative: Array) -> float:
    """Z'-factor, the separation of two groups of control wells: 1 is ideal, below 0 they overlap.

    ``1 - 3 (s_p + s_n) / |m_p - m_n|`` with means and standard deviations of the wells (Zhang,
    Chung and Oldenburg 1999, Journal of Biomolecular Screening 4, 67-73). nan if the means are the
    same.
    """
    distance = abs(positive.mean() - negative.mean())
    if distance == 0:
        return float("nan")
    return float(1 - 3 * (positive.std(ddof=1) + negative.std(ddof=1)) / distance)


def ssmd_of_groups(one: Array, other: Array) -> float:
    """Strictly standardised mean difference of two groups of wells.

    ``(m_1 - m_2) / sqrt(s_1^2 + s_2^2)`` (Zhang 2007, Genomics 89, 552-561). nan if nothing varies.
    """
    spread = np.sqrt(one.var(ddof=1) + other.var(ddof=1))
    return float((one.mean() - other.mean()) / spread) if spread > 0 else float("nan")


def ssmd_of_wells(wells: Array, negative: Array) -> Array:
    """Strictly standardised mean difference of single wells from negative controls.

    ``(x - m_n) / (sqrt(2) s_n)``: the estimate by the method of moments for a screen without
    replicates, which assumes that wells vary as the controls do (Zhang 2007). nan if the controls
    are all equal.
    """
    spread = np.sqrt(2) * negative.std(ddof=1)
    return np.asarray((wells - negative.mean()) / (spread if spread > 0 else np.nan))
