"""Segments nuclei in an image of a DNA stain, without tuning.

The size of the nuclei is measured in the image; everything else follows from it. How they are
found is told in `tmlib.jterator.segment.nuclei`.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.segment.nuclei import MAX_DIAMETER, MIN_DIAMETER, segment, typical_diameter

VERSION = "0.1.0"


class Output(NamedTuple):
    """The nuclei, numbered from 1 in reading order."""

    label_image: LabelImage
    figure: str


def main(
    intensity_image: IntensityImage,
    diameter: Annotated[float, Field(ge=MIN_DIAMETER, le=MAX_DIAMETER)] | None = None,
    plot: bool = False,
) -> Output:
    """Find nuclei.

    Parameters
    ----------
    intensity_image
        Gray values (y, x) of a stain of the DNA, as recorded or corrected.
    diameter
        Typical diameter of a nucleus in pixels; measured in each image if None. Nuclei of half to
        twice of it are found. Give it where images may show debris but no nuclei.
    plot
        Whether to make a figure.
    """
    typical = typical_diameter(intensity_image) if diameter is None else diameter
    labels = np.zeros(intensity_image.shape, np.int32)
    if typical is not None:
        labels = segment(intensity_image, typical)
    figure = ""
    if plot:
        title = "No nuclei" if typical is None else f"Nuclei of about {typical:.0f} pixels"
        figure = image_figure(title, {"image": intensity_image, "nuclei": labels})
    return Output(labels, figure)
