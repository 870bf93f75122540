"""Foreground of fluorescence images, with a level that follows uneven light and stain.

Levels are compared on the square-root scale, on which the noise of photons is the same
everywhere, so that bright objects do not hide dim ones.
"""

from typing import Any

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
    values = _even_noise(image)
    if values.min() == values.max():
        return np.zeros(values.shape, bool)
    start = _otsu(values)
    bright, dark = float(values[start].mean()), float(values[~start].mean())
    spread = max(float(values[~start].std()), _one_gray_value(dark))
    if (bright - dark) / 2 < _DISTINCT * spread:
        middle = float(np.median(values))
        deviation = 1.4826 * float(np.median(np.abs(values - middle)))
        start = values > middle + _OUTLIER * max(deviation, _one_gray_value(middle) / 2)
    return _refine(values, start, neighbourhood, 0.5)


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
    values = _even_noise(image)
    if values.min() == values.max():
        return np.zeros(values.shape, bool)
    return _refine(values, _otsu(values), neighbourhood, share)


def _even_noise(image: IntensityImage) -> NDArray[np.float64]:
    return np.sqrt(image.astype(np.float64))


def _one_gray_value(value: float) -> float:
    """How much one gray value is on the square-root scale: no finer spread can be trusted."""
    return float(np.sqrt(value**2 + 1)) - value


def _otsu(values: NDArray[np.float64]) -> BinaryImage:
    # scikit-image has no types for this function
    level = threshold_otsu(values)  # type: ignore[no-untyped-call]
    mask: BinaryImage = values > level
    return mask


def _refine(
    values: NDArray[np.float64], mask: BinaryImage, neighbourhood: int, share: float
) -> BinaryImage:
    """Move the level between the local means of the classes until these settle.

    This is iterative selection (Ridler T, Calvard S (1978), IEEE Transactions on Systems, Man,
    and Cybernetics 8(8), 630-632) within a moving window. The means over the image have a small
    weight, which decides where a class is missing from the window.
    """

    def local_mean(array: NDArray[Any]) -> NDArray[np.float64]:
        mean: NDArray[np.float64] = ndimage.uniform_filter(array, neighbourhood, mode="reflect")
        return mean

    everything = local_mean(values)
    for _ in range(_MAX_ROUNDS):
        if not mask.any() or mask.all():
            return mask
        inside = local_mean(mask.astype(np.float64))
        bright = local_mean(np.where(mask, values, 0.0))
        prior_bright = _PRIOR_WEIGHT * float(values[mask].mean())
        prior_dark = _PRIOR_WEIGHT * float(values[~mask].mean())
        objects = (bright + prior_bright) / (inside + _PRIOR_WEIGHT)
        background = (everything - bright + prior_dark) / (1 - inside + _PRIOR_WEIGHT)
        moved = values > background + share * (objects - background)
        change = np.count_nonzero(moved != mask) / mask.size
        mask = moved
        if change < _SETTLED:
            break
    return mask
