"""HDBSCAN: clusters are dense groups of objects, all others are noise."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import HDBSCAN
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import RobustScaler

from tmlib.tools.base import Progress, in_batches, part_of, some_of

MAX_FITTED = 20_000
"""Number of random objects that are clustered; time grows with its square."""


def find(
    matrix: NDArray[np.float64], min_cluster_size: int, min_samples: int | None, progress: Progress
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Clusters of objects (Campello, Moulavi and Sander 2013), as scikit-learn finds them.

    Beyond :data:`MAX_FITTED`, objects are assigned to the cluster of the nearest clustered object,
    which may be noise. `min_cluster_size` counts only objects that are clustered themselves.

    Parameters
    ----------
    matrix
        Values (n, p), scaled by median and range from the 1st to the 99th percentile first.
    min_cluster_size, min_samples
        See scikit-learn.
    progress
        Called as the work progresses.

    Returns
    -------
    clusters
        Cluster of each object, shape (n,); -1 is noise.
    means
        Mean of the scaled values of each cluster, noise excluded, shape (k, p).
    """
    scaler = RobustScaler(quantile_range=(1, 99)).fit(some_of(matrix, 5 * MAX_FITTED))
    fitted = scaler.transform(some_of(matrix, MAX_FITTED))
    model: Any = HDBSCAN(min_cluster_size=min_cluster_size, min_samples=min_samples, copy=True)
    found = model.fit_predict(fitted)
    means = np.array([fitted[found == label].mean(axis=0) for label in range(found.max() + 1)])
    if len(matrix) == len(fitted):
        return found.astype(np.int64), means
    nearest = KNeighborsClassifier(1).fit(fitted, found)
    clusters = in_batches(
        lambda part: nearest.predict(scaler.transform(part)), matrix, part_of(progress, 0.5, 1)
    )
    return clusters.astype(np.int64), means
