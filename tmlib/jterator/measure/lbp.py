"""Local binary patterns: which patterns of brighter and darker surroundings an object has."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.crops import Crops, crops
from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]

_N_POINTS = 8

# Interpolated values of whole numbers are equal or differ by more than this; rounding errors are
# smaller. Without it, these would decide whether a flat surrounding is brighter.
_TIE = 1e-8


def _pattern_numbers() -> NDArray[np.uint8]:
    """For each of the 256 patterns its number; patterns that are turned have the same."""
    codes = np.arange(2**_N_POINTS)
    turned = [((codes >> n) | (codes << (_N_POINTS - n))) & 255 for n in range(_N_POINTS)]
    _, numbers = np.unique(np.min(turned, axis=0), return_inverse=True)
    return numbers.astype(np.uint8)


_PATTERN = _pattern_numbers()
_N_PATTERNS = int(_PATTERN.max()) + 1


def lbp_names(radii: Sequence[int]) -> list[str]:
    """Names of the features, in the order of the columns."""
    return [f"LBP-radius-{radius}-{i}" for radius in radii for i in range(_N_PATTERNS)]


def lbp(regions: Regions, values: _Float, radii: Sequence[int]) -> _Float:
    """Number of pixels with each of the 36 patterns and radii (columns) in each object (rows).

    A pixel is compared to 8 points on a circle around it, between pixels by linear interpolation;
    the points that are brighter make the pattern, turned patterns being the same one. Counted are
    all pixels of the bounding box with a frame of one pixel, where pixels that are not of the
    object are black (Ojala T, Pietikainen M, Maenpaa T (2000), "Gray scale and rotation invariant
    texture classification with local binary patterns"). Patterns are numbered as in mahotas, but
    the points are on the circle: mahotas 1.4.19 shifts images by whole pixels only, some of them
    in the wrong direction.

    Parameters
    ----------
    regions
        Pixels of the objects.
    values
        Gray value of each pixel of the regions, whole numbers.
    radii
        Radii of the circle in pixels.
    """
    counts = np.empty((len(regions), len(radii), _N_PATTERNS))
    for n, radius in enumerate(radii):
        for part in crops(regions, margin=radius + 1):
            counts[part.objects, n] = _count_patterns(part, values, radius)
    return counts.reshape(len(regions), len(radii) * _N_PATTERNS)


def _count_patterns(part: Crops, values: _Float, radius: int) -> NDArray[np.int64]:
    stack = part.place(values)
    inner = slice(radius, -radius)
    limit = stack[:, inner, inner] + _TIE
    codes = np.zeros(limit.shape, np.uint8)
    for bit, points in enumerate(_points(stack, radius)):
        codes |= (points > limit).view(np.uint8) << np.uint8(bit)
    # one bin per pattern, and one for what is not counted
    bins = _PATTERN[codes]
    bins[~part.boxes()[:, inner, inner]] = _N_PATTERNS
    n_bins = _N_PATTERNS + 1
    first = np.arange(0, len(part.objects) * n_bins, n_bins)[:, None, None]
    histogram = np.bincount((bins + first).ravel(), minlength=len(part.objects) * n_bins)
    return histogram.reshape(-1, n_bins)[:, :-1]


def _points(stack: _Float, radius: int) -> Iterator[_Float]:
    """The values at the 8 points around each pixel that is not in the margin, in turn."""
    height, width = stack.shape[1] - 2 * radius, stack.shape[2] - 2 * radius
    whole, fraction = divmod(radius * np.sqrt(0.5), 1)
    near, far = radius + int(whole), radius + int(whole) + 1
    opposite_near, opposite_far = radius - int(whole), radius - int(whole) - 1

    def rows(first: int) -> _Float:
        return stack[:, first : first + height]

    def columns(image: _Float, first: int) -> _Float:
        return image[:, :, first : first + width]

    def between(low: _Float, high: _Float) -> _Float:
        value: _Float = high - low
        value *= fraction
        value += low
        return value

    middle = rows(radius)
    below = between(rows(near), rows(far))
    above = between(rows(opposite_near), rows(opposite_far))
    yield columns(middle, 2 * radius)
    yield between(columns(below, near), columns(below, far))
    yield columns(rows(2 * radius), radius)
    yield between(columns(below, opposite_near), columns(below, opposite_far))
    yield columns(middle, 0)
    yield between(columns(above, opposite_near), columns(above, opposite_far))
    yield columns(rows(0), radius)
    yield between(columns(above, near), columns(above, far))
