"""Zernike moments: the shape of an object as a sum of patterns on a disc."""

from functools import cache
from itertools import pairwise
from math import comb, factorial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]

_DEGREE = 12
_SIZE = 200
_RADIUS = _SIZE // 2
_MIDDLE = (_SIZE - 1) / 2

_ORDERS = tuple((n, m) for n in range(_DEGREE + 1) for m in range(n + 1) if (n - m) % 2 == 0)
ZERNIKE_NAMES = tuple(f"Zernike-{n}-{m}" for n, m in _ORDERS)

# Number of objects that are worked on at a time, to bound the memory.
_BLOCK_SIZE = 256


def zernike_moments(regions: Regions) -> _Float:
    """Magnitudes of the moments (columns) of each object (rows).

    The bounding box of the object is stretched to 200 x 200 pixels as in the original: of w rows
    pixel k of 200 shows floor(k (w + 1) / 199), and those beyond are background; so with columns.
    The disc has a radius of 100 pixels around the centroid, and what lies outside is cut off. NaN
    for objects of which nothing is left, lines longer than 200 pixels (Teague MR (1980), "Image
    analysis via the general theory of moments").

    The stretched images are not made: each run of pixels in a row contributes the difference of
    two prefix sums of powers, and Zernike moments are combinations of the geometric ones.

    Parameters
    ----------
    regions
        Pixels of the objects.
    """
    runs = _runs(regions)
    result = np.empty((len(regions), len(_ORDERS)))
    bounds = np.searchsorted(runs.owner, np.arange(0, len(regions) + _BLOCK_SIZE, _BLOCK_SIZE))
    for block, (start, end) in enumerate(pairwise(bounds)):
        first = block * _BLOCK_SIZE
        part = _Runs(*(field[start:end] for field in runs))
        n_objects = min(_BLOCK_SIZE, len(regions) - first)
        result[first : first + n_objects] = _moments(part, first, n_objects)
    return result


class _Runs(NamedTuple):
    """Runs of pixels within the rows of stretched objects; the ends are exclusive.

    Each run covers the same columns in several rows. The rank counts the runs of the object in
    the same rows, from the left.
    """

    owner: _Integers
    rank: _Integers
    first_row: _Integers
    end_row: _Integers
    first_column: _Integers
    end_column: _Integers


def _runs(regions: Regions) -> _Runs:
    index, y, x = regions.index, regions.local_y, regions.local_x
    is_start = np.diff(x, prepend=-1) != 1
    is_start[regions.row_starts[:-1]] = True
    starts = np.flatnonzero(is_start)
    lengths = np.diff(np.r_[starts, len(x)])
    index, y = index[starts], y[starts]
    leftmost = np.searchsorted(starts, regions.row_starts[:-1])
    per_row = np.diff(np.r_[leftmost, len(starts)])
    rank = np.arange(len(starts)) - np.repeat(leftmost, per_row)
    height, width = regions.height[index], regions.width[index]
    return _Runs(
        index,
        rank,
        _stretched(y, height),
        _stretched(y + 1, height),
        _stretched(x[starts], width),
        _stretched(x[starts] + lengths, width),
    )


def _stretched(position: _Integers, size: _Integers) -> _Integers:
    """The first pixel of the stretched image that shows a position or one after it."""
    stretched: _Integers = -((_SIZE - 1) * -position // (size + 1))
    return stretched


def _moments(runs: _Runs, first: int, n_objects: int) -> _Float:
    """Zernike moments of the objects from `first` on, to which all runs belong."""
    index = runs.owner - first
    height = runs.end_row - runs.first_row
    width = runs.end_column - runs.first_column
    area = np.bincount(index, weights=height * width, minlength=n_objects)
    area[area == 0] = np.nan
    row_sums = height * width * (runs.first_row + runs.end_row - 1) / 2
    column_sums = height * width * (runs.first_column + runs.end_column - 1) / 2
    center_y = np.bincount(index, weights=row_sums, minlength=n_objects) / area
    center_x = np.bincount(index, weights=column_sums, minlength=n_objects) / area

    run = np.repeat(np.arange(len(index)), height)
    row = np.arange(len(run)) - np.repeat(np.cumsum(height) - height, height) + runs.first_row[run]
    squared_reach = _RADIUS**2 - (row - center_y[index[run]]) ** 2
    run, row, squared_reach = (v[squared_reach >= 0] for v in (run, row, squared_reach))
    owner, reach = index[run], np.sqrt(squared_reach)
    start = np.maximum(runs.first_column[run], np.ceil(center_x[owner] - reach)).astype(np.intp)
    end = np.minimum(runs.end_column[run], np.floor(center_x[owner] + reach) + 1).astype(np.intp)

    sums = _prefix_sums()
    rows = np.zeros((n_objects, _SIZE, _DEGREE + 1))
    for rank in range(int(runs.rank.max(initial=-1)) + 1):
        chosen = (runs.rank[run] == rank) & (start < end)
        rows[owner[chosen], row[chosen]] += sums[end[chosen]] - sums[start[chosen]]
    moments = _powers().T @ rows
    shift_y, shift_x = (_shifts((center - _MIDDLE) / _RADIUS) for center in (center_y, center_x))
    moments = shift_y @ moments @ np.swapaxes(shift_x, 1, 2)
    combined = moments.reshape(n_objects, -1) @ _combinations().T
    magnitudes: _Float = np.abs(combined) / moments[:, :1, 0]
    return magnitudes


def _powers() -> _Float:
    """Powers (columns) of the coordinates of the pixels, from about -1 to 1 (rows)."""
    return ((np.arange(_SIZE) - _MIDDLE) / _RADIUS)[:, None] ** np.arange(_DEGREE + 1)


@cache
def _prefix_sums() -> _Float:
    """Sums of the powers of the coordinates of all pixels before each one."""
    return np.concatenate([np.zeros((1, _DEGREE + 1)), np.cumsum(_powers(), axis=0)])


def _shifts(center: _Float) -> _Float:
    """Matrices that turn sums of powers of u into those of u - center."""
    shifts = np.zeros((len(center), _DEGREE + 1, _DEGREE + 1))
    for power in range(_DEGREE + 1):
        for k in range(power + 1):
            shifts[:, power, k] = comb(power, k) * (-center) ** (power - k)
    return shifts


@cache
def _combinations() -> NDArray[np.complex128]:
    """Factors of the geometric moments, by powers of y and x (columns), in each Zernike moment."""
    factors = np.zeros((len(_ORDERS), _DEGREE + 1, _DEGREE + 1), np.complex128)
    for moment, (n, m) in enumerate(_ORDERS):
        for k in range((n - m) // 2 + 1):
            radial = (
                (-1) ** k
                * factorial(n - k)
                // (factorial(k) * factorial((n + m) // 2 - k) * factorial((n - m) // 2 - k))
            )
            # r**(n - 2k) * exp(i m angle) = (x**2 + y**2)**squares * (x + iy)**m
            squares = (n - m) // 2 - k
            for i in range(squares + 1):
                for j in range(m + 1):
                    factor = radial * comb(squares, i) * comb(m, j) * 1j**j
                    factors[moment, 2 * i + j, 2 * (squares - i) + m - j] += factor
        factors[moment] *= (n + 1) / np.pi
    return factors.reshape(len(_ORDERS), -1)
