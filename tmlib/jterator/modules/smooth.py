"""Smooths an image with a low-pass filter.

The bilateral filter takes its range from the noise of the image, so that it keeps edges in 8-bit
and 16-bit images alike; elsewhere one number had to serve as distance and as gray value.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage
from skimage.restoration import denoise_bilateral

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")


class Output(NamedTuple):
    """The smoothed image, of the same type as the image."""

    smoothed_image: IntensityImage
    figure: str


def main(
    image: IntensityImage,
    filter_name: Literal["average", "gaussian", "median", "bilateral"],
    filter_size: Annotated[float, Field(gt=0, le=500)],
    plot: bool = False,
) -> Output:
    """Smooth an image.

    Parameters
    ----------
    image
        Gray values (y, x).
    filter_name
        The kind of filter.
    filter_size
        Width of the square window in pixels for ``average`` and ``median`` (rounded), standard
        deviation in pixels for ``gaussian`` and ``bilateral``.
    plot
        Whether to make a figure.
    """
    smoothed = np.rint(_smooth(image.astype(np.float32), filter_name, filter_size))
    smoothed_image: IntensityImage = smoothed.astype(np.uint16)
    if image.dtype == np.uint8:
        smoothed_image = smoothed.astype(np.uint8)
    figure = ""
    if plot:
        figure = image_figure(
            f"Smoothed ({filter_name}, {filter_size})",
            {"image": image, "smoothed image": smoothed_image},
        )
    return Output(smoothed_image, figure)


def _smooth(image: NDArray[np.float32], name: str, size: float) -> NDArray[np.float32]:
    window = max(1, round(size))
    smoothed: NDArray[np.float32]
    if name == "average":
        smoothed = ndimage.uniform_filter(image, window)
    elif name == "median":
        smoothed = ndimage.median_filter(image, window)
    elif name == "gaussian":
        smoothed = ndimage.gaussian_filter(image, size)
    else:
        largest = float(image.max()) or 1.0
        similar = max(3 * _noise(image), 1.0) / largest
        smoothed = largest * denoise_bilateral(
            image / largest, sigma_color=similar, sigma_spatial=size
        )
    return smoothed


def _noise(image: NDArray[np.float32]) -> float:
    """Standard deviation of the noise, from differences of neighbours, most of which are noise."""
    differences = np.abs(np.diff(image, axis=-1))
    return float(np.median(differences)) / (0.6745 * np.sqrt(2)) if differences.size else 0.0
