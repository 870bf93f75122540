"""Detects blobs: small bright spots, such as single molecules of RNA.

How they are found is told in `tmlib.jterator.segment.blobs`. Every centroid lies in its blob, and
no blob reaches from one object of a labelled mask into another, so that blobs and centroids can
be summarised for the objects that enclose them.
"""

from typing import Annotated, NamedTuple

from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage, MaskImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.segment.blobs import detect, enhance

VERSION = "0.6.0"
COMPATIBLE_VERSIONS = ("0.5.0", "0.5.1")


class Output(NamedTuple):
    """The blobs, numbered from 1 in reading order, and the pixels that are their centroids."""

    centroids: LabelImage
    blobs: LabelImage
    figure: str


def main(
    image: IntensityImage,
    mask: MaskImage,
    threshold: Annotated[float, Field(gt=0)] = 1,
    min_area: Annotated[float, Field(ge=1)] = 5,
    mean_area: Annotated[float, Field(ge=2, le=500)] = 5,
    max_area: Annotated[float, Field(ge=1)] = 100,
    plot: bool = False,
) -> Output:
    """Find blobs in an image.

    Parameters
    ----------
    image
        Gray values (y, x).
    mask
        Where blobs are searched: True or positive (y, x).
    threshold
        Level above which pixels of the enhanced image, in gray values per square pixel, belong to
        a blob.
    min_area
        Pixels that a blob has at least.
    mean_area
        Typical area of a blob in pixels, which is also the width of the window in which the image
        is enhanced.
    max_area
        Blobs with more pixels are left out.
    plot
        Whether to make a figure.
    """
    response = enhance(image, mean_area)
    found = detect(response, mask, threshold=threshold, min_area=min_area, max_area=max_area)
    figure = ""
    if plot:
        figure = image_figure(
            "Blobs",
            {
                "image": image,
                "enhanced image": response.clip(0).astype("uint32"),
                "blobs": found.blobs,
            },
        )
    return Output(found.centroids, found.blobs, figure)
