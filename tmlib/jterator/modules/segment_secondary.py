"""thin"""
from typing import Annotated, NamedTuple
import numpy as np
from pydantic import Field
from skimage.segmentation import watershed
from skimage.filters import threshold_otsu
from tmlib.jterator.arrays import IntensityImage, LabelImage

VERSION = "0.0.3"
OLDER_VERSIONS = ("0.0.1", "0.0.2")


class Output(NamedTuple):
    """The objects."""

    secondary_label_image: LabelImage
    figure: str


def main(
    primary_label_image: LabelImage,
    intensity_image: IntensityImage,
    contrast_threshold: Annotated[float, Field(ge=0)] = 5,
    min_threshold: float | None = 125,
    max_threshold: float | None = 140,
    plot: bool = False,
) -> Output:
    """Grow."""
    fg = (intensity_image > 0.6*threshold_otsu(intensity_image)) | (primary_label_image > 0)
    return Output(watershed(-intensity_image.astype(float), primary_label_image, mask=fg).astype(np.int32), "")
