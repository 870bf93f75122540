"""Separates clumps: objects that touch or overlap so that the mask shows them as one.

A clump is an object whose area, convexity and circularity all lie within the given bounds. It is
cut along the watershed lines between its parts. The method ``shape`` is that of the original, see
`tmlib.jterator.segment.cuts`. With ``intensity`` the image takes part in finding the cuts, so that
overlapping nuclei separated by a dark seam are told apart, too, and the deepest necks are cut
first, see `tmlib.jterator.segment.clumps`.

Cuts are lines of background, so that the pieces are still apart where only the mask counts, in
module ``label`` for example. With ``touching`` no pixel is lost, and only labels tell pieces apart.
"""

from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import IntensityImage, LabelImage, MaskImage
from tmlib.jterator.figures import image_figure
from tmlib.jterator.measure.morphology import form_factors
from tmlib.jterator.segment.clumps import ClumpCriteria, separate
from tmlib.jterator.segment.cuts import cut, joined, parted

VERSION = "0.3.0"
COMPATIBLE_VERSIONS = ("0.2.0", "0.2.1", "0.2.2", "0.2.3")
OLDER_OUTPUTS = {"separated_mask": "separated_label_image"}


class Output(NamedTuple):
    """The objects, numbered from 1 in reading order."""

    separated_label_image: LabelImage
    figure: str


def main(
    mask: MaskImage,
    intensity_image: IntensityImage,
    min_cut_area: Annotated[float, Field(ge=0)] = 2000,
    max_convexity: Annotated[float, Field(ge=0)] = 0.92,
    max_circularity: Annotated[float, Field(ge=0)] = 0.7,
    min_area: Annotated[float, Field(ge=0)] = 5000,
    max_area: Annotated[float, Field(ge=0)] | None = 50000,
    selection_test_mode: bool = False,
    selection_test_show_remaining: bool = False,
    trimming: bool = True,
    method: Literal["shape", "intensity"] = "shape",
    touching: bool = False,
    plot: bool = False,
) -> Output:
    """Cut clumps into the objects that they are made of.

    Parameters
    ----------
    mask
        Foreground (y, x); components that touch at a corner belong together.
    intensity_image
        Gray values of the objects.
    min_cut_area
        Cuts that would make a fragment of fewer pixels are not made.
    max_convexity, max_circularity
        Objects above either are no clumps.
    min_area, max_area
        Smaller or larger objects, in pixels, are no clumps; no upper bound if None.
    selection_test_mode
        Whether the figure shows area, convexity and circularity of each object instead.
    selection_test_show_remaining
        Whether it shows those after the cuts instead of before.
    trimming
        Whether to remove splinters of fewer than 10 pixels that cuts leave behind.
    method
        What the cuts follow: the shape alone, or the shape and the gray values.
    touching
        Whether every pixel belongs to a piece, in place of lines of background between them.
    plot
        Whether to make a figure.
    """
    criteria = ClumpCriteria(
        min_area=min_area,
        max_area=np.inf if max_area is None else max_area,
        max_convexity=max_convexity,
        max_circularity=max_circularity,
        min_cut_area=min_cut_area,
    )
    if method == "shape":
        separated = cut(mask > 0, criteria, trim=trimming)
        if touching:
            separated = joined(separated, mask > 0)
    else:
        separated = separate(mask > 0, intensity_image, criteria, trim=trimming)
        if not touching:
            separated = parted(separated)
    figure = ""
    if plot and selection_test_mode:
        figure = _criteria_figure(mask, separated, remaining=selection_test_show_remaining)
    elif plot:
        figure = image_figure("Separated clumps", {"mask": mask > 0, "objects": separated})
    return Output(separated, figure)


def _criteria_figure(mask: MaskImage, separated: LabelImage, *, remaining: bool) -> str:
    """Each object in the colour of its value, form factors in percent."""
    nothing_is_a_clump = ClumpCriteria(np.inf, np.inf, 0, 0, 0)
    labels = separated
    if not remaining:
        image = np.zeros(mask.shape, np.uint8)
        labels = separate(mask > 0, image, nothing_is_a_clump, trim=False)
    factors = form_factors(labels)
    panels = {}
    for name, values in (
        ("area", factors.area),
        ("convexity in percent", 100 * factors.convexity),
        ("circularity in percent", 100 * np.nan_to_num(factors.circularity)),
    ):
        by_label = np.zeros(int(labels.max()) + 1)
        by_label[factors.labels] = values
        panels[name] = by_label[labels]
    return image_figure("Selection criteria", panels)
