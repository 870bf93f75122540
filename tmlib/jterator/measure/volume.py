"""Height, volume and surface of objects in a height map."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions, gray_values

_Float = NDArray[np.float64]

_CUBIC_MICROMETERS_PER_PICOLITER = 1000


def morphology_3d(
    labels: NDArray[np.integer[Any]],
    height_image: NDArray[Any],
    *,
    pixel_size: float = 0.1625,
    z_step: float = 0.25,
) -> pd.DataFrame:
    """Measure each object as a solid between the slide and a height map.

    Parameters
    ----------
    labels
        Label image (y, x).
    height_image
        Height of the surface above the slide at each pixel, counted in planes; same shape.
    pixel_size
        Width of a pixel in micrometers.
    z_step
        Distance between planes in micrometers.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, float64: ``Morphology3D_max_height`` and ``_mean_height`` in micrometers,
        ``_volume_pL`` in picoliters, ``_lower_surface_area`` (on the slide),
        ``_upper_surface_area`` and ``_total_surface_area`` (their sum, without the sides) in
        square micrometers.

    Raises
    ------
    ValueError
        If the shapes differ, or the size of a pixel or the distance of planes is not positive.
    """
    for name, value in (("pixel_size", pixel_size), ("z_step", z_step)):
        if not value > 0:
            raise ValueError(f"{name} must be a positive number of micrometers, it is {value}")
    regions = Regions.of(labels)
    heights = gray_values(regions, height_image) * z_step
    total = regions.sum(heights)
    lower = regions.area * pixel_size**2
    upper = regions.sum(_surfaces(regions, heights, pixel_size))
    features = {
        "max_height": regions.max(heights),
        "mean_height": total / regions.area,
        "volume_pL": total * pixel_size**2 / _CUBIC_MICROMETERS_PER_PICOLITER,
        "lower_surface_area": lower,
        "upper_surface_area": upper,
        "total_surface_area": lower + upper,
    }
    return pd.DataFrame(
        {f"Morphology3D_{name}": values for name, values in features.items()},
        index=pd.Index(regions.labels, name="label"),
    )


def _surfaces(regions: Regions, heights: _Float, pixel_size: float) -> _Float:
    """The part of the surface of its object that belongs to each pixel.

    The centres of four adjacent pixels span two triangles, of which each pixel gets a quarter.
    Corners outside of the object are at the mean height of those within: so the surface reaches
    to the edge of the object, and a flat one is as large as the object.
    """
    width = regions.shape[1] + 2
    positions = (regions.y + 1) * width + regions.x + 1
    numbers = np.zeros((regions.shape[0] + 2) * width, np.int64)
    numbers[positions] = regions.index + 1
    surface = np.zeros(len(numbers))
    surface[positions] = heights
    own = regions.index + 1
    area = np.zeros(len(positions))
    for first in (-width - 1, -width, -1, 0):
        corners = [positions + first + step for step in (0, 1, width, width + 1)]
        within = [numbers[corner] == own for corner in corners]
        known = [np.where(w, surface[c], 0.0) for w, c in zip(within, corners, strict=True)]
        mean = sum(known) / sum(w.astype(np.int64) for w in within)
        z = [np.where(w, k, mean) for w, k in zip(within, known, strict=True)]
        for turn in (z[1], z[2]):
            steps = (turn - z[0]) ** 2 + (z[3] - turn) ** 2
            area += np.sqrt(pixel_size**2 + steps) * pixel_size / 2
    quarters: _Float = area / 4
    return quarters
