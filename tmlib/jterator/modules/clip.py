"""Removes the part of a mask that another mask covers: cytoplasm is a cell without its nucleus."""

from typing import NamedTuple

from tmlib.jterator.arrays import MaskImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")


class Output(NamedTuple):
    """The rest of the image; labels stay as they are."""

    clipped_image: MaskImage
    figure: str


def main(image: MaskImage, clipping_mask: MaskImage, plot: bool = False) -> Output:
    """Set the part of a mask or label image to zero that lies within another mask.

    Parameters
    ----------
    image
        Labels or a binary mask (y, x).
    clipping_mask
        What is cut off where it is True or positive.
    plot
        Whether to make a figure.
    """
    clipped = image.copy()
    clipped[clipping_mask > 0] = 0
    figure = ""
    if plot:
        figure = image_figure(
            "Clipped", {"image": image, "clipping mask": clipping_mask, "clipped image": clipped}
        )
    return Output(clipped, figure)
