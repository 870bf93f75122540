"""Combines two channels into one image, for objects that neither shows alone.

Each image is first stretched from its darkest to its brightest gray value over the range of its
type, so that the weights say how much a channel counts, however bright its stain is. So is their
sum: it reaches from 0 to the largest value of the type.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.2"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.3")


class Output(NamedTuple):
    """The combined image: 16 bit if one of the images has 16 bit."""

    combined_image: IntensityImage
    figure: str


def main(
    image_1: IntensityImage,
    image_2: IntensityImage,
    weight_1: Annotated[int, Field(gt=0)],
    weight_2: Annotated[int, Field(gt=0)],
    plot: bool = False,
) -> Output:
    """Add two images with weights.

    Parameters
    ----------
    image_1, image_2
        Gray values (y, x).
    weight_1, weight_2
        How much each image counts.
    plot
        Whether to make a figure.
    """
    total = weight_1 * _stretched(image_1) + weight_2 * _stretched(image_2)
    dtype = np.promote_types(image_1.dtype, image_2.dtype)
    combined = _stretched(total, float(np.iinfo(dtype).max)).astype(dtype)
    figure = ""
    if plot:
        figure = image_figure(
            "Combined", {"image 1": image_1, "image 2": image_2, "combined image": combined}
        )
    return Output(combined, figure)


def _stretched(
    image: IntensityImage | NDArray[np.float64], largest: float = 1
) -> NDArray[np.float64]:
    """Values from 0 to the largest; all 0 where there is but one."""
    values = image.astype(np.float64) - float(image.min())
    span = float(values.max())
    return values * (largest / span if span > 0 else 0.0)
