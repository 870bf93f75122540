"""Extracts what scikit-learn's estimators have learned, as plain arrays."""

from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tmlib.tools.learning.trained_models import Kind

SCALED: Literal["median and range from the 1st to the 99th percentile"] = (
    "median and range from the 1st to the 99th percentile"
)
UNSCALED: Literal["none"] = "none"


def versions() -> dict[str, str]:
    """Versions of the libraries that train models."""
    return {name: version(name) for name in ("scikit-learn", "numpy")}


def arrays_of(estimator: Any) -> tuple[Kind, dict[str, NDArray[Any]]]:
    """Kind and arrays of an estimator, or of a pipeline that scales values first.

    See :class:`tmlib.tools.learning.trained_models.TrainedModel` for what the arrays are.
    """
    if not hasattr(estimator, "steps"):
        return "forest", _forest(estimator)
    (_, scaler), (_, last) = estimator.steps
    scaling = {"center": scaler.center_, "scale": scaler.scale_}
    if hasattr(last, "cluster_centers_"):
        return "centres", scaling | {"centres": last.cluster_centers_}
    if hasattr(last, "support_vectors_"):
        return "svm", scaling | _svm(last)
    return "logistic", scaling | {"coefficients": last.coef_, "intercepts": last.intercept_}


def _forest(forest: Any) -> dict[str, NDArray[Any]]:
    trees = [estimator.tree_ for estimator in forest.estimators_]
    sizes = [tree.node_count for tree in trees]
    return {
        "first_node": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        "left": np.concatenate([tree.children_left for tree in trees]).astype(np.int32),
        "right": np.concatenate([tree.children_right for tree in trees]).astype(np.int32),
        "feature": np.concatenate([tree.feature for tree in trees]).astype(np.int32),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "shares": np.concatenate([tree.value[:, 0, :] for tree in trees]),
    }


def _svm(svm: Any) -> dict[str, NDArray[Any]]:
    # with two classes, scikit-learn inverts the sign of LIBSVM's coefficients
    sign = -1.0 if len(svm.classes_) == 2 else 1.0
    return {
        "support_vectors": svm.support_vectors_,
        "n_support": svm.n_support_.astype(np.int64),
        "dual_coefficients": sign * svm.dual_coef_,
        "intercepts": sign * svm.intercept_,
        "gamma": np.array([svm.gamma], dtype=np.float64),
    }
