"""Stitching: displacements are measured in overlaps, and positions are solved for all images.

Neighbours show the same structures in their overlap. The maximum of the normalised
cross-correlation of these gives their displacement to a fraction of a pixel. The positions of all
sites of a well are then found from all displacements by least squares, robust against outliers
(iteratively reweighted with Cauchy's function) and anchored to the positions of the stage. Common
errors, a rotation between camera and stage or an inaccurate pixel size, are corrected for sites
with empty overlaps as well.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage
from scipy.sparse import coo_array
from scipy.sparse.linalg import spsolve

from tmlib.images.alignment import smooth_logarithms, structures
from tmlib.images.reading import GrayImage

Array = NDArray[np.float64]
Structures = NDArray[np.float32]

MIN_OVERLAP = 8
"""Pixels that two images must share along each axis to be compared."""

_LEAST_CORRELATION = 0.15
_LEAST_SIGNIFICANCE = 4.0
_LEAST_CONTRAST = 0.8
_PAIR_SCALE = 1.0
_MODEL_SCALE = 3.0
_MODEL_DEVIATION = 0.02
_SPRING = 1e-4
_ANCHOR = 1e-6
_ITERATIONS = 20
_REFINEMENTS = 4
_FARTHEST_WAY = 3.0


@dataclass(frozen=True)
class Displacement:
    """The displacement between the corners of two images, measured in their overlap.

    Attributes
    ----------
    y, x
        In pixels, with fractions.
    quality
        Correlation of both images in their overlap: 1 for identical images, around 0 for images
        that have nothing in common.
    is_reliable
        Whether the correlation is significant, and higher than for all other displacements.
    """

    y: float
    x: float
    quality: float
    is_reliable: bool


@dataclass(frozen=True)
class Seen:
    """An image prepared for comparison, or a part of it.

    Attributes
    ----------
    structures
        Structures larger than noise and smaller than illumination.
    logarithms
        Smoothed logarithms of its intensities.
    y, x
        The upper left corner of the part.
    """

    structures: Structures
    logarithms: Structures
    y: int = 0
    x: int = 0

    @classmethod
    def of(cls, pixels: GrayImage) -> "Seen":
        """Prepare a whole image (y, x)."""
        return cls(structures(pixels), smooth_logarithms(pixels))

    def cut(self, where: tuple[slice, slice]) -> "Seen":
        """A copy of a part of the image, so that the rest can be released."""
        return Seen(
            self.structures[where].copy(),
            self.logarithms[where].copy(),
            where[0].start,
            where[1].start,
        )


def may_be_compared(displacement: Array, shape: tuple[int, int]) -> bool:
    """Whether two images share enough: at least half the length of a border."""
    shared = np.array(shape) - np.abs(displacement)
    return bool(shared.min() >= MIN_OVERLAP and (shared / shape).max() >= 0.5)


def cut_strips(
    shape: tuple[int, int], displacement: Array, limit: int
) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Which parts of two images may show the same area.

    Parameters
    ----------
    shape
        Shape of both images.
    displacement
        Approximate position of the second image relative to the first.
    limit
        Largest error of that in pixels.
    """
    slices = []
    for sign in (1, -1):
        start = np.maximum(sign * np.rint(displacement).astype(int) - limit, 0)
        stop = np.minimum(sign * np.rint(displacement).astype(int) + limit + shape, shape)
        slices.append((slice(start[0], stop[0]), slice(start[1], stop[1])))
    return slices[0], slices[1]


