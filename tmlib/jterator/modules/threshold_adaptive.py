"""Thresholds an image with a level of its own for every neighbourhood."""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.2.0"
OLDER_VERSIONS = ("0.1.0",)


class Output(NamedTuple):
    """The foreground."""

    mask: BinaryImage
    figure: str


def main(
    image: IntensityImage,
    method: Literal["crosscorr", "niblack"],
    kernel_size: Annotated[int, Field(ge=3)] = 111,
    constant: float = 0,
    min_threshold: float | None = None,
    max_threshold: float | None = None,
    plot: bool = False,
) -> Output:
    """Tell foreground from background."""
    values = image.astype(np.float64)
    mean = ndimage.uniform_filter(values, kernel_size)
    mask = values > mean + constant
    figure = ""
    if plot:
        figure = image_figure("Thresholded", {"image": image, "mask": mask})
    return Output(mask, figure)
