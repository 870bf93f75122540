"""Thresholds an image at a level that the user gives."""

from typing import NamedTuple

from tmlib.jterator.arrays import BinaryImage, IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.1"
COMPATIBLE_VERSIONS = ("0.0.2",)


class Output(NamedTuple):
    """The foreground."""

    mask: BinaryImage
    figure: str


def main(image: IntensityImage, threshold: float, plot: bool = False) -> Output:
    """Tell foreground from background by a given level.

    Parameters
    ----------
    image
        Gray values (y, x).
    threshold
        Pixels above this gray value are foreground.
    plot
        Whether to make a figure.
    """
    mask = image > threshold
    figure = ""
    if plot:
        figure = image_figure(f"Thresholded at {threshold:g}", {"image": image, "mask": mask})
    return Output(mask, figure)
