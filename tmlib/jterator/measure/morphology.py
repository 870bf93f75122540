"""Size and shape of objects.

Second moments give the ellipse features, border pixels weighted by their neighbourhood the
perimeter (Benkrid K, Crookes D (2000), "Design and FPGA implementation of a perimeter
estimator"), so that the values are those of scikit-image.
"""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.convexity import convex_area
from tmlib.jterator.measure.depths import depths
from tmlib.jterator.measure.regions import Regions
from tmlib.jterator.measure.zernike import ZERNIKE_NAMES, zernike_moments

_Float = NDArray[np.float64]


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
    radius = depths(regions)
    with np.errstate(divide="ignore", invalid="ignore"):
        elongation = np.where(major > 0, (major - minor) / major, np.nan)
        eccentricity = np.where(major > 0, np.sqrt(1 - np.minimum(minor / major, 1) ** 2), 0.0)
    features = {
        "Local_Centroid_x": center_x,
        "Local_Centroid_y": center_y,
        "Area": area,
        "Perimeter": perimeter,
        "Eccentricity": eccentricity,
        "Extent": area / (regions.height * regions.width),
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
    if zernike:
        features |= dict(zip(ZERNIKE_NAMES, zernike_moments(regions).T, strict=True))
    columns = {f"Morphology_{name}": values for name, values in features.items()}
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
    y, x = regions.local_y.astype(np.float64), regions.local_x.astype(np.float64)
    mean_y, mean_x = regions.sum(y) / area, regions.sum(x) / area
    y -= np.repeat(mean_y, area)
    x -= np.repeat(mean_x, area)
    yy, xx, xy = (regions.sum(v) / area for v in (y * y, x * x, x * y))
    half_trace = (yy + xx) / 2
    spread = np.sqrt(((yy - xx) / 2) ** 2 + xy**2)
    major = 4 * np.sqrt(half_trace + spread)
    minor = 4 * np.sqrt(np.maximum(half_trace - spread, 0))
    return major, minor, mean_y + regions.top, mean_x + regions.left


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
