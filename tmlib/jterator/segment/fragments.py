"""Cuts a landscape into fragments: one for each hill, with the saddles between them."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.morphology import local_maxima
from skimage.segmentation import watershed

from tmlib.jterator.arrays import BinaryImage, LabelImage

EIGHT_NEIGHBOURS = np.ones((3, 3))

_Float = NDArray[np.float32] | NDArray[np.float64]
_Integers = NDArray[np.int32] | NDArray[np.int64]


def tops(landscape: _Float) -> BinaryImage:
    """Pixels and plateaus that are higher than everything around them."""
    # scikit-image has no types for this function
    highest: BinaryImage = local_maxima(landscape)  # type: ignore[no-untyped-call]
    return highest


@dataclass(frozen=True)
class Fragments:
    """The hills of a landscape.

    Attributes
    ----------
    labels
        Label image of the fragments, 0 outside of the mask.
    landscape
        Height of each pixel.
    height, area
        Height of the hill and number of pixels of each fragment, by label.
    saddles
        Pairs of neighbours (n, 2), the pair with the highest saddle first.
    saddle_heights
        Height of the highest way between the two hills of each pair.
    """

    labels: _Integers
    landscape: _Float
    height: _Float
    area: _Integers
    saddles: _Integers
    saddle_heights: _Float

    @classmethod
    def of(cls, mask: BinaryImage, landscape: _Float) -> Self:
        """The fragments of a mask."""
        hills, n_hills = ndimage.label(tops(landscape) & mask, EIGHT_NEIGHBOURS)
        # A flat object, a single pixel for example, may have no top: it is its own.
        bodies, n_bodies = ndimage.label(mask, EIGHT_NEIGHBOURS)
        is_topless = np.ones(n_bodies + 1, bool)
        is_topless[bodies[hills > 0]] = False
        is_topless[0] = False
        if is_topless.any():
            hills = np.where(is_topless[bodies], n_hills + bodies, hills)
        # scikit-image has no types for this function
        flooded = watershed(  # type: ignore[no-untyped-call]
            -landscape, hills, EIGHT_NEIGHBOURS, mask=mask
        )
        labels = in_reading_order(flooded)
        area = np.bincount(labels.ravel())
        height = np.zeros(len(area), landscape.dtype)
        is_top = hills > 0
        np.maximum.at(height, labels[is_top], landscape[is_top])
        saddles, saddle_heights = _saddles(labels, landscape)
        return cls(labels, landscape, height, area, saddles, saddle_heights)


def _saddles(labels: _Integers, landscape: _Float) -> tuple[_Integers, _Float]:
    """Pairs of touching fragments and the heights of their saddles, highest first."""
    height, width = labels.shape
    pairs, heights = [], []
    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        here = (slice(0, height - dy), slice(max(0, -dx), width - max(0, dx)))
        there = (slice(dy, height), slice(max(0, dx), width + min(0, dx)))
        a, b = labels[here], labels[there]
        touching = (a != b) & (a > 0) & (b > 0)
        pairs.append(np.sort(np.stack([a[touching], b[touching]], axis=1), axis=1))
        heights.append(np.minimum(landscape[here][touching], landscape[there][touching]))
    all_pairs, all_heights = np.concatenate(pairs), np.concatenate(heights)
    order = np.lexsort((all_pairs[:, 1], all_pairs[:, 0], -all_heights))
    all_pairs, all_heights = all_pairs[order], all_heights[order]
    _, first = np.unique(all_pairs, axis=0, return_index=True)
    first.sort()
    return all_pairs[first], all_heights[first]


def in_reading_order(labels: _Integers) -> LabelImage:
    """Number the objects from 1 in the order of their first pixels."""
    flat = labels.ravel()
    pixels = np.flatnonzero(flat)
    first = np.full(int(flat.max(initial=0)) + 1, flat.size)
    # Of several values for one index the last one stays: from behind, that is the first pixel.
    first[flat[pixels][::-1]] = pixels[::-1]
    found = np.flatnonzero(first < flat.size)
    number = np.zeros(len(first), np.int32)
    number[found[np.argsort(first[found])]] = np.arange(1, len(found) + 1)
    return number[labels]
