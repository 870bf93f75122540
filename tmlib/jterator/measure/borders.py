"""Lengths of the borders of objects."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.crops import crops
from tmlib.jterator.measure.regions import Regions

# Length of the border at a border pixel, by its number of direct and of diagonal neighbours on the
# border: straight, diagonal, or the mean of both where it turns.
_STEP_LENGTHS = np.zeros((5, 5))
_STEP_LENGTHS[2:4, 0:3] = 1
_STEP_LENGTHS[[0, 1], [2, 3]] = np.sqrt(2)
_STEP_LENGTHS[1, 1:3] = (1 + np.sqrt(2)) / 2


class Borders(NamedTuple):
    """Length of the border and number of its pixels, of each object."""

    perimeter: NDArray[np.float64]
    n_pixels: NDArray[np.int64]


def borders(regions: Regions) -> Borders:
    """Perimeters, and numbers of pixels with a 4-neighbour outside of the object.

    Border pixels are weighted by their neighbours on the border (Benkrid K, Crookes D (2000),
    "Design and FPGA implementation of a perimeter estimator").
    """
    counts = np.empty((len(regions), _STEP_LENGTHS.size), np.int64)
    for part in crops(regions, margin=2):
        mask = part.mask()
        middle = slice(1, -1)
        inner = mask[:, :-2, middle] & mask[:, 2:, middle]
        inner &= mask[:, middle, :-2] & mask[:, middle, 2:]
        border = mask[:, middle, middle] & ~inner
        bits = border.view(np.uint8)
        vertical = bits[:, :-2] + bits[:, 2:]
        direct = vertical[:, :, middle] + bits[:, middle, :-2] + bits[:, middle, 2:]
        diagonal = vertical[:, :, :-2] + vertical[:, :, 2:]
        pixels = np.flatnonzero(border[:, middle, middle])
        steps = (direct * np.uint8(5) + diagonal).ravel()[pixels]
        bins = pixels // (direct.shape[1] * direct.shape[2]) * _STEP_LENGTHS.size + steps
        counts[part.objects] = np.bincount(
            bins, minlength=len(part.objects) * _STEP_LENGTHS.size
        ).reshape(-1, _STEP_LENGTHS.size)
    return Borders((counts * _STEP_LENGTHS.ravel()).sum(axis=1), counts.sum(axis=1))
