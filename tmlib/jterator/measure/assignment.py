"""Hands the features of measured objects on to the objects that enclose them."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tmlib.jterator.measure.regions import Regions


def assign(
    features: pd.DataFrame,
    measured: NDArray[np.integer[Any]],
    reference: NDArray[np.integer[Any]],
    *,
    aggregate: bool,
) -> pd.DataFrame:
    """The features, one row per reference object.

    Parameters
    ----------
    features
        Values of the measured objects, indexed by label.
    measured
        Label image (y, x) of the measured objects.
    reference
        Label image of the objects that get the values, of the same shape.
    aggregate
        If False, each measured object must lie within the reference object of the same label,
        which gets its values; reference objects without a measured one get NaN.
        If True, reference objects get ``Count``, the number of measured objects in them, and
        ``Mean_``, ``Std_`` (of the population) and ``Sum_`` of each feature. NaN values are left
        out; without any object mean and standard deviation are NaN and sums 0.

    Raises
    ------
    ValueError
        If a measured object is not enclosed by its reference object.
    """
    if measured.shape != reference.shape:
        raise ValueError(
            f"objects of shape {measured.shape} and {reference.shape} cannot be compared"
        )
    regions = Regions.of(measured)
    parents = reference.ravel()[regions.pixels].astype(np.int64)
    reference_labels = np.unique(reference[reference > 0]).astype(np.int64)
    index = pd.Index(reference_labels, name="label")
    if not aggregate:
        stray = parents != regions.labels[regions.index]
        if stray.any():
            label = regions.labels[regions.index[stray.argmax()]]
            raise ValueError(
                f"object {label} is not enclosed by the object of the same label that should get "
                "its values; set aggregate to true if objects may hold several others"
            )
        return features.reindex(index)
    parent = regions.min(parents)
    strays = np.flatnonzero((parent != regions.max(parents)) | (parent == 0))
    if strays.size:
        raise ValueError(
            f"object {regions.labels[strays[0]]} does not lie in exactly one of the objects that "
            "should get the summarised values"
        )
    return _aggregate(features.reindex(regions.labels), parent, index)


def _aggregate(
    features: pd.DataFrame, parent: NDArray[np.int64], index: "pd.Index[int]"
) -> pd.DataFrame:
    """Summaries of the rows of `features` by the label of their parent."""
    groups = features.groupby(parent)
    columns = {"Count": groups.size().reindex(index, fill_value=0).astype(np.float64)}
    mean, std, total = groups.mean(), groups.std(ddof=0), groups.sum()
    for name in features.columns:
        columns[f"Mean_{name}"] = mean[name].reindex(index)
        columns[f"Std_{name}"] = std[name].reindex(index)
        columns[f"Sum_{name}"] = total[name].reindex(index, fill_value=0.0)
    return pd.DataFrame(columns, index=index)
