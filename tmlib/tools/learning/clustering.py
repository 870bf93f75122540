"""Clustering: groups of similar objects."""

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
    Finding,
    Progress,
    Tool,
    in_batches,
    one_thread,
    part_of,
    some_of,
)
from tmlib.tools.labels import Labels
from tmlib.tools.learning.trained_models import ModelClass, ModelDescription, TrainedModel
from tmlib.tools.payloads import FeaturesPayload, Part
from tmlib.tools.values import Values

MAX_FITTED = 100_000
"""Number of random objects from which centres are computed; all are assigned to these."""

NOISE = "-1"
"""Label of objects that belong to no cluster."""

_MAX_PROFILES = 200


class KMeansOptions(Part):
    """Groups around k centres (Lloyd 1982, begun as in Arthur and Vassilvitskii 2007)."""

    method: Literal["kmeans"]
    k: int = Field(ge=2, le=1000, title="Clusters", description="Number of clusters.")


class HdbscanOptions(Part):
    """Groups where objects lie densely, and noise between them (Campello and others 2013)."""

    method: Literal["hdbscan"]
    min_cluster_size: int = Field(
        default=50,
        ge=2,
        le=10_000,
        title="Least size",
        description="Least number of objects in a cluster.",
    )
    min_samples: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        title="Neighbours",
        description="Neighbours that tell how dense it is; the more, the more noise.",
    )


class ClusteringPayload(FeaturesPayload):
    """Which features count, and how to cluster."""

    options: KMeansOptions | HdbscanOptions = Field(discriminator="method")


class Clustering(Tool[ClusteringPayload]):
    """Labels objects with the number of their cluster."""

    name = "Clustering"
    icon = "CLU"
    description = "Groups objects that have similar feature values."
    methods = ("kmeans", "hdbscan")
    payload_type = ClusteringPayload

    def check(self, session: Session, payload: ClusteringPayload, objects: ChosenObjects) -> None:
        """Check that there are enough objects for all clusters, or for one of the smallest size."""
        _check_size(payload, objects.n_objects, "")

    def compute(
        self, payload: ClusteringPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Scale the values, find clusters, and assign all objects to them."""
        complete = values.complete()
        _check_size(payload, len(complete.matrix), " with values of all features")
        with one_thread():
            if payload.options.method == "hdbscan":
                return _hdbscan(payload.options, values, complete, progress)
            return _kmeans(payload, payload.options.k, values, complete, progress)


def _check_size(payload: ClusteringPayload, n_objects: int, which: str) -> None:
    options = payload.options
    if options.method == "kmeans":
        if options.k > n_objects:
            raise BadInput(
                f"{options.k} clusters cannot be made of {n_objects} objects{which}: choose a "
                "smaller k."
            )
        return
    least = max(options.min_cluster_size, options.min_samples or 0)
    if least > n_objects:
        raise BadInput(
            f"There are {n_objects} objects{which}, but {least} are needed for one cluster: choose "
            "a smaller min_cluster_size or min_samples."
        )


def _kmeans(
    payload: ClusteringPayload, k: int, values: Values, complete: Values, progress: Progress
) -> Finding:
    model = _fit(complete.matrix, k)
    progress(0.5)
    codes = in_batches(model.predict, complete.matrix, part_of(progress, 0.5, 1))
    texts = tuple(str(number) for number in range(k))
    n_fitted = min(len(complete.matrix), MAX_FITTED)
    return _finding(
        values,
        Labels(complete.mapobject_ids, complete.tpoints, codes, texts),
        n_fitted,
        model[-1].cluster_centers_,
        _trained(payload, model, texts, n_fitted),
    )


def _hdbscan(
    options: HdbscanOptions, values: Values, complete: Values, progress: Progress
) -> Finding:
    from tmlib.tools.learning import density_clusters

    clusters, means = density_clusters.find(
        complete.matrix, options.min_cluster_size, options.min_samples, progress
    )
    texts = (NOISE, *(str(number) for number in range(len(means))))
    return _finding(
        values,
        Labels(complete.mapobject_ids, complete.tpoints, clusters + 1, texts),
        min(len(complete.matrix), density_clusters.MAX_FITTED),
        means,
    )


def _finding(
    values: Values,
    labels: Labels,
    n_fitted: int,
    centers: NDArray[np.float64],
    model: TrainedModel | None = None,
) -> Finding:
    """The result; `centers` has a row for each cluster, but none for noise."""
    texts = labels.texts or ()
    sizes = np.bincount(labels.values, minlength=len(texts)).tolist()
    counts = dict(zip(texts, sizes, strict=True))
    clusters = [text for text in texts if text != NOISE][:_MAX_PROFILES]
    figures = [plots.sizes(counts)]
    if clusters:
        shown = centers[: len(clusters)]
        figures.insert(0, plots.profiles(shown, clusters, values.features))
    return Finding(
        type="ScalarToolResult",
        attributes={
            "unique_labels": [int(text) for text in texts],
            "counts": counts,
            **values.counts(),
            "n_fitted": n_fitted,
        },
        labels=labels,
        plots=figures,
        model=model,
    )


def _fit(matrix: NDArray[np.float64], k: int) -> Any:
    """Fit a scikit-learn pipeline that scales values and assigns them to centres."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), KMeans(k, n_init=10, random_state=SEED)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # told in one sentence below
        model.fit(some_of(matrix, MAX_FITTED))
    n_found = len(np.unique(model[-1].labels_))
    if n_found < k:
        raise BadInput(
            f"The objects have only {n_found} different combinations of values: choose a k of "
            f"at most {n_found}, or more features."
        )
    return model


def _trained(
    payload: ClusteringPayload, model: Any, texts: tuple[str, ...], n_fitted: int
) -> TrainedModel:
    from tmlib.tools.learning import extraction

    kind, arrays = extraction.arrays_of(model)
    description = ModelDescription(
        kind=kind,
        tool_name=Clustering.name,
        tool_version=Clustering.version,
        method=payload.options.method,
        mapobject_type_name=payload.chosen_object_type,
        features=payload.features,
        classes=tuple(ModelClass(label=text, name=f"cluster {text}") for text in texts),
        parameters={"k": len(texts)},
        n_training_objects={"all clusters": n_fitted},
        scaling=extraction.SCALED,
        versions=extraction.versions(),
    )
    return TrainedModel(description, arrays, np.empty((0, 2), np.int64))
