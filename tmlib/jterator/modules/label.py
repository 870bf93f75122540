"""Gives every connected component of a mask a number."""

from typing import Literal, NamedTuple

import numpy as np
from scipy import ndimage

from tmlib.jterator.arrays import LabelImage, MaskImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")


class Output(NamedTuple):
    """The components, numbered from 1 in reading order."""

    label_image: LabelImage
    figure: str


def main(mask: MaskImage, connectivity: Literal[4, 8] = 8, plot: bool = False) -> Output:
    """Label the connected components of a mask.

    Parameters
    ----------
    mask
        Foreground is True or positive (y, x).
    connectivity
        8 if pixels that touch at a corner belong together, 4 if not.
    plot
        Whether to make a figure.
    """
    neighbourhood = ndimage.generate_binary_structure(2, 1 if connectivity == 4 else 2)
    labels, _ = ndimage.label(mask > 0, neighbourhood, output=np.int32)
    figure = ""
    if plot:
        figure = image_figure("Labelled", {"mask": mask > 0, "objects": labels})
    return Output(labels, figure)
