"""Sets everything outside of a mask to zero."""

from typing import Literal, NamedTuple

import numpy as np

from tmlib.jterator.arrays import Image, MaskImage
from tmlib.jterator.figures import image_figure

VERSION = "0.2.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.1.0")


class Output(NamedTuple):
    """The image, of the same type, with zeros outside of the mask."""

    masked_image: Image
    figure: str


def main(
    image: Image,
    mask: MaskImage,
    plot: bool = False,
    plot_type: Literal["objects", "intensity"] = "objects",
) -> Output:
    """Keep the part of an image that lies within a mask.

    Parameters
    ----------
    image
        Gray values, labels or a mask (y, x).
    mask
        Foreground is True or positive.
    plot
        Whether to make a figure.
    plot_type
        Whether the figure shows the image as objects, in colours, or as gray values.
    """
    masked = image.copy()
    masked[mask <= 0] = 0
    figure = ""
    if plot:
        # Figures show signed numbers as objects and unsigned ones as gray values.
        dtype = np.int32 if plot_type == "objects" else np.uint32
        figure = image_figure(
            "Masked",
            {
                "image": image.astype(dtype),
                "mask": mask > 0,
                "masked image": masked.astype(dtype),
            },
        )
    return Output(masked, figure)
