"""Segments secondary objects, such as cells, around primary ones, such as nuclei.

Every secondary object contains exactly one primary object and takes its label. Objects on the
border of the image are kept. With the method ``intensity``, that of the original, they meet where
the image is darkest between them; with ``gradient`` where it changes most, half way where it is
even. How they grow is told in `tmlib.jterator.segment.secondary`. The outermost pixels of objects
are background, so that they are still apart where only the mask counts, unless they may be
``touching``.

Foreground is decided pixel by pixel: by an automatic level that follows uneven stain; where the
contrast within 5 pixels is at least `contrast_threshold`, by the middle between the darkest and
brightest of these pixels (Bernsen J (1986), "Dynamic thresholding of gray-level images"); and in
any case by `min_threshold` and `max_threshold`.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.segment.foreground import stained_area
from tmlib.jterator.segment.secondary import flood, grow, without_outlines

VERSION = "0.0.3"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")

_CONTRAST_RADIUS = 5
_NEIGHBOURHOOD = 301
# Stain gets thin towards the edge of a cell, so its outline is closer to the background.
_SHARE = 0.3


class Output(NamedTuple):
    """The secondary objects, with the labels of the primary ones."""

    secondary_label_image: LabelImage
    figure: str


def main(
    primary_label_image: LabelImage,
    intensity_image: IntensityImage,
    contrast_threshold: Annotated[float, Field(ge=0)] = 5,
    min_threshold: float | None = 125,
    max_threshold: float | None = 140,
    method: Literal["intensity", "gradient"] = "intensity",
    touching: bool = False,
    plot: bool = False,
) -> Output:
    """Grow secondary objects from primary ones.

    Parameters
    ----------
    primary_label_image
        Labels of the primary objects (y, x).
    intensity_image
        Gray values of the secondary objects, best smoothed a little.
    contrast_threshold
        Contrast in gray values from which the local level is used; 0 for never.
    min_threshold
        Pixels below this gray value are background; no bound if None.
    max_threshold
        Pixels above this gray value are foreground; no bound if None.
    method
        Where objects meet: see the top of this module.
    touching
        Whether objects keep their outermost pixels, so that neighbours touch.
    plot
        Whether to make a figure.
    """
    foreground = _foreground(intensity_image, contrast_threshold, min_threshold, max_threshold)
    grown = flood if method == "intensity" else grow
    secondary = grown(primary_label_image, intensity_image, foreground)
    if not touching:
        secondary = without_outlines(secondary, primary_label_image)
    figure = ""
    if plot:
        figure = image_figure(
            "Secondary objects",
            {
                "image": intensity_image,
                "primary objects": primary_label_image,
                "secondary objects": secondary,
            },
        )
    return Output(secondary, figure)


def _foreground(
    image: IntensityImage,
    contrast_threshold: float,
    min_threshold: float | None,
    max_threshold: float | None,
) -> BinaryImage:
    foreground = stained_area(image, _NEIGHBOURHOOD, _SHARE)
    if contrast_threshold > 0:
        offsets = np.arange(-_CONTRAST_RADIUS, _CONTRAST_RADIUS + 1)
        neighbours = np.hypot(offsets[:, None], offsets) <= _CONTRAST_RADIUS
        darkest = ndimage.minimum_filter(image, footprint=neighbours).astype(np.float64)
        brightest = ndimage.maximum_filter(image, footprint=neighbours).astype(np.float64)
        contrasted = brightest - darkest >= contrast_threshold
        foreground = np.where(contrasted, image > (darkest + brightest) / 2, foreground)
    if min_threshold is not None:
        foreground &= image >= min_threshold
    if max_threshold is not None:
        foreground |= image > max_threshold
    return foreground
