"""Registers the objects of a label image that was uploaded as a channel."""

from typing import NamedTuple

import numpy as np

from tmlib.jterator.arrays import IntensityImage, LabelImage

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1",)


class Output(NamedTuple):
    """The objects."""

    objects: LabelImage


def main(mask: IntensityImage) -> Output:
    """Register objects of which a channel holds the labels.

    Parameters
    ----------
    mask
        Gray values that are labels (y, x), background 0. The channel must not be corrected for
        illumination.
    """
    return Output(mask.astype(np.int32))
