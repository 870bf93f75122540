"""Haralick features: how often which gray values lie next to each other in an object."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]
_Integers = NDArray[np.int64]

_STATISTICS = (
    "angular-second-moment",
    "contrast",
    "correlation",
    "sum-of-squares",
    "inverse-diff-moment",
    "sum-avg",
    "sum-var",
    "sum-entropy",
    "entropy",
    "diff-var",
    "diff-entropy",
    "info-measure-corr-1",
    "info-measure-corr-2",
)
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))
_N_LEVELS = 256

# Number of pixels that are counted at a time: few enough for the cache, enough for bulk work, and
# never more than 2**16 objects, so that an object and two gray values fit 32 bits.
_BLOCK_SIZE = 2**16

# Entropies are 0 or larger than this; rounding errors are smaller.
_NO_ENTROPY = 1e-9


def haralick_names(scales: Sequence[int]) -> list[str]:
    """Names of the features, in the order of the columns."""
    return [f"Haralick-{name}-{scale}" for name in _STATISTICS for scale in scales]


def haralick(regions: Regions, values: _Float, limit: float, scales: Sequence[int]) -> _Float:
    """The statistics at all scales (columns) of each object (rows).

    Gray values are clipped at the limit and stretched to 8 bit, from 0 to the maximum of the
    object. Pairs of pixels at a distance, the scale, are counted in each of four directions; the
    statistics of the counts are averaged over the directions. Pixels that are 0 are left out.
    NaN for objects without a pair in some direction (Haralick RM, Shanmugam K, Dinstein I (1973),
    "Textural features for image classification"; sum variance is the variance of the sums, and
    difference variance that of their probabilities, as in mahotas).

    No matrix of 256 x 256 counts is made: all but two of the statistics follow from the
    distributions of gray values, of sums and of differences of pairs; the other two from the
    counts of those pairs that occur, found by sorting.

    Parameters
    ----------
    regions
        Pixels of the objects.
    values
        Gray value of each pixel of the regions.
    limit
        Gray value at which to clip.
    scales
        Distances of the pairs in pixels; diagonally it is the distance along both axes.
    """
    statistics = np.full((len(regions), len(_STATISTICS), len(scales)), np.nan)
    gray = _stretched(regions, np.minimum(values, limit))
    n_levels = regions.max(gray).astype(np.int64) + 1
    canvas = _Canvas.of(regions, gray, margin=max(scales, default=0))
    for first, last in _blocks(regions.starts):
        objects = slice(first, last)
        for n, scale in enumerate(scales):
            total = np.zeros((last - first, len(_STATISTICS)))
            for y, x in _DIRECTIONS:
                pairs = canvas.pairs(first, last, y * scale, x * scale)
                total += _statistics(pairs, n_levels[objects])
            statistics[objects, :, n] = total / len(_DIRECTIONS)
    return statistics.reshape(len(regions), len(_STATISTICS) * len(scales))


def _stretched(regions: Regions, values: _Float) -> NDArray[np.uint8]:
    """Values from 0 to 255, the maximum of the object; rounded down, as in mahotas."""
    highest = regions.max(values)
    factor = np.divide(255.0, highest, out=np.zeros_like(highest), where=highest > 0)
    stretched: NDArray[np.uint8] = (values * np.repeat(factor, regions.area)).astype(np.uint8)
    return stretched


def _blocks(starts: _Integers) -> Iterator[tuple[int, int]]:
    """First and last (exclusive) of objects that have few pixels together."""
    first = 0
    while first < len(starts) - 1:
        end = int(np.searchsorted(starts, starts[first] + _BLOCK_SIZE, side="right")) - 1
        last = max(first + 1, end)
        yield first, last
        first = last


class _Pairs(NamedTuple):
    """Pairs of neighbouring pixels: object, counted from the first of a block, and gray values."""

    owner: _Integers
    low: _Integers
    high: _Integers


class _Canvas(NamedTuple):
    """Object and gray value of each pixel in one number, in an image with a margin.

    The object is counted from 1 and stands in the bits above the gray value; pixels without an
    object, and those with the gray value 0, are 0.
    """

    codes: _Integers
    width: int
    positions: _Integers
    starts: _Integers

    @classmethod
    def of(cls, regions: Regions, gray: NDArray[np.uint8], *, margin: int) -> "_Canvas":
        height, width = (n + 2 * margin for n in regions.shape)
        counted = gray > 0
        positions = ((regions.y + margin) * width + regions.x + margin)[counted]
        codes = np.zeros(height * width, np.int64)
        codes[positions] = ((regions.index[counted] + 1) << 8) | gray[counted]
        ends = np.cumsum(np.r_[0, counted])[regions.starts]
        return cls(codes, width, positions, ends)

    def pairs(self, first: int, last: int, y: int, x: int) -> _Pairs:
        """The pairs at a distance of y rows and x columns, in the objects `first` to `last`."""
        positions = self.positions[self.starts[first] : self.starts[last]]
        one = self.codes[positions]
        other = self.codes[positions + (y * self.width + x)]
        same = (one >> 8) == (other >> 8)
        one, other = one[same], other[same]
        # codes of the same object compare as their gray values do
        low, high = np.minimum(one, other), np.maximum(one, other)
        return _Pairs((one >> 8) - (first + 1), low & 255, high & 255)


def _statistics(pairs: _Pairs, n_levels: _Integers) -> _Float:
    """The 13 statistics (columns) of the pairs in each object (rows); each pair counts twice."""
    n_objects = len(n_levels)
    owner, low, high = pairs
    n_pairs = np.bincount(owner, minlength=n_objects).astype(np.float64)
    n_pairs[n_pairs == 0] = np.nan
    offset = owner * _N_LEVELS
    grays = _histogram(offset + low, n_objects) + _histogram(offset + high, n_objects)
    differences = _histogram(offset + (high - low), n_objects)
    sums = _histogram(2 * offset + (low + high), n_objects, 2 * _N_LEVELS)
    squares, entropy = _joint(pairs, n_pairs)

    level = np.arange(2 * _N_LEVELS)
    one_level = level[:_N_LEVELS]
    mean_sum = sums @ level / n_pairs
    mean_squared_sum = sums @ level**2 / n_pairs
    contrast = differences @ one_level**2 / n_pairs
    variance = grays @ one_level**2 / (2 * n_pairs) - (mean_sum / 2) ** 2
    covariance = (mean_squared_sum - contrast) / 4 - (mean_sum / 2) ** 2
    correlation = np.divide(covariance, variance, out=np.ones(n_objects), where=variance != 0)
    gray_entropy = _entropy(grays, 2 * n_pairs)
    surplus = 2 * gray_entropy - entropy
    surplus[surplus < _NO_ENTROPY] = 0
    known = np.divide(-surplus, gray_entropy, out=np.zeros(n_objects), where=gray_entropy != 0)
    squared_differences = np.einsum("ij,ij->i", differences, differences) / n_pairs**2
    return (
        np.stack(
            [
                squares,
                contrast,
                correlation,
                variance,
                differences @ (1 / (1 + one_level**2)) / n_pairs,
                mean_sum,
                mean_squared_sum - mean_sum**2,
                _entropy(sums, n_pairs),
                entropy,
                squared_differences / n_levels - 1 / n_levels**2,
                _entropy(differences, n_pairs),
                known,
                np.sqrt(1 - np.exp(-2 * surplus)),
            ],
            axis=1,
        )
        + (0 * n_pairs)[:, None]
    )


def _histogram(bins: _Integers, n_objects: int, n_bins: int = _N_LEVELS) -> _Float:
    """Counts, one row per object, of bins that are counted on from object to object."""
    counts = np.bincount(bins, minlength=n_objects * n_bins)
    return counts.reshape(n_objects, n_bins).astype(np.float64)


def _entropy(counts: _Float, total: _Float) -> _Float:
    """Entropy in bits of each row of counts."""
    occupied = np.flatnonzero(counts > 0)
    count = counts.ravel()[occupied]
    return _entropy_of(occupied // counts.shape[1], count * np.log2(count), total)


def _entropy_of(index: _Integers, terms: _Float, total: _Float) -> _Float:
    """Entropy in bits from the terms count * log2(count), which are summed by index."""
    entropy = np.log2(total) - np.bincount(index, weights=terms, minlength=len(total)) / total
    return np.where(entropy < _NO_ENTROPY, 0.0, entropy)


def _joint(pairs: _Pairs, n_pairs: _Float) -> tuple[_Float, _Float]:
    """Angular second moment and entropy of the symmetric matrix of pairs, for each object."""
    keys = (pairs.owner << 16 | pairs.low << 8 | pairs.high).astype(np.uint32)
    keys.sort()
    first = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]][: keys.size])
    count = np.diff(np.r_[first, keys.size]).astype(np.float64)
    found = keys[first]
    index = (found >> 16).astype(np.int64)
    # Unequal values stand on both sides of the diagonal; equal ones once, but both pixels count.
    on_diagonal = np.where((found >> 8) & 255 == found & 255, count, 0)
    squares = 2 * np.bincount(index, weights=count**2 + on_diagonal**2, minlength=len(n_pairs))
    terms = 2 * (count * np.log2(count) + on_diagonal)
    return squares / (2 * n_pairs) ** 2, _entropy_of(index, terms, 2 * n_pairs)
