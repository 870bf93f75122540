"""Fills the holes of the objects in a mask."""

from typing import NamedTuple

from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, MaskImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.1"
OLDER_VERSIONS = ("0.0.2",)


class Output(NamedTuple):
    """The foreground without holes."""

    filled_mask: BinaryImage
    figure: str


def main(mask: MaskImage, plot: bool = False) -> Output:
    """Make every background pixel foreground that has no way to the border of the image.

    Parameters
    ----------
    mask
        Foreground is True or positive (y, x).
    plot
        Whether to make a figure.
    """
    filled_mask = ndimage.binary_fill_holes(mask > 0)
    figure = ""
    if plot:
        figure = image_figure("Filled", {"mask": mask > 0, "filled mask": filled_mask})
    return Output(filled_mask, figure)
