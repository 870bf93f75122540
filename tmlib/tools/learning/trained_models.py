"""Trained models as plain arrays, which predict what scikit-learn predicts.

A model is arrays and a description, never code: it can be kept for years, does not depend on the
version of scikit-learn, and is safe to import. Predictions are computed here with the formulas of
scikit-learn; tests compare the two.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from tmlib.tools.payloads import MAX_LISTED, Color, FeatureName

Arrays = Mapping[str, NDArray[Any]]

Kind = Literal["forest", "svm", "logistic", "centres"]

MAX_CLASSES = 1000

_CELLS_PER_BATCH = 20_000_000
"""How many distances are in memory at once."""


class ModelClass(BaseModel):
    """A class of a model: the label of its objects, its name and colour."""

    model_config = ConfigDict(frozen=True)

    label: str = Field(pattern=r"^-?[0-9]{1,6}(\.0)?$")
    name: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")
    color: Color | None = None


class ModelDescription(BaseModel):
    """How and on what a model was trained.

    ``parameters`` are those of the method, ``versions`` are versions of libraries by their name,
    ``n_training_objects`` is the number of training objects per class, or of all if there are no
    classes.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    tool_name: str = Field(min_length=1, max_length=50)
    tool_version: int = Field(ge=1, le=1000)
    method: str = Field(min_length=1, max_length=50)
    mapobject_type_name: str = Field(min_length=1, max_length=255, pattern=r"^[^\x00]*$")
    features: tuple[FeatureName, ...] = Field(min_length=1, max_length=MAX_LISTED)
    classes: tuple[ModelClass, ...] = Field(min_length=1, max_length=MAX_CLASSES)
    parameters: dict[str, float]
    n_training_objects: dict[str, int]
    scaling: Literal["none", "median and range from the 1st to the 99th percentile"]
    versions: dict[Annotated[str, Field(max_length=50)], Annotated[str, Field(max_length=50)]]


@dataclass(frozen=True)
class TrainedModel:
    """A model of k classes and p features.

    Attributes
    ----------
    description
        How and on what it was trained.
    arrays
        What it has learned. All but a forest have ``center`` and ``scale`` (p,), which values are
        brought to first. Further:

        forest
            All nodes of all trees: ``first_node`` (t + 1,) of each tree, ``left`` and ``right``
            child counted within the tree (-1 in a leaf), ``feature``, ``threshold``, and
            ``shares`` (nodes, k) of the classes.
        svm
            ``support_vectors`` (s, p), sorted by class; ``n_support`` (k,); ``dual_coefficients``
            (k - 1, s); ``intercepts`` (k (k - 1) / 2,); ``gamma`` (1,).
        logistic
            ``coefficients`` (k, p), or (1, p) of two classes, and ``intercepts``.
        centres
            ``centres`` (k, p).
    training_objects
        Ids of the objects and the class of each, shape (m, 2), where examples were given.
    """

    description: ModelDescription
    arrays: Arrays
    training_objects: NDArray[np.int64]

    def predict(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Classes (n,) of values (n, p), which must be finite."""
        if self.description.kind != "forest":
            values = (values - self.arrays["center"]) / self.arrays["scale"]
        return _PREDICT[self.description.kind](self.arrays, values)


def _predict_forest(arrays: Arrays, values: NDArray[np.float64]) -> NDArray[np.int64]:
    # scikit-learn compares single-precision values with double-precision thresholds
    single = values.astype(np.float32)
    total = np.zeros((len(values), arrays["shares"].shape[1]))
    bounds = arrays["first_node"]
    for start, end in pairwise(bounds):
        tree = {name: arrays[name][start:end] for name in _NODES}
        total += tree["shares"][_leaves(tree, single)]
    return np.asarray(total.argmax(axis=1))


_NODES = ("left", "right", "feature", "threshold", "shares")


def _leaves(tree: Arrays, values: NDArray[np.float32]) -> NDArray[np.int64]:
    """The leaf of a tree that each row ends in, shape (n,)."""
    left, right = tree["left"].astype(np.int64), tree["right"].astype(np.int64)
    nodes = np.zeros(len(values), np.int64)
    moving = np.arange(len(values)) if left[0] >= 0 else np.empty(0, np.int64)
    while len(moving):
        at = nodes[moving]
        goes_left = values[moving, tree["feature"][at]] <= tree["threshold"][at]
        nodes[moving] = np.where(goes_left, left[at], right[at])
        moving = moving[left[nodes[moving]] >= 0]
    return nodes


def _predict_svm(arrays: Arrays, values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Every pair of classes votes, as in LIBSVM (Chang and Lin 2011)."""
    ends = np.cumsum(arrays["n_support"])
    of_class = [slice(end - n, end) for end, n in zip(ends, arrays["n_support"], strict=True)]
    coefficients, intercepts = arrays["dual_coefficients"], iter(arrays["intercepts"])
    kernel = np.exp(-arrays["gamma"][0] * _squared_distances(values, arrays["support_vectors"]))
    votes = np.zeros((len(values), len(of_class)), np.int64)
    for one in range(len(of_class)):
        for other in range(one + 1, len(of_class)):
            mine, theirs = of_class[one], of_class[other]
            decision = kernel[:, mine] @ coefficients[other - 1, mine]
            decision += kernel[:, theirs] @ coefficients[one, theirs]
            is_one = decision + next(intercepts) > 0
            votes[is_one, one] += 1
            votes[~is_one, other] += 1
    return np.asarray(votes.argmax(axis=1))


def _predict_logistic(arrays: Arrays, values: NDArray[np.float64]) -> NDArray[np.int64]:
    scores = values @ arrays["coefficients"].T + arrays["intercepts"]
    if scores.shape[1] == 1:
        return (scores[:, 0] > 0).astype(np.int64)
    return np.asarray(scores.argmax(axis=1))


def _predict_centres(arrays: Arrays, values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(_squared_distances(values, arrays["centres"]).argmin(axis=1))


def _squared_distances(
    values: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Shape (n, m) of rows (n, p) and (m, p)."""
    squares = (values**2).sum(axis=1)[:, None] + (others**2).sum(axis=1)
    return np.asarray(np.maximum(squares - 2 * values @ others.T, 0))


_PREDICT: dict[str, Callable[[Arrays, NDArray[np.float64]], NDArray[np.int64]]] = {
    "forest": _predict_forest,
    "svm": _predict_svm,
    "logistic": _predict_logistic,
    "centres": _predict_centres,
}


def rows_per_batch(model: TrainedModel) -> int:
    """Number of rows to predict at once in limited memory."""
    widest = max(len(model.description.features), len(model.arrays.get("support_vectors", ())))
    return max(1, min(100_000, _CELLS_PER_BATCH // widest))
