"""Size and shape of objects; the values are those of scikit-image where it has them."""

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.borders import borders
from tmlib.jterator.measure.convexity import convex_area
from tmlib.jterator.measure.depths import depths
from tmlib.jterator.measure.regions import Regions
from tmlib.jterator.measure.zernike import ZERNIKE_NAMES, zernike_moments

_Float = NDArray[np.float64]


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
    perimeter, n_border_pixels = borders(regions)
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
    perimeter = borders(regions).perimeter
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
