"""Size and shape of objects.

Second moments give the ellipse features, border pixels weighted by their neighbourhood the
perimeter (Benkrid K, Crookes D (2000), "Design and FPGA implementation of a perimeter
estimator"), so that the values are those of scikit-image.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from mahotas.features import zernike_moments
from numpy.typing import NDArray
from scipy import ndimage

from tmlib.jterator.measure.convexity import convex_area
from tmlib.jterator.measure.regions import Regions

_ZERNIKE_DEGREE = 12
_ZERNIKE_SIZE = 200

_Float = NDArray[np.float64]

ZERNIKE_NAMES = tuple(
    f"Morphology_Zernike-{n}-{m}"
    for n in range(_ZERNIKE_DEGREE + 1)
    for m in range(n + 1)
    if (n - m) % 2 == 0
)


# Length of the border at a border pixel, by its number of direct and of diagonal neighbours on the
# border: straight, diagonal, or the mean of both where it turns.
_STEP_LENGTHS = np.zeros((5, 5))
_STEP_LENGTHS[2:4, 0:3] = 1
_STEP_LENGTHS[[0, 1], [2, 3]] = np.sqrt(2)
_STEP_LENGTHS[1, 1:3] = (1 + np.sqrt(2)) / 2


def morphology(labels: NDArray[np.integer[Any]], *, zernike: bool = False) -> pd.DataFrame:
    """Measure position, size and form factors of each object, in pixels.

    Parameters
    ----------
    labels
        Label image (y, x).
    zernike
        Whether to add the magnitudes of the Zernike moments up to degree 12 of each object,
        stretched to 200 x 200 pixels.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, float64. Centroids are in the coordinates of the image, pixel centres
        at integers. The border of the image counts as border of the objects that it cuts, and
        so does a touching object. Circularity is NaN for objects so small that their perimeter
        is 0, elongation is NaN for those without an extent.
    """
    regions = Regions.of(labels)
    area = regions.area.astype(np.float64)
    major, minor, center_y, center_x = _ellipses(regions)
    perimeter, n_border_pixels = _borders(regions, labels)
    height = regions.max(regions.y) - regions.min(regions.y) + 1
    width = regions.max(regions.x) - regions.min(regions.x) + 1
    radius = _depths(regions, labels)
    with np.errstate(divide="ignore", invalid="ignore"):
        elongation = np.where(major > 0, (major - minor) / major, np.nan)
        eccentricity = np.where(major > 0, np.sqrt(1 - np.minimum(minor / major, 1) ** 2), 0.0)
    features = {
        "Local_Centroid_x": center_x,
        "Local_Centroid_y": center_y,
        "Area": area,
        "Perimeter": perimeter,
        "Eccentricity": eccentricity,
        "Extent": area / (height * width),
        "Convexity": area / convex_area(regions),
        "Circularity": _circularity(area, perimeter),
        "Roundness": n_border_pixels**2 / (4 * np.pi * area),
        "Elongation": elongation,
        "Equivalent_Diameter": np.sqrt(4 * area / np.pi),
        "Major_Axis_Length": major,
        "Minor_Axis_Length": minor,
        "Maximum_Radius": regions.max(radius),
        "Mean_Radius": regions.sum(radius) / area,
    }
    columns = {f"Morphology_{name}": values for name, values in features.items()}
    if zernike:
        columns |= dict(zip(ZERNIKE_NAMES, _zernike(regions, labels).T, strict=True))
    return pd.DataFrame(columns, index=pd.Index(regions.labels, name="label"))


class FormFactors(NamedTuple):
    """Area, convexity and circularity, one entry per label.

    Circularity is NaN for objects so small that their perimeter is 0.
    """

    labels: NDArray[np.int64]
    area: NDArray[np.int64]
    convexity: _Float
    circularity: _Float


def form_factors(labels: NDArray[np.integer[Any]]) -> FormFactors:
    """The values by which clumps and debris are told, without the cost of the others."""
    regions = Regions.of(labels)
    perimeter, _ = _borders(regions, labels)
    convexity = regions.area / convex_area(regions)
    circularity = _circularity(regions.area, perimeter)
    return FormFactors(regions.labels, regions.area, convexity, circularity)


def _circularity(area: NDArray[Any], perimeter: _Float) -> _Float:
    with np.errstate(divide="ignore"):
        return np.where(perimeter > 0, 4 * np.pi * area / perimeter**2, np.nan)


def _ellipses(regions: Regions) -> tuple[_Float, _Float, _Float, _Float]:
    """Full axes of the ellipses with the same second moments, and the centroids."""
    area = regions.area
    top, left = regions.min(regions.y), regions.min(regions.x)
    y = (regions.y - top[regions.index]).astype(np.float64)
    x = (regions.x - left[regions.index]).astype(np.float64)
    mean_y, mean_x = regions.sum(y) / area, regions.sum(x) / area
    y -= mean_y[regions.index]
    x -= mean_x[regions.index]
    yy, xx, xy = (regions.sum(v) / area for v in (y * y, x * x, x * y))
    half_trace = (yy + xx) / 2
    spread = np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    major = 4 * np.sqrt(half_trace + spread)
    minor = 4 * np.sqrt(np.maximum(half_trace - spread, 0))
    return major, minor, mean_y + top, mean_x + left


def _borders(regions: Regions, labels: NDArray[np.integer[Any]]) -> tuple[_Float, _Float]:
    """Perimeters, and numbers of pixels with a 4-neighbour outside of the object."""
    padded = np.pad(labels, 1)
    width = padded.shape[1]
    flat = padded.ravel()
    positions = (regions.y + 1) * width + regions.x + 1
    own = flat[positions]
    direct, diagonal = (-width, -1, 1, width), (-width - 1, -width + 1, width - 1, width + 1)
    is_border = np.zeros(len(positions), bool)
    for step in direct:
        is_border |= flat[positions + step] != own

    borders = np.zeros_like(flat)
    borders[positions[is_border]] = own[is_border]
    at, label = positions[is_border], own[is_border]
    n_direct = sum((borders[at + step] == label).astype(np.int64) for step in direct)
    n_diagonal = sum((borders[at + step] == label).astype(np.int64) for step in diagonal)
    index = regions.index[is_border]
    lengths = _STEP_LENGTHS[n_direct, n_diagonal]
    perimeter = np.bincount(index, weights=lengths, minlength=len(regions)).astype(np.float64)
    return perimeter, np.bincount(index, minlength=len(regions)).astype(np.float64)


def _depths(regions: Regions, labels: NDArray[np.integer[Any]]) -> _Float:
    """For each pixel the distance to the closest pixel outside of its object."""
    depths = np.zeros(len(regions.pixels))
    width = regions.shape[1]
    top, bottom = regions.min(regions.y), regions.max(regions.y)
    left, right = regions.min(regions.x), regions.max(regions.x)
    for n, label in enumerate(regions.labels):
        box = labels[top[n] : bottom[n] + 1, left[n] : right[n] + 1]
        distances = ndimage.distance_transform_edt(np.pad(box == label, 1))
        own = slice(regions.starts[n], regions.starts[n + 1])
        pixels = regions.pixels[own]
        depths[own] = distances[pixels // width - top[n] + 1, pixels % width - left[n] + 1]
    return depths


def _zernike(regions: Regions, labels: NDArray[np.integer[Any]]) -> _Float:
    """Zernike moments, one row per object."""
    values = np.zeros((len(regions), len(ZERNIKE_NAMES)))
    top, bottom = regions.min(regions.y), regions.max(regions.y)
    left, right = regions.min(regions.x), regions.max(regions.x)
    steps = (np.arange(_ZERNIKE_SIZE) + 0.5) / _ZERNIKE_SIZE
    for n, label in enumerate(regions.labels):
        mask = np.pad(labels[top[n] : bottom[n] + 1, left[n] : right[n] + 1] == label, 1)
        rows = (steps * mask.shape[0]).astype(np.intp)
        columns = (steps * mask.shape[1]).astype(np.intp)
        stretched = mask[np.ix_(rows, columns)].astype(np.uint8)
        values[n] = zernike_moments(stretched, _ZERNIKE_SIZE // 2, degree=_ZERNIKE_DEGREE)
    return values
