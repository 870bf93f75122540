"""Threshold adjacency statistics: how ragged the bright structures within an object are."""

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.crops import Crops, crops
from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]

# Names of the three ranges of gray values; those with "n-" are of the pixels outside the range.
_RANGES = ("center", "mu-margin", "mu")
_N_NEIGHBOURS = 9

TAS_NAMES = tuple(
    f"TAS-{prefix}{name}-{i}"
    for i in range(_N_NEIGHBOURS)
    for name in _RANGES
    for prefix in ("", "n-")
)


def tas(regions: Regions, values: _Float, threshold: float) -> _Float:
    """The statistics (columns) of each object (rows), in the order of `TAS_NAMES`.

    The mean mu and the standard deviation, the margin, of the pixels brighter than the threshold
    define three ranges of gray values: within a margin of mu ("center"), brighter than mu minus
    the margin, and brighter than mu. Value i is the part of the pixels outside the range which
    have i of their 8 neighbours within it; with "n-" it is the part of those within that have i
    outside. Counted are all pixels of the bounding box with a frame of one pixel, where pixels
    that are not of the object are black (Hamilton NA et al. (2007), "Fast automated cell
    phenotype image classification"; mahotas calls it parameter-free).

    Parameters
    ----------
    regions
        Pixels of the objects.
    values
        Gray value of each pixel of the regions.
    threshold
        Gray value above which pixels are taken for signal.
    """
    mu, margin = _signal(regions, values, threshold)
    statistics = np.empty((len(regions), _N_NEIGHBOURS, len(_RANGES), 2))
    for part in crops(regions, margin=2):
        stack = part.place(values)
        inside = part.boxes()[:, 1:-1, 1:-1]
        low = (mu - margin)[part.objects, None, None]
        high = (mu + margin)[part.objects, None, None]
        brighter = stack > low
        for n, within in enumerate(
            (brighter & (stack < high), brighter, stack > mu[part.objects, None, None])
        ):
            statistics[part.objects, :, n] = _adjacency(part, within, inside)
    return statistics.reshape(len(regions), len(TAS_NAMES))


def _signal(regions: Regions, values: _Float, threshold: float) -> tuple[_Float, _Float]:
    """Mean and standard deviation of the pixels of each object above the threshold."""
    is_signal = values > threshold
    count = regions.sum(is_signal)
    total = regions.sum(np.where(is_signal, values, 0))
    with np.errstate(invalid="ignore"):
        mean = np.repeat(total / count, regions.area)
        variance = regions.sum(np.where(is_signal, (values - mean) ** 2, 0)) / count
    # the little that mahotas adds against division by zero decides where all pixels are equal
    return total / (count + 1e-8), np.where(count > 0, np.sqrt(variance), 0)


def _adjacency(part: Crops, within: NDArray[np.bool_], inside: NDArray[np.bool_]) -> _Float:
    """Parts of the pixels by number of neighbours, (objects, neighbours, pixels outside/within)."""
    bits = within.view(np.uint8)
    rows = bits[:, :-2] + bits[:, 1:-1] + bits[:, 2:]
    counts = rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]
    own = within[:, 1:-1, 1:-1]
    # a pixel within has been counted itself: of 9 pixels, 9 - count are outside
    bins = np.where(own, 2 * _N_NEIGHBOURS - counts, counts)
    bins[~inside] = 2 * _N_NEIGHBOURS
    n_bins = 2 * _N_NEIGHBOURS + 1
    first = np.arange(len(part.objects))[:, None, None] * n_bins
    histogram = np.bincount((bins + first).ravel(), minlength=len(part.objects) * n_bins)
    histogram = histogram.reshape(-1, n_bins)[:, :-1].reshape(-1, 2, _N_NEIGHBOURS)
    total = histogram.sum(axis=2, keepdims=True)
    return np.swapaxes(histogram / np.maximum(total, 1), 1, 2)