def measure_displacement(
    first: Seen, second: Seen, shape: tuple[int, int], displacement: Array, limit: int
) -> Displacement:
    """Measure the displacement of two images.

    Parameters
    ----------
    first, second
        Their strips from :func:`cut_strips`.
    shape
        Shape of both images.
    displacement
        Approximate position of the second image relative to the first.
    limit
        Largest error of that in pixels.
    """
    expected = np.rint(displacement).astype(int)
    steps = np.arange(-limit, limit + 1)
    lags = [
        expected[axis] + steps + corner_of_second - corner_of_first
        for axis, (corner_of_first, corner_of_second) in enumerate(
            ((first.y, second.y), (first.x, second.x))
        )
    ]
    surface, counts = _correlations(first.structures, second.structures, lags)
    shared = [shape[axis] - np.abs(expected[axis] + steps) for axis in (0, 1)]
    enough = [
        one >= max(MIN_OVERLAP * 0.5, (shape[axis] - abs(expected[axis])) / 3)
        for axis, one in enumerate(shared)
    ]
    surface[~np.logical_and.outer(*enough)] = 0
    # the fewer pixels are compared, the higher the correlation by chance
    top = np.unravel_index(np.argmax(surface * np.sqrt(counts)), surface.shape)
    peak, offset, is_inside = _peak(surface, (int(top[0]), int(top[1])))
    chance = _chance(first.structures, second.structures, float(counts[peak]))
    quality = float(surface[peak])
    others = _beside(surface, peak)
    whole = expected + steps[[peak[0], peak[1]]]
    refined = _refined(first, second, whole) if is_inside else None
    y, x = whole + offset if refined is None else refined
    is_reliable = (
        is_inside
        and quality >= _LEAST_CORRELATION
        # Fisher's transformation of a correlation
        and np.arctanh(min(quality, 1 - 1e-9)) >= _LEAST_SIGNIFICANCE * chance
        and others <= _LEAST_CONTRAST * quality
    )
    return Displacement(float(y), float(x), quality, is_reliable)


def _correlations(
    first: Structures, second: Structures, lags: list[NDArray[np.int_]]
) -> tuple[Array, Array]:
    """Pearson's correlation of the overlap, and its size, at each lag of the second strip."""
    size = [fft.next_fast_len(first.shape[axis] + second.shape[axis], real=True) for axis in (0, 1)]
    product = fft.rfft2(first, size) * np.conj(fft.rfft2(second, size))
    crossed = fft.irfft2(product, size)[np.ix_(lags[0] % size[0], lags[1] % size[1])]
    starts, stops = [], []
    for axis in (0, 1):
        starts.append(np.maximum(lags[axis], 0))
        stops.append(
            np.maximum(np.minimum(second.shape[axis] + lags[axis], first.shape[axis]), starts[axis])
        )
    counts = np.multiply.outer(stops[0] - starts[0], stops[1] - starts[1]).astype(float)
    moved = [(starts[axis] - lags[axis], stops[axis] - lags[axis]) for axis in (0, 1)]
    own = [(starts[axis], stops[axis]) for axis in (0, 1)]
    sums = [_window_sums(image, where) for image, where in ((first, own), (second, moved))]
    squares = [_window_sums(image**2, where) for image, where in ((first, own), (second, moved))]
    n = np.maximum(counts, 1)
    covariance = crossed - sums[0] * sums[1] / n
    variances = [np.maximum(squares[i] - sums[i] ** 2 / n, 0) for i in (0, 1)]
    scale = np.sqrt(variances[0] * variances[1])
    # rounding errors of the transform must not look like structures
    floor = 1e-6 * float(np.sqrt((first**2).sum() * (second**2).sum()))
    return np.where(scale > floor, covariance / np.maximum(scale, floor or 1), 0), counts


def _window_sums(
    image: Structures, where: list[tuple[NDArray[np.int_], NDArray[np.int_]]]
) -> Array:
    """Sums over rectangles, for all combinations of rows and columns."""
    total = np.zeros((image.shape[0] + 1, image.shape[1] + 1))
    total[1:, 1:] = image.astype(np.float64).cumsum(axis=0).cumsum(axis=1)
    (top, bottom), (left, right) = where
    return np.asarray(
        total[np.ix_(bottom, right)]
        - total[np.ix_(top, right)]
        - total[np.ix_(bottom, left)]
        + total[np.ix_(top, left)]
    )


