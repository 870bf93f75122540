"""Makes a label image of a channel that holds labels, such as those of another program."""

from typing import NamedTuple

import numpy as np

from tmlib.jterator.arrays import IntensityImage, LabelImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1",)


class Output(NamedTuple):
    """The labels."""

    label_image: LabelImage
    figure: str


def main(input_image: IntensityImage, plot: bool = False) -> Output:
    """Take gray values as labels.

    Parameters
    ----------
    input_image
        Gray values that are labels (y, x), background 0. The channel must not be corrected for
        illumination.
    plot
        Whether to make a figure.
    """
    labels = input_image.astype(np.int32)
    figure = image_figure("Labels", {"objects": labels}) if plot else ""
    return Output(labels, figure)
