"""How points, small objects, are spread in the objects that enclose them."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.depths import depths
from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]

# Number of distances that are held at a time, to bound the memory.
_BLOCK_SIZE = 2**20


def point_pattern(
    points_labels: NDArray[np.integer[Any]], reference_labels: NDArray[np.integer[Any]]
) -> pd.DataFrame:
    """Measure the distances of points to the border of their reference object and to each other.

    Parameters
    ----------
    points_labels
        Label image (y, x) of the points; the place of a point is its centroid.
    reference_labels
        Label image of the objects that enclose them, of the same shape. A point belongs to the
        object in which most of its pixels lie, of several the one with the smallest label; its
        neighbours are the other points of that object.

    Returns
    -------
    pandas.DataFrame
        Indexed by the labels of the points, float64. Absolute distances are in pixels, relative
        ones are divided by the area of the reference object. The distance to the border is that
        to the closest pixel outside of the object, from the pixel at the centroid; it is 0 if
        that is outside already. NaN for points in no object, and for distances between points
        where there is only one.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if points_labels.shape != reference_labels.shape:
        raise ValueError(
            f"points of shape {points_labels.shape} cannot lie in objects of shape "
            f"{reference_labels.shape}"
        )
    points, references = Regions.of(points_labels), Regions.of(reference_labels)
    y, x = (points.sum(v) / points.area for v in (points.y, points.x))
    parent = _parents(points, references, reference_labels)
    size = np.append(references.area, 0).astype(np.float64)[parent]
    size[parent < 0] = np.nan
    border = np.where(parent < 0, np.nan, _border_distances(references, parent, y, x))
    between = _distances(y, x, parent)
    absolute_and_relative = {
        "{}distance-to-border": border,
        "{}distance-to-nearest-neighbor": between.nearest,
        "mean-{}distance-to-neighbors": between.mean,
        "std-{}distance-to-neighbors": between.std,
    }
    columns = {}
    for name, values in absolute_and_relative.items():
        columns[f"PointPattern_{name.format('absolute-')}"] = values
        columns[f"PointPattern_{name.format('relative-')}"] = values / size
    return pd.DataFrame(columns, index=pd.Index(points.labels, name="label"))


def _parents(
    points: Regions, references: Regions, reference_labels: NDArray[np.integer[Any]]
) -> _Integers:
    """Index of the object that holds most pixels of each point, -1 for none."""
    label = reference_labels.ravel()[points.pixels].astype(np.int64)
    inside = label > 0
    pairs = np.stack([points.index[inside], label[inside]], axis=1)
    pairs, count = np.unique(pairs, axis=0, return_counts=True)
    # ascending by point, the best one last: the most pixels, of these the smallest label
    order = np.lexsort((-pairs[:, 1], count, pairs[:, 0]))
    parent = np.full(len(points), -1, np.int64)
    parent[pairs[order, 0]] = np.searchsorted(references.labels, pairs[order, 1])
    return parent


def _border_distances(references: Regions, parent: _Integers, y: _Float, x: _Float) -> _Float:
    """Distance of places (y, x) to the closest pixel outside of the object `parent`."""
    owner = np.full(references.shape, -1, np.int64)
    owner.ravel()[references.pixels] = references.index
    depth = np.zeros(references.shape)
    depth.ravel()[references.pixels] = depths(references)
    row, column = (np.floor(v + 0.5).astype(np.intp) for v in (y, x))
    return np.where(owner[row, column] == parent, depth[row, column], 0.0)


class _Distances(NamedTuple):
    """Of each point: to the nearest neighbour; mean and standard deviation to all of them."""

    nearest: _Float
    mean: _Float
    std: _Float


def _distances(y: _Float, x: _Float, parent: _Integers) -> _Distances:
    """Distances of points to the others of the same parent."""
    result = _Distances(*(np.full(len(y), np.nan) for _ in range(3)))
    order = np.argsort(parent, kind="stable")
    order = order[parent[order] >= 0]
    if not len(order):
        return result
    first = np.flatnonzero(np.r_[True, np.diff(parent[order]) != 0])
    n_points = np.diff(np.r_[first, len(order)])
    # of each point, where its group starts and how many it has
    group_start, group_size = np.repeat(first, n_points), np.repeat(n_points, n_points)
    for block in _blocks(group_size):
        size, start = group_size[block], group_start[block]
        ends = np.cumsum(size)
        starts = ends - size
        one = np.repeat(np.arange(len(order))[block], size)
        other = np.arange(ends[-1]) + np.repeat(start - starts, size)
        distance = np.hypot(y[order[one]] - y[order[other]], x[order[one]] - x[order[other]])
        is_neighbour = one != other
        n_neighbours = np.where(size > 1, size - 1, np.nan)
        mean = np.add.reduceat(distance, starts) / n_neighbours
        deviation = np.where(is_neighbour, distance - np.repeat(mean, size), 0)
        nearest = np.minimum.reduceat(np.where(is_neighbour, distance, np.inf), starts)
        place = order[block]
        result.nearest[place] = np.where(size > 1, nearest, np.nan)
        result.mean[place] = mean
        result.std[place] = np.sqrt(np.add.reduceat(deviation**2, starts) / n_neighbours)
    return result


def _blocks(sizes: _Integers) -> Iterator[slice]:
    """Slices of `sizes` with sums up to a limit, or of a single one beyond it."""
    ends = np.cumsum(sizes)
    first = 0
    while first < len(sizes):
        before = ends[first] - sizes[first]
        last = int(np.searchsorted(ends, before + _BLOCK_SIZE, side="right"))
        last = max(first + 1, last)
        yield slice(first, last)
        first = last
