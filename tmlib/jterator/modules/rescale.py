"""Subtracts a background from an image and stretches its gray values over the range of its type.

Only what is given is done: without bounds the image stays as it is, so that sites are comparable
and thresholds mean the same behind it.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")
OLDER_INPUTS = {"image": "intensity_image"}


class Output(NamedTuple):
    """The rescaled image, of the same type."""

    rescaled_image: IntensityImage
    figure: str


def main(
    intensity_image: IntensityImage,
    min_value: Annotated[float, Field(ge=0)] | None = None,
    max_value: Annotated[float, Field(ge=0)] | None = None,
    plot: bool = False,
) -> Output:
    """Subtract one gray value, and stretch what is left to another.

    Parameters
    ----------
    intensity_image
        Gray values (y, x).
    min_value
        Gray value that becomes 0, as do those below it; nothing is subtracted if None.
    max_value
        Gray value that becomes the largest of the type, as do those above it; nothing is
        stretched if None.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If `max_value` is not above `min_value`.
    """
    low = 0.0 if min_value is None else min_value
    if max_value is not None and max_value <= low:
        raise ValueError(f"max_value ({max_value:g}) must be above min_value ({low:g})")
    largest = float(np.iinfo(intensity_image.dtype).max)
    values = np.maximum(intensity_image.astype(np.float64) - low, 0)
    if max_value is not None:
        values = np.minimum(values * largest / (max_value - low), largest)
    rescaled: IntensityImage = np.empty_like(intensity_image)
    rescaled[:] = values
    figure = ""
    if plot:
        figure = image_figure("Rescaled", {"before": intensity_image, "after": rescaled})
    return Output(rescaled, figure)
