"""Registers objects, so that they can be measured and kept.

Labels stay as they are: objects that belong together, a nucleus and its cell, share their number.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from tmlib.jterator.arrays import LabelImage, MaskImage

VERSION = "0.1.0"
COMPATIBLE_VERSIONS = ("0.0.1", "0.0.2", "0.0.3")


class Output(NamedTuple):
    """The objects."""

    objects: LabelImage


def main(mask: MaskImage) -> Output:
    """Register the objects of a label image, or the connected components of a binary mask.

    Parameters
    ----------
    mask
        Labels, or a binary mask (y, x) whose components are taken as objects; pixels that touch
        at a corner alone do not belong together.
    """
    if mask.dtype == np.bool_:
        labels, _ = ndimage.label(mask, output=np.int32)
        return Output(labels)
    return Output(mask.astype(np.int32))
