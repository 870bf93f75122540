"""Thresholds an image with a level of its own for every neighbourhood.

Levels are computed from the gray values as they are, where the original first reduced them to 8
bit. Without `min_threshold`, the methods ``crosscorr`` and ``niblack`` find objects in mere noise,
too; ``isodata`` does not, and puts the level half way between the objects and the background of the
neighbourhood.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field
from scipy import ndimage

from tmlib.jterator.arrays import BinaryImage, IntensityImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.segment.foreground import distinct_foreground

VERSION = "0.2.0"
COMPATIBLE_VERSIONS = ("0.1.0",)


class Output(NamedTuple):
    """The foreground."""

    mask: BinaryImage
    figure: str


def main(
    image: IntensityImage,
    method: Literal["crosscorr", "niblack", "isodata"],
    kernel_size: Annotated[int, Field(ge=3)] = 111,
    constant: float = 0,
    min_threshold: float | None = None,
    max_threshold: float | None = None,
    plot: bool = False,
) -> Output:
    """Tell foreground from background by a level that follows its surroundings.

    Parameters
    ----------
    image
        Gray values (y, x), best smoothed a little.
    method
        ``crosscorr``: the mean of the neighbourhood weighted with a Gaussian, minus `constant`
        gray values. ``niblack``: its mean plus `constant` standard deviations (Niblack W (1986),
        "An introduction to digital image processing"). ``isodata``: the middle between the means
        of objects and background in the neighbourhood, see
        `tmlib.jterator.segment.foreground`; takes no `constant`.
    kernel_size
        Width of the neighbourhood in pixels, an odd number; several times the diameter of an
        object.
    constant
        Correction of the level, see `method`.
    min_threshold
        Pixels below this gray value are background; no bound if None.
    max_threshold
        Pixels above this gray value are foreground; no bound if None.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If `kernel_size` is even.
    """
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size must be an odd number, not {kernel_size}")
    if method == "isodata":
        mask = distinct_foreground(image, kernel_size)
    else:
        mask = _above_local_level(image, method, kernel_size, constant)
    if min_threshold is not None:
        mask &= image >= min_threshold
    if max_threshold is not None:
        mask |= image > max_threshold
    figure = ""
    if plot:
        figure = image_figure(f"Thresholded ({method})", {"image": image, "mask": mask})
    return Output(mask, figure)


def _above_local_level(
    image: IntensityImage, method: str, kernel_size: int, constant: float
) -> BinaryImage:
    values = image.astype(np.float64)
    if method == "crosscorr":
        # The Gaussian that fills a window of this size, as OpenCV defines it.
        blur = 0.3 * ((kernel_size - 1) / 2 - 1) + 0.8
        radius = kernel_size // 2
        level = ndimage.gaussian_filter(values, blur, radius=radius, mode="nearest") - constant
    else:
        values -= values.mean()
        mean = ndimage.uniform_filter(values, kernel_size, mode="nearest")
        square = ndimage.uniform_filter(values**2, kernel_size, mode="nearest")
        level = mean + constant * np.sqrt(np.maximum(square - mean**2, 0))
    mask: BinaryImage = values > level
    return mask
