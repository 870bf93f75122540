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
    labels, numbers = np.unique(label_image, return_inverse=True)
    first = 0 if labels.size and labels[0] == 0 else 1
    relabeled = (numbers.reshape(label_image.shape) + first).astype(np.int32)
    figure = image_figure("Relabelled", {"before": label_image, "after": relabeled}) if plot else ""
    return Output(relabeled, figure)
