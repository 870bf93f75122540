"""Numbers the objects of a label image anew, without gaps."""

from typing import NamedTuple

import numpy as np

from tmlib.jterator.arrays import LabelImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.1"


class Output(NamedTuple):
    """The objects, numbered from 1 in the order of the labels that they had."""

    relabeled_image: LabelImage
    figure: str


def main(label_image: LabelImage, plot: bool = False) -> Output:
    """Make labels consecutive.

    Parameters
    ----------
    label_image
        Labels (y, x).
    plot
        Whether to make a figure.
    """
    is_used = np.zeros(int(label_image.max(initial=0)) + 1, bool)
    is_used[label_image] = True
    is_used[0] = False
    number = np.where(is_used, np.cumsum(is_used), 0).astype(np.int32)
    relabeled = number[label_image]
    figure = image_figure("Relabelled", {"before": label_image, "after": relabeled}) if plot else ""
    return Output(relabeled, figure)
