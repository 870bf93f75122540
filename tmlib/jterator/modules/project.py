"""Projects the focal planes of a stack onto one image."""

from typing import Literal, NamedTuple

import numpy as np

from tmlib.jterator.arrays import IntensityImage, IntensityStack
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1",)


class Output(NamedTuple):
    """The projection."""

    projected_image: IntensityImage
    figure: str


def main(
    image: IntensityStack, method: Literal["max", "sum"] = "max", plot: bool = False
) -> Output:
    """Project a stack.

    Parameters
    ----------
    image
        Gray values (y, x, z); a single plane (y, x) is its own projection.
    method
        ``max`` for the brightest gray value along z, of the same type; ``sum`` for the sum, which
        has 16 bit and is clipped at 65535.
    plot
        Whether to make a figure.
    """
    stack = image[:, :, np.newaxis] if image.ndim == 2 else image
    projected: IntensityImage = stack.max(axis=2)
    if method == "sum":
        total = stack.sum(axis=2, dtype=np.uint64)
        projected = np.minimum(total, np.iinfo(np.uint16).max).astype(np.uint16)
    figure = ""
    if plot:
        middle = stack[:, :, stack.shape[2] // 2]
        figure = image_figure(
            f"Projected ({method})", {"middle plane": middle, "projected image": projected}
        )
    return Output(projected, figure)
