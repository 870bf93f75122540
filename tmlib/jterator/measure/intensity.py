"""Statistics of the gray values within objects."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.measure.regions import Regions, gray_values


def intensity(labels: NDArray[np.integer[Any]], image: IntensityImage) -> pd.DataFrame:
    """Measure the gray values of each object.

    Parameters
    ----------
    labels
        Label image (y, x).
    image
        Gray values, of the same shape.

    Returns
    -------
    pandas.DataFrame
        Indexed by label, columns ``Intensity_max``, ``_mean``, ``_min``, ``_sum`` and ``_std``
        (standard deviation of the population), float64.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    regions = Regions.of(labels)
    values = gray_values(regions, image)
    total = regions.sum(values)
    mean = total / regions.area
    variance = regions.sum((values - np.repeat(mean, regions.area)) ** 2) / regions.area
    return pd.DataFrame(
        {
            "Intensity_max": regions.max(values),
            "Intensity_mean": mean,
            "Intensity_min": regions.min(values),
            "Intensity_sum": total,
            "Intensity_std": np.sqrt(variance),
        },
        index=pd.Index(regions.labels, name="label"),
    )
