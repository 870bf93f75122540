"""Areas of convex hulls, for all objects of an image at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Integers = NDArray[np.int64]


def convex_area(regions: Regions) -> _Integers:
    """Number of pixels in the convex hull of each object.

    The hull is that of the midpoints of all pixel edges; a pixel counts if its centre is within
    or on it. This is also how scikit-image defines it. The left and right side of the hull are
    found with integer arithmetic, in coordinates doubled so that midpoints of edges are integers.
    """
    if not len(regions):
        return np.zeros(0, np.int64)
    row_starts, row_ends = regions.row_starts[:-1], regions.row_starts[1:] - 1
    row_index, row_y = regions.index[row_starts], regions.y[row_starts]
    left = _Side.of(row_index, row_y, regions.x[row_starts])
    right = _Side.of(row_index, row_y, -regions.x[row_ends])

    height = regions.height
    index = np.repeat(np.arange(len(regions)), height)
    first_y = regions.top - (np.cumsum(height) - height)
    y = np.arange(height.sum()) + np.repeat(first_y, height)
    widths = -right.first_pixel(index, y) - left.first_pixel(index, y) + 1
    return np.bincount(index, weights=np.maximum(widths, 0), minlength=len(regions)).astype(
        np.int64
    )


@dataclass(frozen=True)
class _Side:
    """The left sides of hulls: convex chains of points, sorted by object and y, doubled."""

    index: _Integers
    y: _Integers
    x: _Integers

    @classmethod
    def of(cls, index: _Integers, y: _Integers, x: _Integers) -> "_Side":
        """The left sides around pixels, of which the leftmost in each row are given."""
        follows = np.zeros(len(index), bool)
        follows[1:] = (np.diff(index) == 0) & (np.diff(y) == 1)
        # of the midpoint below a row and that above the next one, only the leftmost counts
        above = np.where(follows, np.minimum(x, np.roll(x, 1)), x)
        keep = np.ones((len(index), 3), bool)
        keep[:-1, 2] = ~follows[1:]
        points = np.stack([2 * above, 2 * x - 1, 2 * x], axis=1)
        rows = np.stack([2 * y - 1, 2 * y, 2 * y + 1], axis=1)
        index = np.repeat(index, 3)[keep.ravel()]
        y, x = rows[keep], points[keep]
        while True:
            # A point on or right of the chord between its neighbours is no vertex of the hull,
            # whatever happens to the neighbours: all such points can go at the same time.
            before_y, before_x = y[1:-1] - y[:-2], x[1:-1] - x[:-2]
            chord_y, chord_x = y[2:] - y[:-2], x[2:] - x[:-2]
            inner = (index[:-2] == index[2:]) & (before_x * chord_y >= chord_x * before_y)
            if not inner.any():
                return cls(index, y, x)
            keep = np.r_[True, ~inner, True]
            index, y, x = index[keep], y[keep], x[keep]

    def first_pixel(self, index: _Integers, y: _Integers) -> _Integers:
        """Column of the first pixel within the hull in rows `y` (not doubled) of objects."""
        span = int(self.y.max()) + 2
        position = np.searchsorted(self.index * span + self.y, index * span + 2 * y, side="right")
        run_y = self.y[position] - self.y[position - 1]
        run_x = self.x[position] - self.x[position - 1]
        numerator = self.x[position - 1] * run_y + run_x * (2 * y - self.y[position - 1])
        rounded_up: _Integers = -(-numerator // (2 * run_y))
        return rounded_up
