"""Smooths an image with a low-pass filter.

Means are cut to whole gray values, as in the original. New are `rounding`, which does not make the
image darker, by half a gray value on average, and the filter ``edge_preserving``: a bilateral
filter that takes its range from the noise of the image, so that it keeps edges in 8-bit and 16-bit
images alike, where ``bilateral`` has one number for distances and gray values.
"""

from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy import ndimage
from skimage.restoration import denoise_bilateral

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2")

_ROUNDING = 1e-6


class Output(NamedTuple):
    """The smoothed image, of the same type as the image."""

    smoothed_image: IntensityImage
    figure: str


def main(
    image: IntensityImage,
    filter_name: Literal["average", "gaussian", "median", "bilateral", "edge_preserving"],
    filter_size: Annotated[float, Field(gt=0, le=500)],
    rounding: bool = False,
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
        deviation in pixels for the others; for ``bilateral`` also that of gray values.
    rounding
        Whether means are rounded, in place of cut to whole gray values; those of
        ``edge_preserving`` always are.
    plot
        Whether to make a figure.
    """
    smoothed_image: IntensityImage = np.empty_like(image)
    smoothed = _smooth(image, filter_name, filter_size)
    # What the rounding of sums takes from a whole gray value is none the less there.
    smoothed_image[:] = np.rint(smoothed) if rounding else np.floor(smoothed + _ROUNDING)
    figure = ""
    if plot:
        figure = image_figure(
            f"Smoothed ({filter_name}, {filter_size})",
            {"image": image, "smoothed image": smoothed_image},
        )
    return Output(smoothed_image, figure)


def _smooth(image: IntensityImage, name: str, size: float) -> NDArray[Any]:
    window = max(1, round(size))
    smoothed: NDArray[Any]
    if name == "average":
        smoothed = _average(image.astype(np.float64), window)
    elif name == "median":
        smoothed = ndimage.median_filter(image, window)
    elif name == "gaussian":
        smoothed = ndimage.gaussian_filter(image.astype(np.float64), size)
    elif name == "bilateral":
        smoothed = _bilateral(image.astype(np.float32), size)
    else:
        smoothed = _edge_preserving(image.astype(np.float32), size)
    return smoothed


def _average(image: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Mean of the pixels of each window; at the border of those that there are."""
    # Sums of whole numbers are exact, so that the mean of equal gray values is that gray value.
    sums, counts = image, np.ones_like(image)
    for axis in (0, 1):
        sums, counts = (
            ndimage.correlate1d(each, np.ones(window), axis=axis, mode="constant")
            for each in (sums, counts)
        )
    return sums / counts


def _bilateral(image: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    """Mean of the pixels within 1.5 standard deviations, the closer and more similar the heavier.

    Tomasi C, Manduchi R (1998), "Bilateral filtering for gray and color images", with the window
    and the border (mirrored at the middle of the last pixel) that OpenCV has.
    """
    radius = max(1, round(1.5 * size))
    padded = np.pad(image, radius, mode="reflect")
    change, weights = np.zeros_like(image), np.zeros_like(image)
    height, width = image.shape
    for dy in range(-radius, radius + 1):
        for dx in range(-radius, radius + 1):
            distance = dy * dy + dx * dx
            if distance > radius * radius:
                continue
            difference = padded[radius + dy :, radius + dx :][:height, :width] - image
            weight = np.exp(-(distance + np.square(difference)) / (2 * size * size))
            change += weight * difference
            weights += weight
    return image + change / weights


def _edge_preserving(image: NDArray[np.float32], size: float) -> NDArray[np.float32]:
    largest = float(image.max()) or 1.0
    similar = max(3 * _noise(image), 1.0) / largest
    denoised = denoise_bilateral(image / largest, sigma_color=similar, sigma_spatial=size)
    rounded: NDArray[np.float32] = np.rint(largest * denoised)
    return rounded


def _noise(image: NDArray[np.float32]) -> float:
    """Standard deviation of the noise, from differences of neighbours, most of which are noise."""
    differences = np.abs(np.diff(image, axis=-1))
    return float(np.median(differences)) / (0.6745 * np.sqrt(2)) if differences.size else 0.0
