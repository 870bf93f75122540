"""Gabor features: how much of a regular pattern of stripes there is in an object."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions

_Float = NDArray[np.float64]


def gabor_names(frequencies: Sequence[int]) -> list[str]:
    """Names of the features, in the order of the columns."""
    return [f"Gabor-frequency-{frequency}" for frequency in frequencies]


def gabor(regions: Regions, values: _Float, frequencies: Sequence[int]) -> _Float:
    """Response of each object (rows) to stripes of each frequency (columns).

    The Gabor function lies on the centroid of the object, its Gaussian has a third of the radius
    of a disc of the same area. "Frequency", the name that CellProfiler gave it, is the distance
    between stripes in pixels. Of the four orientations, in steps of 45 degrees, the one with the
    strongest response counts. The mean of the object is subtracted, so that brightness does not
    matter (Fogel I, Sagi D (1989), "Gabor filters as texture discriminator").

    The response is the magnitude of a sum, for which it is all the same where the stripes begin:
    so they may begin at a pixel. Then pixels with the same distance across the stripes have the
    same weight, and are summed before the stripes of any frequency are laid over them.

    Parameters
    ----------
    regions
        Pixels of the objects.
    values
        Gray value of each pixel of the regions.
    frequencies
        Distances between stripes, in pixels.
    """
    if not len(regions) or not frequencies:
        return np.zeros((len(regions), len(frequencies)))
    area, y, x = regions.area, regions.local_y, regions.local_x
    variance = (area / np.pi) / 9
    squared_distance = (y - np.repeat(regions.sum(y) / area, area)) ** 2
    squared_distance += (x - np.repeat(regions.sum(x) / area, area)) ** 2
    weights = np.exp(squared_distance / np.repeat(-2 * variance, area))
    weights *= values - np.repeat(regions.sum(values) / area, area)
    scale = 1000 / (2 * np.pi * variance)

    best = np.zeros((len(regions), len(frequencies)))
    wide = np.repeat(regions.width - 1, area)
    for across, spacing in (
        (y, 1.0),
        (x + y, np.sqrt(0.5)),
        (x, 1.0),
        (wide - x + y, np.sqrt(0.5)),
    ):
        best = np.maximum(best, _responses(regions, weights, across, spacing, frequencies))
    return best * scale[:, None]


def _responses(
    regions: Regions,
    weights: _Float,
    across: NDArray[np.int64],
    spacing: float,
    frequencies: Sequence[int],
) -> _Float:
    """Magnitudes of the sums of weights times stripes, `across` steps of `spacing` apart."""
    lengths = regions.max(across) + 1
    starts = np.cumsum(lengths) - lengths
    profiles = np.bincount(
        across + np.repeat(starts, regions.area), weights=weights, minlength=int(lengths.sum())
    )
    steps = np.arange(lengths.max())
    position = np.arange(len(profiles)) - np.repeat(starts, lengths)
    responses = np.empty((len(regions), len(frequencies)))
    for column, frequency in enumerate(frequencies):
        stripes = np.exp(2j * np.pi / frequency * spacing * steps)
        sums = np.add.reduceat(profiles * stripes[position], starts)
        responses[:, column] = np.abs(sums)
    return responses