def _peak(
    surface: Array, near: tuple[int, int]
) -> tuple[tuple[int, int], tuple[float, float], bool]:
    """The peak near a position: its pixel, its subpixel offset, whether it is not at an edge."""
    y, x = near
    while True:
        part = surface[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2]
        up = np.unravel_index(np.argmax(part), part.shape)
        higher = max(y - 1, 0) + int(up[0]), max(x - 1, 0) + int(up[1])
        if surface[higher] <= surface[y, x]:
            break
        y, x = higher
    height, width = surface.shape
    if not (0 < y < height - 1 and 0 < x < width - 1):
        return (y, x), (0.0, 0.0), False
    offsets = []
    for before, here, after in (surface[y - 1 : y + 2, x], surface[y, x - 1 : x + 2]):
        bend = before - 2 * here + after
        offsets.append(float(0.5 * (before - after) / bend) if bend < 0 else 0.0)
    return (y, x), (offsets[0], offsets[1]), True


def _refined(first: Seen, second: Seen, whole: NDArray[np.int_]) -> Array | None:
    """Refine a displacement in whole pixels to fractions; None if that does not converge.

    The difference of two slightly displaced images is the gradient times the displacement (Lucas
    and Kanade, IJCAI 1981), plus a smooth difference of their illumination.
    """
    nearest = whole
    for _ in range(_REFINEMENTS):
        way = _way(first, second, nearest)
        if way is None or np.abs(nearest + way - whole).max() > _FARTHEST_WAY:
            return None
        if np.abs(way).max() <= 0.75:
            return np.asarray(nearest + way)
        nearest = nearest + np.rint(way).astype(int)
    return None


def _way(first: Seen, second: Seen, whole: NDArray[np.int_]) -> Array | None:
    lag = whole + np.array([second.y - first.y, second.x - first.x])
    start = np.maximum(lag, 0)
    stop = np.minimum(np.array(second.structures.shape) + lag, first.structures.shape)
    if (stop - start).min() < MIN_OVERLAP // 2:
        return None
    one = first.logarithms[start[0] : stop[0], start[1] : stop[1]]
    start, stop = start - lag, stop - lag
    other = second.logarithms[start[0] : stop[0], start[1] : stop[1]]
    light = _smooth_surfaces(one.shape)
    way = np.zeros(2)
    for _ in range(_REFINEMENTS):
        moved = ndimage.shift(other, way, order=1, mode="nearest")
        slopes = [slope.ravel() for slope in np.gradient((one + moved) / 2)]
        terms = np.column_stack([*slopes, light])
        try:
            step = np.linalg.solve(terms.T @ terms, terms.T @ (moved - one).ravel())[:2]
        except np.linalg.LinAlgError:
            return None
        way = way + step
        if not np.abs(way).max() < _FARTHEST_WAY:
            return None
    return way


def _smooth_surfaces(shape: tuple[int, ...]) -> Array:
    """Monomials of y and x up to squares, one per column."""
    y, x = (np.linspace(-1, 1, size) for size in shape)
    powers = [np.multiply.outer(y**i, x**j).ravel() for i in range(3) for j in range(3)]
    return np.column_stack(powers)


def _beside(surface: Array, peak: tuple[int, int]) -> float:
    """The highest correlation that is not on the slope of the peak."""
    lobes, _ = ndimage.label(surface > 0.5 * surface[peak])
    outside = surface[(lobes != lobes[peak]) & (lobes > 0)]
    return float(outside.max()) if outside.size else 0.0


def _chance(first: Structures, second: Structures, n_pixels: float) -> float:
    """Standard deviation of the random correlation of such structures.

    The number of independent pixels is that of all pixels divided by the sum of the products of
    both images' autocorrelations (Bartlett's formula).
    """
    size = [
        fft.next_fast_len(2 * max(first.shape[axis], second.shape[axis]), real=True)
        for axis in (0, 1)
    ]
    alike = []
    for image in (first, second):
        spectrum = np.abs(fft.rfft2(image - image.mean(), size)) ** 2
        correlation = fft.irfft2(spectrum, size)
        alike.append(correlation / max(float(correlation[0, 0]), np.finfo(float).tiny))
    extent = max(float((alike[0] * alike[1]).sum()), 1.0)
    return float(np.sqrt(extent / max(n_pixels, 1.0)))


