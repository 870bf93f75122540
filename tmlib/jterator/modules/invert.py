"""Inverts an image: bright becomes dark, foreground becomes background."""

from typing import NamedTuple

import numpy as np

from tmlib.jterator.arrays import Image
from tmlib.jterator.figures import image_figure

VERSION = "0.0.1"


class Output(NamedTuple):
    """Gray values of the same type, or the background of a mask as a mask."""

    inverted_image: Image
    figure: str


def main(image: Image, plot: bool = False) -> Output:
    """Invert an image.

    Parameters
    ----------
    image
        Gray values, which are taken from the largest value of their type, or a labelled or binary
        mask, of which the background becomes the foreground (y, x).
    plot
        Whether to make a figure.
    """
    inverted: Image = image == 0 if image.dtype == np.int32 else ~image
    figure = image_figure("Inverted", {"before": image, "after": inverted}) if plot else ""
    return Output(inverted, figure)
