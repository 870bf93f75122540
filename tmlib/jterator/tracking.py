"""Links objects of one time point to those of the next.

Pairs are chosen so that together they gain most, which is a linear assignment problem (Jaqaman K
et al. (2008), "Robust single-particle tracking in live-cell time-lapse sequences", Nature Methods
5, 695-702). A pair gains 1 minus its distance as a share of the greatest distance, plus the
overlap of the two objects as a share of their union; objects without a partner gain nothing.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]


def link(before: LabelImage, after: LabelImage, max_distance: float) -> dict[int, int]:
    """For each object that has a predecessor, the label of the predecessor.

    Parameters
    ----------
    before, after
        Label images (y, x) of two time points, of the same shape.
    max_distance
        How far centroids may move, in pixels.
    """
    old, new = Regions.of(before), Regions.of(after)
    pairs, gains = _candidates(before, old, new, max_distance)
    links = {}
    for rows in _groups(pairs, len(old), len(new)):
        i, row = np.unique(pairs[rows, 0], return_inverse=True)
        j, column = np.unique(pairs[rows, 1], return_inverse=True)
        gain = np.zeros((len(i), len(j)))
        gain[row, column] = gains[rows]
        for a, b in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            if gain[a, b] > 0:
                links[int(new.labels[j[b]])] = int(old.labels[i[a]])
    return links


def _candidates(
    before: LabelImage, old: Regions, new: Regions, max_distance: float
) -> tuple[_Integers, _Float]:
    """Pairs of indices (n, 2) of objects that are close enough, and what each gains."""
    if not len(old) or not len(new):
        return np.zeros((0, 2), np.int64), np.zeros(0)
    places, old_places = _centroids(new), _centroids(old)
    near = KDTree(places).query_ball_point(old_places, max_distance)
    old_index = np.repeat(np.arange(len(old)), [len(each) for each in near])
    new_index = np.array([n for each in near for n in each], np.int64)
    distance = np.hypot(*(old_places[old_index] - places[new_index]).T)
    under = before.ravel()[new.pixels]
    is_shared = under > 0
    shared = coo_array(
        (
            np.ones(np.count_nonzero(is_shared)),
            (np.searchsorted(old.labels, under[is_shared]), new.index[is_shared]),
        ),
        shape=(len(old), len(new)),
    ).tocsr()
    overlap = np.asarray(shared[old_index, new_index]).ravel()
    union = old.area[old_index] + new.area[new_index] - overlap
    # What is as far away as is allowed, to the pixel, still gains something.
    gains = 1 - distance / (max_distance + 1) + overlap / union
    return np.stack([old_index, new_index], axis=1), gains


def _centroids(regions: Regions) -> _Float:
    sums = [regions.sum(axis.astype(np.float64)) for axis in (regions.y, regions.x)]
    return np.stack(sums, axis=1) / regions.area[:, None]


def _groups(pairs: _Integers, n_old: int, n_new: int) -> list[_Integers]:
    """Rows of `pairs` that share objects, directly or through others."""
    if not len(pairs):
        return []
    n = n_old + n_new
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], n_old + pairs[:, 1])), shape=(n, n))
    _, group = connected_components(graph, directed=False)
    of_pair = group[pairs[:, 0]]
    order = np.argsort(of_pair, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(of_pair[order])) + 1)