@dataclass(frozen=True)
class Pair:
    """Two neighbouring sites, by their numbers, and their displacement."""

    first: int
    second: int
    measured: Displacement


def solve_places(stages: Array, pairs: Sequence[Pair]) -> Array:
    """Positions of all sites of a well that fit their displacements best.

    Parameters
    ----------
    stages
        Positions of the stage, shape (n, 2): (y, x) in pixels.
    pairs
        All pairs that were compared. For unreliable ones, the position of the stage is used.

    Returns
    -------
    Array
        Shape (n, 2), with the same first row and column of pixels as `stages`.
    """
    reliable = [pair for pair in pairs if pair.measured.is_reliable]
    if not reliable:
        return stages.copy()
    ends = np.array([(pair.first, pair.second) for pair in reliable])
    measured = np.array([(pair.measured.y, pair.measured.x) for pair in reliable])
    weights = np.array([pair.measured.quality for pair in reliable]) ** 2
    stages_as_seen: Array = stages @ _model(
        stages[ends[:, 1]] - stages[ends[:, 0]], measured, weights
    )
    others = np.array([(p.first, p.second) for p in pairs if not p.measured.is_reliable])
    others = others.reshape(-1, 2).astype(int)
    places: Array = stages_as_seen
    robust = weights
    for _ in range(_ITERATIONS):
        places = _least_squares(stages_as_seen, ends, measured, robust, others)
        residuals = places[ends[:, 1]] - places[ends[:, 0]] - measured
        robust = weights / (1 + (residuals**2).sum(axis=1) / _PAIR_SCALE**2)
    return np.asarray(places + stages.min(axis=0) - places.min(axis=0))


def _model(steps: Array, measured: Array, weights: Array) -> Array:
    """The transformation from stage to image coordinates: a matrix close to identity."""
    deviation: Array = np.zeros((2, 2))
    robust = weights
    for _ in range(_ITERATIONS):
        scaled = steps * robust[:, np.newaxis]
        prior = _MODEL_SCALE**2 / _MODEL_DEVIATION**2
        normal = steps.T @ scaled + prior * np.eye(2)
        deviation = np.asarray(np.linalg.solve(normal, scaled.T @ (measured - steps)), float)
        residuals = measured - steps - steps @ deviation
        robust = weights / (1 + (residuals**2).sum(axis=1) / _MODEL_SCALE**2)
    return np.eye(2) + deviation


def _least_squares(
    stages: Array,
    ends: NDArray[np.int_],
    measured: Array,
    weights: Array,
    others: NDArray[np.int_],
) -> Array:
    """Positions from weighted constraints: measured, weak ones of the stage, and weaker anchors."""
    all_ends = np.concatenate([ends, others])
    lengths = np.concatenate([measured, stages[others[:, 1]] - stages[others[:, 0]]])
    strengths = np.concatenate([weights, np.full(len(others), _SPRING)])
    first, second = all_ends.T
    n = len(stages)
    rows = np.concatenate([first, second, first, second, np.arange(n)])
    columns = np.concatenate([first, second, second, first, np.arange(n)])
    values = np.concatenate([strengths, strengths, -strengths, -strengths, np.full(n, _ANCHOR)])
    matrix = coo_array((values, (rows, columns)), (n, n)).tocsc()
    pulls = _ANCHOR * stages
    np.add.at(pulls, second, strengths[:, np.newaxis] * lengths)
    np.add.at(pulls, first, -strengths[:, np.newaxis] * lengths)
    return np.asarray(np.column_stack([spsolve(matrix, pulls[:, axis]) for axis in (0, 1)]))
