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
        If False, each measured object must lie in the reference object of the same label, with
        one pixel at least, which gets its values; reference objects without a measured one get
        NaN.
        If True, reference objects get ``Count``, the number of measured objects in them, and
        ``Mean_``, ``Std_`` (of the population) and ``Sum_`` of each feature. An object that lies
        in several counts in each of them, one that lies in none counts nowhere. NaN values are
        left out; without any object mean and standard deviation are NaN and sums 0.

    Raises
    ------
    ValueError
        If values cannot be handed on by label, because a measured object has no pixel in the
        reference object of its label.
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
        strays = ~regions.max(parents == regions.labels[regions.index])
        if strays.any():
            raise ValueError(
                f"object {regions.labels[strays.argmax()]} does not lie in the object of the same "
                "label that should get its values; set aggregate to true if objects may hold "
                "several others"
            )
        return features.reindex(index)
    inside = parents > 0
    pairs = np.unique(parents[inside] * len(regions) + regions.index[inside])
    parent, child = np.divmod(pairs, max(len(regions), 1))
    return _aggregate(features.reindex(regions.labels[child]), parent, index)


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
