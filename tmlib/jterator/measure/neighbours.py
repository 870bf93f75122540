"""Which objects lie next to each other."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Integers = NDArray[np.int64]


def neighbours(
    labels: NDArray[np.integer[Any]], *, neighbour_distance: int = 3, touching_distance: int = 3
) -> pd.DataFrame:
    """Count the objects around each object, and see how much of its border they touch.

    Distances are between centres of pixels: 1 if there is nothing in between.

    Parameters
    ----------
    labels
        Label image (y, x).
    neighbour_distance
        Greatest distance in pixels of neighbours.
    touching_distance
        Greatest distance in pixels at which a pixel touches another object.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, float64: ``Neighbours_Neighbours_Count`` and
        ``Neighbours_Fraction_Touching``, the part of the border pixels that touch another object.
        Border pixels have one of their four neighbours outside of the object or of the image.

    Raises
    ------
    ValueError
        If a distance is negative.
    """
    for name, distance in (
        ("neighbour_distance", neighbour_distance),
        ("touching_distance", touching_distance),
    ):
        if distance < 0:
            raise ValueError(f"{name} must not be negative, it is {distance}")
    regions = Regions.of(labels)
    margin = int(max(neighbour_distance, touching_distance, 1))
    numbers, positions, width = _border_pixels(regions, margin)
    own = numbers[positions]

    # Of two pixels of different objects that are closest to each other, both are on a border.
    touches = np.zeros(len(positions), bool)
    latest = np.zeros_like(own)  # the neighbour that a pixel had last, to count it but once
    pairs = [np.zeros(0, np.int64)]
    for step, squared_distance in _steps(margin, width):
        other = numbers[positions + step]
        found = (other > 0) & (other != own)
        if squared_distance <= touching_distance**2:
            touches |= found
        if squared_distance <= neighbour_distance**2:
            found &= other != latest
            latest[found] = other[found]
            pairs.append(np.unique(own[found] * (len(regions) + 1) + other[found]))
    pair = np.unique(np.concatenate(pairs))
    count = np.bincount(pair // (len(regions) + 1), minlength=len(regions) + 1)[1:]
    n_border = np.bincount(own, minlength=len(regions) + 1)[1:]
    n_touching = np.bincount(own, weights=touches, minlength=len(regions) + 1)[1:]
    return pd.DataFrame(
        {
            "Neighbours_Neighbours_Count": count.astype(np.float64),
            "Neighbours_Fraction_Touching": n_touching / n_border,
        },
        index=pd.Index(regions.labels, name="label"),
    )


def _border_pixels(regions: Regions, margin: int) -> tuple[_Integers, _Integers, int]:
    """The numbers of objects, from 1, in a flattened image with a margin; where their borders
    are in it; and its width.
    """
    height, width = (n + 2 * margin for n in regions.shape)
    positions = (regions.y + margin) * width + regions.x + margin
    numbers = np.zeros(height * width, np.int64)
    numbers[positions] = regions.index + 1
    is_border = np.zeros(len(positions), bool)
    for step in (-width, -1, 1, width):
        is_border |= numbers[positions + step] != numbers[positions]
    return numbers, positions[is_border], width


def _steps(radius: int, width: int) -> Iterator[tuple[int, int]]:
    """Steps in a flattened image to all pixels of a disc, with their squared distances."""
    for y in range(-radius, radius + 1):
        for x in range(-radius, radius + 1):
            if 0 < y * y + x * x <= radius * radius:
                yield y * width + x, y * y + x * x
