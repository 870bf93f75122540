"""Measures how good an image is: focus, saturation and background.

Meant for the whole site (module ``register_site``), so that bad sites show on a heatmap of the
plate; the quality of single objects is measured in the same way.
"""

from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.assignment import assign
from tmlib.jterator.measure.regions import Regions

VERSION = "0.1.0"

_BACKGROUND_SHARE = 0.05
_BIT_DEPTHS = (8, 10, 12, 14, 16)


class Output(NamedTuple):
    """One row per object, one column per feature."""

    measurements: pd.DataFrame
    figure: str


def main(
    extract_objects: LabelImage,
    assign_objects: LabelImage,
    intensity_image: IntensityImage,
    saturation: Annotated[int, Field(gt=0)] | None = None,
    plot: bool = False,
) -> Output:
    """Measure the quality of an image within objects.

    Parameters
    ----------
    extract_objects
        Labels of the objects that are measured (y, x).
    assign_objects
        Labels of the objects that get the values: the same ones, or ones with the same labels
        that enclose them.
    intensity_image
        Gray values, best as recorded.
    saturation
        Gray value from which on a pixel is saturated. If None, the largest that a camera of 8,
        10, 12, 14 or 16 bit records, whichever is the first to reach the brightest pixel.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If values go by label, and a measured object has no pixel in the one of its label.

    Notes
    -----
    ``Quality_focus`` is the share of the covariance of neighbouring pixels that is lost one pixel
    further (after Vollath D (1987), "Automatic focusing by correlative methods", Journal of
    Microscopy 147, 279-288). It is the higher the sharper the image, close to 0 out of focus, and
    depends neither on brightness and camera offset nor on the noise of the camera. It is NaN
    where neighbours do not correlate, as in an empty image.
    ``Quality_saturation`` is the share of saturated pixels, ``Quality_background`` the 5th
    percentile of the gray values.
    """
    regions = Regions.of(extract_objects)
    if saturation is None:
        saturation = _full_scale(int(intensity_image.max()))
    is_saturated = intensity_image.ravel()[regions.pixels] >= saturation
    features = pd.DataFrame(
        {
            "Quality_focus": _focus(regions, extract_objects, intensity_image),
            "Quality_saturation": regions.sum(is_saturated) / regions.area,
            "Quality_background": _background(regions, intensity_image),
        },
        index=pd.Index(regions.labels, name="label"),
    )
    measurements = assign(features, extract_objects, assign_objects, aggregate=False)
    figure = ""
    if plot:
        saturated = intensity_image >= saturation
        figure = image_figure("Quality", {"image": intensity_image, "saturated pixels": saturated})
    return Output(measurements, figure)


def _full_scale(brightest: int) -> int:
    return next((1 << bits) - 1 for bits in _BIT_DEPTHS if brightest >> bits == 0)


def _background(regions: Regions, image: IntensityImage) -> NDArray[np.float64]:
    values = image.ravel()[regions.pixels]
    order = np.lexsort((values, regions.index))
    position = regions.starts[:-1] + (_BACKGROUND_SHARE * (regions.area - 1)).astype(np.int64)
    return values[order][position].astype(np.float64)


def _focus(regions: Regions, labels: LabelImage, image: IntensityImage) -> NDArray[np.float64]:
    values = image.astype(np.float64)
    mean = regions.sum(values.ravel()[regions.pixels]) / regions.area
    by_label = np.zeros(int(labels.max(initial=0)) + 1)
    by_label[regions.labels] = mean
    values -= by_label[labels]
    near, far = np.zeros_like(by_label), np.zeros_like(by_label)
    for image_rows, label_rows in ((values, labels), (values.T, labels.T)):
        first, second, third = (label_rows[n : len(label_rows) - 2 + n] for n in range(3))
        inside = (first > 0) & (first == second) & (first == third)
        start = image_rows[:-2][inside]
        for distance, total in ((1, near), (2, far)):
            end = image_rows[distance : len(image_rows) - 2 + distance][inside]
            total += np.bincount(first[inside], weights=start * end, minlength=len(total))
    with np.errstate(divide="ignore", invalid="ignore"):
        focus = np.where(near > 0, 1 - far / near, np.nan)
    return focus[regions.labels]
