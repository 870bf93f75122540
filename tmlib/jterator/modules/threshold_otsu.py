"""Thresholds an image at one level, found automatically with Otsu's method.

Otsu N (1979), "A threshold selection method from gray-level histograms", IEEE Transactions on
Systems, Man, and Cybernetics 9(1), 62-66.
"""

from typing import Annotated, NamedTuple

from pydantic import Field
from skimage.filters import threshold_otsu

from tmlib.jterator.arrays import BinaryImage, IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.2"
COMPATIBLE_VERSIONS = ("0.0.1",)


class Output(NamedTuple):
    """The foreground."""

    mask: BinaryImage
    figure: str


def main(
    image: IntensityImage,
    correction_factor: Annotated[float, Field(gt=0)] = 1,
    min_threshold: float | None = None,
    max_threshold: float | None = None,
    plot: bool = False,
) -> Output:
    """Tell foreground from background by one level for the whole image.

    Parameters
    ----------
    image
        Gray values (y, x).
    correction_factor
        The level found is multiplied by it.
    min_threshold, max_threshold
        Bounds of the level, in gray values; the darkest pixel is the lower one if None, so that
        not everything can be foreground. The same value for both sets the level by hand.
    plot
        Whether to make a figure.
    """
    # scikit-image has no types for this function
    level = float(threshold_otsu(image)) * correction_factor  # type: ignore[no-untyped-call]
    level = max(level, float(image.min()) if min_threshold is None else min_threshold)
    if max_threshold is not None:
        level = min(level, max_threshold)
    mask = image > level
    figure = ""
    if plot:
        figure = image_figure(f"Thresholded at {level:g}", {"image": image, "mask": mask})
    return Output(mask, figure)
