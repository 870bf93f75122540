"""Clustering: groups of objects that resemble each other."""

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.tools import plots
from tmlib.tools.base import (
    SEED,
    ChosenObjects,
    FeaturesPayload,
    Finding,
    Part,
    Tool,
    in_batches,
    one_thread,
)
from tmlib.tools.labels import Labels
from tmlib.tools.values import Values

MAX_FITTED = 100_000
"""On how many objects, chosen by chance, the centres are found; all are assigned to them."""


class KMeansOptions(Part):
    """Groups around k centres (Lloyd 1982, begun as in Arthur and Vassilvitskii 2007)."""

    method: Literal["kmeans"]
    k: int = Field(ge=2, le=1000, description="Number of clusters.")


class ClusteringPayload(FeaturesPayload):
    """Which features count, and how to cluster."""

    options: KMeansOptions


class Clustering(Tool[ClusteringPayload]):
    """Labels objects with the number of their cluster."""

    name = "Clustering"
    icon = "CLU"
    description = "Groups objects that have similar feature values."
    methods = ("kmeans",)
    payload_type = ClusteringPayload

    def check(self, session: Session, payload: ClusteringPayload, objects: ChosenObjects) -> None:
        """There must be at least as many objects as clusters."""
        _check_size(payload.options.k, objects.n_objects, "")

    def compute(
        self, payload: ClusteringPayload, objects: ChosenObjects, values: Values
    ) -> Finding:
        """Scale the values, find the centres, assign all objects."""
        k = payload.options.k
        complete = values.complete()
        _check_size(k, len(complete.matrix), " with values of all features")
        with one_thread():
            model = _fit(complete.matrix, k)
            codes = in_batches(model.predict, complete.matrix)
        texts = tuple(str(number) for number in range(k))
        sizes = np.bincount(codes, minlength=k).tolist()
        counts = dict(zip(texts, sizes, strict=True))
        return Finding(
            type="ScalarToolResult",
            attributes={
                "unique_labels": list(range(k)),
                "counts": counts,
                **values.counts(),
                "n_fitted": min(len(complete.matrix), MAX_FITTED),
            },
            labels=Labels(complete.mapobject_ids, complete.tpoints, codes, texts),
            plots=[
                plots.profiles(model[-1].cluster_centers_, texts, values.features),
                plots.sizes(counts),
            ],
        )


def _check_size(k: int, n_objects: int, which: str) -> None:
    if k > n_objects:
        raise BadInput(
            f"{k} clusters cannot be made of {n_objects} objects{which}: choose a smaller k."
        )


def _fit(matrix: NDArray[np.float64], k: int) -> Any:
    """A pipeline of scikit-learn that scales values and knows the centres."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    if len(matrix) > MAX_FITTED:
        random = np.random.default_rng(SEED)
        matrix = matrix[np.sort(random.choice(len(matrix), MAX_FITTED, replace=False))]
    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), KMeans(k, n_init=10, random_state=SEED)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in one sentence below
        model.fit(matrix)
    n_found = len(np.unique(model[-1].labels_))
    if n_found < k:
        raise BadInput(
            f"The objects have only {n_found} different combinations of values: choose a k of "
            f"at most {n_found}, or more features."
        )
    return model
