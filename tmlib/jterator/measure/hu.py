"""Hu moments: how the gray values of an object are distributed, wherever and however it lies."""

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]

# of the moments that are needed, in y and x
_ORDERS = ((2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))

HU_NAMES = tuple(f"Hu-{i}" for i in range(7))


def hu(regions: Regions, values: _Float) -> _Float:
    """The seven moments (columns) of the gray values of each object (rows).

    They do not change when the object is moved, turned or, but for rounding to pixels, enlarged;
    the seventh changes its sign when it is mirrored (Hu MK (1962), "Visual pattern recognition
    by moment invariants"). NaN for objects that are black.

    Parameters
    ----------
    regions
        Pixels of the objects.
    values
        Gray value of each pixel of the regions.
    """
    if not len(regions):
        return np.zeros((0, 7))
    return _invariants(_normalised_central_moments(regions, values)).T


def _normalised_central_moments(regions: Regions, values: _Float) -> dict[tuple[int, int], _Float]:
    """Moments by their orders in y and x, of the orders 2 and 3."""
    # Powers of y are the same for a row: the sums over rows are multiplied by them.
    rows = regions.row_starts[:-1]
    first_rows = np.searchsorted(rows, regions.starts[:-1])
    n_rows = np.diff(np.append(first_rows, len(rows)))
    x = regions.local_x
    total = regions.sum(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = regions.local_x - np.repeat(regions.sum(values * x) / total, regions.area)
        by_row = [np.add.reduceat(values, rows)]
        product = values
        for _ in range(3):
            product = product * x
            by_row.append(np.add.reduceat(product, rows))
        y = regions.local_y[rows]
        y = y - np.repeat(np.add.reduceat(by_row[0] * y, first_rows) / total, n_rows)
        return {
            (i, j): np.add.reduceat(by_row[j] * y**i, first_rows) / total ** ((i + j) / 2 + 1)
            for i, j in _ORDERS
        }


def _invariants(n: dict[tuple[int, int], _Float]) -> _Float:
    """The seven invariants, one row each."""
    a, b = n[3, 0] + n[1, 2], n[2, 1] + n[0, 3]
    c, d = n[3, 0] - 3 * n[1, 2], 3 * n[2, 1] - n[0, 3]
    difference = n[2, 0] - n[0, 2]
    return np.array(
        [
            n[2, 0] + n[0, 2],
            difference**2 + 4 * n[1, 1] ** 2,
            c**2 + d**2,
            a**2 + b**2,
            c * a * (a**2 - 3 * b**2) + d * b * (3 * a**2 - b**2),
            difference * (a**2 - b**2) + 4 * n[1, 1] * a * b,
            d * a * (a**2 - 3 * b**2) - c * b * (3 * a**2 - b**2),
        ]
    )
