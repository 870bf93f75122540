"""Foreground of fluorescence images, with a level that follows uneven light and stain.

Levels are compared on the square-root scale, on which the noise of photons is the same
everywhere, so that bright objects do not hide dim ones.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from tmlib.jterator.arrays import BinaryImage, IntensityImage

_MAX_ROUNDS = 10
_SETTLED = 1e-4
_DISTINCT = 2.0
_OUTLIER = 6.0
_PRIOR_WEIGHT = 0.01
_SAMPLES = 48


def distinct_foreground(image: IntensityImage, neighbourhood: int) -> BinaryImage:
    """Pixels of objects that stand out from their background; none if nothing does.

    Parameters
    ----------
    image
        Gray values (y, x).
    neighbourhood
        Width in pixels of the window in which background and objects are compared, several
        times the diameter of an object.

    Notes
    -----
    Otsu's level tells the two classes apart where both are common. If what it finds is no more
    distinct than two halves of a noise distribution would be, objects are rare or absent: then
    pixels far beyond the spread of all others are the start.
    """
    histogram = _Histogram.of(image)
    if histogram.is_flat:
        return np.zeros(image.shape, bool)
    start = histogram.otsu()
    above = histogram.values > start
    dark, spread = histogram.mean_and_std(~above)
    bright, _ = histogram.mean_and_std(above)
    if (bright - dark) / 2 < _DISTINCT * max(spread, _one_gray_value(dark)):
        middle, deviation = histogram.median_and_deviation()
        start = middle + _OUTLIER * max(deviation, _one_gray_value(middle) / 2)
    return _refine(image, start, neighbourhood, 0.5)


def stained_area(image: IntensityImage, neighbourhood: int, share: float) -> BinaryImage:
    """Pixels that belong to stained objects, where it is known that there are some.

    Parameters
    ----------
    image
        Gray values (y, x).
    neighbourhood
        Width in pixels of the window in which background and objects are compared.
    share
        Where the level lies between the means of background (0) and objects (1).
    """
    histogram = _Histogram.of(image)
    if histogram.is_flat:
        return np.zeros(image.shape, bool)
    return _refine(image, histogram.otsu(), neighbourhood, share)


class _Histogram(NamedTuple):
    """How often gray values occur, which are on the square-root scale.

    Attributes
    ----------
    values
        The gray values that occur, in ascending order.
    counts
        Number of pixels of each.
    """

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, image: IntensityImage) -> Self:
        counts = np.bincount(image.ravel())
        found = np.flatnonzero(counts)
        return cls(np.sqrt(found), counts[found])

    @property
    def is_flat(self) -> bool:
        return len(self.values) < 2

    def otsu(self) -> float:
        counts, edges = np.histogram(self.values, 256, weights=self.counts)
        # scikit-image has no types for this function
        return float(
            threshold_otsu(hist=(counts, (edges[:-1] + edges[1:]) / 2))  # type: ignore[no-untyped-call]
        )

    def mean_and_std(self, of: NDArray[np.bool_]) -> tuple[float, float]:
        values, counts = self.values[of], self.counts[of]
        mean = float(np.average(values, weights=counts))
        return mean, float(np.sqrt(np.average((values - mean) ** 2, weights=counts)))

    def median_and_deviation(self) -> tuple[float, float]:
        """The median, and the standard deviation as the median deviation from it tells."""
        middle = _weighted_median(self.values, self.counts)
        return middle, 1.4826 * _weighted_median(np.abs(self.values - middle), self.counts)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.int64]) -> float:
    order = np.argsort(values, kind="stable")
    weight = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(weight, weight[-1] / 2)])


def _one_gray_value(value: float) -> float:
    """How much one gray value is on the square-root scale: no finer spread can be trusted."""
    return float(np.sqrt(value**2 + 1)) - value


def _refine(image: IntensityImage, start: float, neighbourhood: int, share: float) -> BinaryImage:
    """Move the level between the local means of the classes until these settle.

    This is iterative selection (Ridler T, Calvard S (1978), IEEE Transactions on Systems, Man,
    and Cybernetics 8(8), 630-632) within a moving window. The means over the image have a small
    weight, which decides where a class is missing from the window.

    Of large windows not every pixel is looked at, but at least 48 in each direction: a nucleus
    still has dozens of them.
    """
    step = max(1, min(neighbourhood, *image.shape) // _SAMPLES)
    sampled = slice(step // 2, None, step)
    values = np.sqrt(image[sampled, sampled], dtype=np.float32)
    window = 2 * (neighbourhood // (2 * step)) + 1

    def local_mean(array: NDArray[np.float32]) -> NDArray[np.float32]:
        mean: NDArray[np.float32] = ndimage.uniform_filter(array, window, mode="reflect")
        return mean

    mask = values > start
    if not mask.any() or mask.all():
        return np.asarray(image > start**2)
    everything = local_mean(values)
    for _ in range(_MAX_ROUNDS):
        inside = local_mean(mask.astype(np.float32))
        bright = local_mean(np.where(mask, values, np.float32(0)))
        prior_bright = _PRIOR_WEIGHT * float(values[mask].mean())
        prior_dark = _PRIOR_WEIGHT * float(values[~mask].mean())
        objects = (bright + prior_bright) / (inside + _PRIOR_WEIGHT)
        background = (everything - bright + prior_dark) / (1 - inside + _PRIOR_WEIGHT)
        level = background + share * (objects - background)
        moved = values > level
        change = np.count_nonzero(moved != mask) / mask.size
        mask = moved
        if change < _SETTLED or not mask.any() or mask.all():
            break
    rows, columns = (
        np.minimum(np.arange(side) // step, n - 1)
        for side, n in zip(image.shape, level.shape, strict=True)
    )
    return np.asarray(image > np.square(level)[rows[:, None], columns])
