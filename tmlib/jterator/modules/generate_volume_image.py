"""Makes a height map of cells from a stack that shows beads on their surface.

Beads are blobs in the maximum projection of the stack, see `tmlib.jterator.segment.blobs`; their
height is the focal plane in which they are brightest, counted from the plane of the slide. That
is fitted to the beads outside of the mask. The stack must start at the slide. An image without
beads has the height 0 everywhere.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, IntensityStack, MaskImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.surface import close, find_beads, fit_slide, height_map

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.0.3", "0.0.4")
OLDER_INPUTS = {"bead_area": "bead_size"}


class Output(NamedTuple):
    """Height of the surface above the slide, in whole focal planes, 16 bit; 0 outside the mask."""

    volume_image: IntensityImage
    figure: str


def main(
    image: IntensityStack,
    mask: MaskImage,
    threshold: Annotated[float, Field(gt=0)] = 150,
    bead_size: Annotated[float, Field(ge=1, le=100)] = 2,
    superpixel_size: Annotated[int, Field(ge=1)] = 4,
    close_surface: bool = False,
    close_disc_size: Annotated[int, Field(ge=1, le=100)] = 8,
    plot: bool = False,
) -> Output:
    """Measure how high cells are above the slide.

    Parameters
    ----------
    image
        Gray values of the beads (y, x, z), with the slide at the first planes.
    mask
        Where cells are: True or positive (y, x).
    threshold
        Level above which pixels of the projection, enhanced for spots, belong to a bead, in gray
        values per square pixel.
    bead_size
        Diameter of a bead in pixels.
    superpixel_size
        Side in pixels of the squares of which each keeps its brightest bead only.
    close_surface
        Whether dents of the surface are filled.
    close_disc_size
        Radius in pixels of the disk that finds no room in a dent that is filled.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If the image has a single plane, or beads on cells but none outside of the mask.
    """
    if image.ndim != 3:
        raise ValueError("image must have several focal planes, but it has one")
    beads = find_beads(image, threshold=threshold, size=bead_size, superpixel_size=superpixel_size)
    surface = np.zeros(mask.shape)
    if len(beads) and (mask > 0).any():
        on_slide = mask[beads[:, 0], beads[:, 1]] == 0
        surface = height_map(beads, fit_slide(beads[on_slide]), mask)
    if close_surface:
        surface = np.where(mask > 0, close(surface, close_disc_size), 0)
    volume_image = np.rint(surface).astype(np.uint16)
    figure = ""
    if plot:
        figure = image_figure(
            "Height",
            {"beads": image.max(axis=2), "mask": mask > 0, "volume image": volume_image},
        )
    return Output(volume_image, figure)
