"""Moves the outlines of objects outwards or inwards.

Shrinking also moves apart objects that touch; the border of the image is no outline.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from scipy import ndimage
from skimage.segmentation import expand_labels

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.figures import image_figure

VERSION = "0.1.1"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.0.3", "0.1.0")


class Output(NamedTuple):
    """The objects, with the labels that they had; objects that shrink to nothing are gone."""

    expanded_image: LabelImage
    figure: str


def main(
    image: LabelImage, n: Annotated[int, Field(ge=-500, le=500)], plot: bool = False
) -> Output:
    """Expand or shrink objects.

    Parameters
    ----------
    image
        Labels (y, x).
    n
        Distance in pixels by which outlines move: outwards if positive, but not into other
        objects, so that objects meet half way; inwards if negative.
    plot
        Whether to make a figure.
    """
    moved: LabelImage = image
    if n > 0:
        # scikit-image has no types for this function
        moved = expand_labels(image, n)  # type: ignore[no-untyped-call]
    elif n < 0:
        moved = _shrink(image, -n)
    figure = ""
    if plot:
        figure = image_figure(f"Moved by {n}", {"before": image, "after": moved})
    return Output(moved, figure)


def _shrink(labels: LabelImage, n: int) -> LabelImage:
    """Keep the pixels that are more than `n` away from every pixel outside of their object."""
    # Beyond the border of the image an object goes on as it meets the border.
    padded = np.pad(labels, n + 1, mode="edge")
    shrunk = np.zeros_like(padded)
    for label, box in enumerate(ndimage.find_objects(padded), start=1):
        if box is None:
            continue
        own = np.pad(padded[box] == label, 1)
        inner = ndimage.distance_transform_edt(own)[1:-1, 1:-1] > n
        shrunk[box][inner] = label
    margin = slice(n + 1, -n - 1)
    return shrunk[margin, margin]
