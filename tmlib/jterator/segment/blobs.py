"""Detects blobs: small bright spots, such as single molecules of RNA.

The image is filtered with the Laplacian of a Gaussian in the window that the original used, which
answers most to spots of its own size and not at all to even background (Marr D, Hildreth E (1980),
"Theory of edge detection").
What exceeds a level is cut into blobs, one for each peak that stands out with enough pixels, as
SExtractor does (Bertin E, Arnouts S (1996), "SExtractor: Software for source extraction").
"""

from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.arrays import IntensityImage, LabelImage, MaskImage
from tmlib.jterator.measure.regions import Regions
from tmlib.jterator.segment.fragments import Fragments, in_reading_order

_BRIGHTEST = 99.999
_PEAK_AREA = 3

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]


class Blobs(NamedTuple):
    """Blobs that were found.

    Attributes
    ----------
    centroids
        Label image in which each blob is one of its pixels, the one closest to its centroid.
    blobs
        Label image of the blobs, with the same labels, numbered from 1 in reading order.
    """

    centroids: LabelImage
    blobs: LabelImage


def enhance(image: IntensityImage, mean_area: float) -> _Float:
    """How much a spot there is at each pixel, in gray values per square pixel.

    Parameters
    ----------
    image
        Gray values (y, x). Those above their 99.999th percentile count as that, so that single
        hot pixels do not.
    mean_area
        Typical area of a blob in pixels, at least 2. As in the original it is the width of the
        window, rounded, and (`mean_area` - 1) / 3 is the standard deviation of the Gaussian; what
        the window cuts off the filter is made up for evenly.
    """
    brightest = np.floor(np.percentile(image, _BRIGHTEST))
    limited = np.minimum(image.astype(np.float64), brightest)
    width = round(mean_area)
    sigma = (width - 1) / 3
    offsets = np.arange(width) - width // 2
    gauss = np.exp(-(offsets**2) / (2 * sigma**2))
    gauss /= gauss.sum()
    curve = gauss * (offsets**2 - sigma**2) / sigma**4

    def filtered(down: _Float, across: _Float) -> _Float:
        rows: _Float = ndimage.correlate1d(limited, down, axis=0)
        return np.asarray(ndimage.correlate1d(rows, across, axis=1))

    even = np.full(width, 1 / width)
    total = 2 * float(curve.sum())
    return total * filtered(even, even) - filtered(curve, gauss) - filtered(gauss, curve)


def detect(
    response: _Float, mask: MaskImage, *, threshold: float, min_area: float, max_area: float
) -> Blobs:
    """Cut an enhanced image into blobs.

    Parameters
    ----------
    response
        The enhanced image, see `enhance`.
    mask
        Where blobs can be. If it has labels, no blob reaches from one object into another.
    threshold
        Level of the enhanced image above which pixels belong to blobs.
    min_area
        Pixels that a blob has at least. To be a blob of its own, a peak needs as many above the
        saddle to a higher one, but no more than 3.
    max_area
        Blobs with more pixels are left out.
    """
    is_bright = (mask > 0) & (response > threshold)
    fragments = Fragments.of(is_bright, np.where(is_bright, response, response.min()))
    blobs = _join(fragments, min(min_area, _PEAK_AREA))[fragments.labels]
    if mask.dtype == np.int32:
        # What lies in two objects becomes two blobs.
        inside = blobs > 0
        parts = blobs[inside] * (int(mask.max()) + 1) + mask[inside]
        blobs[inside] = np.unique(parts, return_inverse=True)[1] + 1
    area = np.bincount(blobs.ravel())
    is_blob = (area >= min_area) & (area <= max_area)
    labels = in_reading_order(np.where(is_blob[blobs], blobs, 0))
    return Blobs(_centroids(labels), labels)


def _join(fragments: Fragments, peak_area: float) -> _Integers:
    """For each fragment the one that holds the peak of its blob.

    Where two hills meet, the lower one is joined to the other unless both have `peak_area` pixels
    above the saddle. One that had them at a higher saddle has them at every lower one. Several
    that meet at the same height are all counted before any of them are joined, because above it
    they are not connected.
    """
    group = list(range(len(fragments.area)))
    members = [[fragment] for fragment in group]
    is_settled = [False] * len(group)
    count_above = _Counts(fragments)

    def head(fragment: int) -> int:
        while group[fragment] != fragment:
            group[fragment] = group[group[fragment]]
            fragment = group[fragment]
        return fragment

    pairs = zip(fragments.saddles.tolist(), fragments.saddle_heights.tolist(), strict=True)
    for saddle, meeting in groupby(pairs, key=lambda pair: pair[1]):
        hills = [(a, b) for (a, b), _ in meeting if head(a) != head(b)]
        for n in {head(fragment) for pair in hills for fragment in pair}:
            is_settled[n] = is_settled[n] or count_above(members[n], saddle) >= peak_area
        for a, b in hills:
            low, high = sorted((head(a), head(b)), key=lambda n: (fragments.height[n], n))
            if low != high and not (is_settled[low] and is_settled[high]):
                group[low] = high
                members[high] += members[low]
                is_settled[high] |= is_settled[low]
    return np.array([head(fragment) for fragment in group], np.int64)


class _Counts:
    """How many pixels of fragments are higher than a level."""

    def __init__(self, fragments: Fragments) -> None:
        flat = fragments.labels.ravel()
        pixels = np.flatnonzero(flat)
        heights = fragments.landscape.ravel()[pixels]
        order = np.lexsort((heights, flat[pixels]))
        self._heights = heights[order]
        self._ends = np.cumsum(np.bincount(flat[pixels], minlength=len(fragments.area)))

    def __call__(self, members: list[int], level: float) -> int:
        """Count the pixels of some fragments together."""
        total = 0
        for fragment in members:
            own = self._heights[self._ends[fragment - 1] : self._ends[fragment]]
            total += len(own) - int(np.searchsorted(own, level, side="right"))
        return total


def _centroids(labels: LabelImage) -> LabelImage:
    """Of each object the pixel that is closest to its centroid."""
    regions = Regions.of(labels)
    y, x = regions.y.astype(np.float64), regions.x.astype(np.float64)
    center_y, center_x = regions.sum(y) / regions.area, regions.sum(x) / regions.area
    distance = (y - center_y[regions.index]) ** 2 + (x - center_x[regions.index]) ** 2
    order = np.lexsort((distance, regions.index))
    closest = regions.pixels[order[regions.starts[:-1]]]
    centroids = np.zeros_like(labels)
    centroids.ravel()[closest] = regions.labels
    return centroids
