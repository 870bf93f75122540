"""Follows objects through time: an object keeps the number that it had at the time point before.

Numbers are never used again. An object that was not there before, or one of the daughters of one
that divides, gets a new number. How objects are linked is told in `tmlib.jterator.tracking`.
"""

from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field

from tmlib.jterator.arrays import LabelImage, PreviousObjects
from tmlib.jterator.figures import image_figure
from tmlib.jterator.tracking import link

VERSION = "0.1.0"


class Output(NamedTuple):
    """The objects, with the numbers of their tracks."""

    tracked_image: LabelImage
    figure: str


def main(
    label_image: LabelImage,
    previous_objects: PreviousObjects,
    max_distance: Annotated[float, Field(gt=0)] = 30,
    plot: bool = False,
) -> Output:
    """Number objects as they were numbered at the previous time point.

    Parameters
    ----------
    label_image
        Labels of the objects (y, x).
    previous_objects
        The objects that the pipeline put out for the previous time point.
    max_distance
        How far an object moves at most from one time point to the next, in pixels.
    plot
        Whether to make a figure.

    Raises
    ------
    ValueError
        If the images of the time points differ in shape.
    """
    before = previous_objects.labels
    if before.shape != label_image.shape:
        raise ValueError(
            f"objects of shape {before.shape} at the previous time point cannot be linked to "
            f"objects of shape {label_image.shape}"
        )
    links = link(before, label_image, max_distance)
    found = np.unique(label_image)
    found = found[found > 0]
    track = np.zeros(int(label_image.max(initial=0)) + 1, np.int32)
    track[list(links)] = list(links.values())
    is_new = track[found] == 0
    track[found[is_new]] = previous_objects.largest_label + 1 + np.arange(np.count_nonzero(is_new))
    tracked: LabelImage = track[label_image]
    figure = image_figure("Tracked", {"before": before, "now": tracked}) if plot else ""
    return Output(tracked, figure)
