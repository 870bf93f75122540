"""Statistics of the gray values within objects."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.arrays import IntensityImage
from tmlib.jterator.measure.regions import Regions


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
    if labels.shape != image.shape:
        raise ValueError(
            f"objects of shape {labels.shape} cannot be measured in an image of shape {image.shape}"
        )
    regions = Regions.of(labels)
    values = image.ravel()[regions.pixels].astype(np.float64)
    total = regions.sum(values)
    mean = total / regions.area
    variance = regions.sum((values - mean[regions.index]) ** 2) / regions.area
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
