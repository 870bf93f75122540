"""Levels of points, from coarse to fine, as Neuroglancer's precomputed annotations have them.

Each level is a grid of cells, and each point is in one cell of one level. On the first level is an
even sample of all points, in a single cell; the next one has smaller cells and a sample of those
that are left, until none is. A viewer shows as many levels as it has room for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MOST_IN_CELL = 2000
_MOST_LEVELS = 20  # a cell's number is below 2 ** 60 then

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Level:
    """A grid of cells, each with points.

    Attributes
    ----------
    shape
        Number of cells along x, y and z.
    size
        Of each cell.
    cells
        Numbers of the cells of all points of this level, in their order.
    points
        Which points these are, in random order within each cell.
    """

    shape: tuple[int, ...]
    size: tuple[float, ...]
    cells: Numbers
    points: Numbers

    @property
    def limit(self) -> int:
        """How many points a cell has at most; 1 if there are none."""
        return int(np.unique(self.cells, return_counts=True)[1].max(initial=1))

    def at(self, place: Sequence[int]) -> Numbers:
        """Which points are in the cell at a place of the grid."""
        cell = np.ravel_multi_index(tuple(place), self.shape)
        first, last = (
            np.searchsorted(self.cells, cell, "left"),
            np.searchsorted(self.cells, cell, "right"),
        )
        return self.points[first:last]


@dataclass(frozen=True)
class Levels:
    """The levels of some points.

    Attributes
    ----------
    lower, upper
        Corners of the box that all grids divide.
    all
        From coarse to fine.
    """

    lower: tuple[float, ...]
    upper: tuple[float, ...]
    all: tuple[Level, ...]


def divide(
    positions: NDArray[np.float32],
    voxel: Sequence[float],
    most_in_cell: int = _MOST_IN_CELL,
) -> Levels:
    """Divide points among levels.

    Parameters
    ----------
    positions
        Array of points x (x, y, z).
    voxel
        Sizes of the units of x, y and z: cells become as long as they are wide and deep.
    most_in_cell
        About how many points a cell has at most; more only on the last of many levels.
    """
    places = positions.astype(np.float64)
    lower = np.floor(places.min(axis=0)) if len(places) else np.zeros(3)
    extent = np.maximum(places.max(axis=0) - lower, 1) if len(places) else np.ones(3)
    # powers of two, so that cells have whole numbers for sizes while they are halved
    extent = 2.0 ** np.ceil(np.log2(extent))
    shape = np.ones(3, np.int64)
    # always the same sample, whichever process takes it
    rank = np.random.default_rng(0).random(len(places))
    left = np.argsort(rank)
    threshold = 0.0
    levels: list[Level] = []
    while len(left) or not levels:
        size = extent / shape
        grid = np.minimum((places[left] - lower) // size, shape - 1).astype(np.int64)
        cells = np.ravel_multi_index(tuple(grid.T), tuple(shape)).astype(np.int64)
        most = np.unique(cells, return_counts=True)[1].max(initial=0)
        if most <= most_in_cell or len(levels) == _MOST_LEVELS - 1:
            threshold = 1.0
        else:
            threshold += (1 - threshold) * most_in_cell / most
        taken = rank[left] < threshold
        order = np.argsort(cells[taken], kind="stable")
        levels.append(
            Level(
                tuple(map(int, shape)),
                tuple(map(float, size)),
                cells[taken][order],
                left[taken][order],
            )
        )
        left = left[~taken]
        lengths = size * voxel
        shape = np.where(lengths > lengths.max() / np.sqrt(2), shape * 2, shape)
    return Levels(tuple(map(float, lower)), tuple(map(float, lower + extent)), tuple(levels))
