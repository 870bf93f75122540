"""Stretches the gray values of an image over the range of its type."""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")
OLDER_INPUTS = {"image": "intensity_image"}


class Output(NamedTuple):
    """The stretched image, of the same type."""

    rescaled_image: IntensityImage
    figure: str


def main(
    intensity_image: IntensityImage,
    min_value: Annotated[float, Field(ge=0)] | None = None,
    max_value: Annotated[float, Field(ge=0)] | None = None,
    plot: bool = False,
) -> Output:
    """Stretch gray values linearly.

    Parameters
    ----------
    intensity_image
        Gray values (y, x).
    min_value
        Gray value that becomes 0, as do those below it; the darkest of the image if None.
    max_value
        Gray value that becomes the largest of the type, as do those above it; the brightest of
        the image if None. Sites are comparable only if both are given.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If `max_value` is not above `min_value`.
    """
    if min_value is not None and max_value is not None and max_value <= min_value:
        raise ValueError(f"max_value ({max_value:g}) must be above min_value ({min_value:g})")
    low = float(intensity_image.min()) if min_value is None else min_value
    high = float(intensity_image.max()) if max_value is None else max_value
    span = high - low if high > low else 1.0
    largest = np.iinfo(intensity_image.dtype).max
    share = np.clip((intensity_image.astype(np.float64) - low) / span, 0, 1)
    rescaled = np.empty_like(intensity_image)
    rescaled[:] = np.rint(share * largest)
    figure = ""
    if plot:
        figure = image_figure("Rescaled", {"before": intensity_image, "after": rescaled})
    return Output(rescaled, figure)
