"""Combines two masks pixel by pixel."""

from typing import Literal, NamedTuple

import numpy as np

from tmlib.jterator.arrays import BinaryImage, MaskImage
from tmlib.jterator.figures import image_figure

VERSION = "0.0.2"
COMPATIBLE_VERSIONS = ("0.0.1",)

_OPERATIONS = {"AND": np.logical_and, "OR": np.logical_or, "EXCLUSIVE_OR": np.logical_xor}


class Output(NamedTuple):
    """The combined foreground."""

    combined_mask: BinaryImage
    figure: str


def main(
    mask_1: MaskImage,
    mask_2: MaskImage,
    logical_operation: Literal["AND", "OR", "EXCLUSIVE_OR"],
    plot: bool = False,
) -> Output:
    """Combine two masks.

    Parameters
    ----------
    mask_1, mask_2
        Foreground is True or positive (y, x).
    logical_operation
        ``AND`` for what is foreground in both, ``OR`` for what is in at least one,
        ``EXCLUSIVE_OR`` for what is in one but not in the other.
    plot
        Whether to make a figure.
    """
    combined: BinaryImage = _OPERATIONS[logical_operation](mask_1 > 0, mask_2 > 0)
    figure = ""
    if plot:
        figure = image_figure(
            f"Combined ({logical_operation})",
            {"mask 1": mask_1 > 0, "mask 2": mask_2 > 0, "combined mask": combined},
        )
    return Output(combined, figure)
