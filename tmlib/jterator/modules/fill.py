"""Fills the holes of the objects in a mask.

What reaches the border of the image over a corner is no hole, as in the original, unless
`connectivity` is 4. With `max_area` gaps that a ring of touching objects encloses stay open.
"""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from tmlib.jterator.arrays import BinaryImage, MaskImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.segment.nuclei import fill_holes

VERSION = "0.0.1"
COMPATIBLE_VERSIONS = ("0.0.2",)


class Output(NamedTuple):
    """The foreground without holes."""

    filled_mask: BinaryImage
    figure: str


def main(
    mask: MaskImage,
    max_area: Annotated[float, Field(ge=0)] | None = None,
    connectivity: Literal[4, 8] = 8,
    plot: bool = False,
) -> Output:
    """Make background foreground that has no way to the border of the image.

    Parameters
    ----------
    mask
        Foreground is True or positive (y, x).
    max_area
        Largest hole that is filled, in pixels; all holes if None.
    connectivity
        8 if background that touches at a corner is connected, 4 if not.
    plot
        Whether to make a figure.
    """
    foreground = mask > 0
    filled = fill_holes(foreground, max_area, connectivity=connectivity)
    figure = ""
    if plot:
        figure = image_figure("Filled", {"mask": foreground, "filled mask": filled})
    return Output(filled, figure)
