"""Choosing, training and testing classifiers of scikit-learn; only workers need the library."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Trained:
    """A trained classifier of k classes and p features, and its accuracy.

    Attributes
    ----------
    estimator
        scikit-learn's, which predicts classes (n,) of values (n, p).
    parameters
        Parameters of the estimator, given or found by the search.
    accuracies
        Fraction of the held-out objects that were classified correctly, per fold.
    confusion
        Shape (k, k): number of held-out objects by true class (row) and predicted class (column).
    importances
        Shape (p,). For a forest the decrease of impurity, otherwise the loss of accuracy on the
        training objects when the values of the feature are permuted.
    """

    estimator: Any
    parameters: dict[str, Any]
    accuracies: NDArray[np.float64]
    confusion: NDArray[np.int64]
    importances: NDArray[np.float64]


def train(
    method: str,
    values: NDArray[Any],
    classes: NDArray[np.int64],
    *,
    groups: NDArray[np.int64],
    n_folds: int,
    seed: int,
) -> Trained:
    """Train a classifier with examples.

    Parameters
    ----------
    method
        ``randomforest``, ``svm`` or ``logisticregression``.
    values, classes
        Values and classes of the n examples, shapes (n, p) and (n,).
    groups
        Shape (n,): examples of the same group, one object at several time points, are held out
        together.
    n_folds
        Number of folds of the cross-validation that tests the classifier and tunes its parameters.
    seed
        Seed of random numbers.
    """
    from sklearn.base import clone
    from sklearn.metrics import accuracy_score, confusion_matrix
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold

    splitter = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed)
    folds = list(splitter.split(values, classes, groups))
    estimator, grid = _ESTIMATORS[method](seed)
    model, parameters = estimator, {}
    if grid:
        search = GridSearchCV(estimator, grid, cv=folds, scoring="accuracy", refit=False)
        search.fit(values, classes)
        parameters = search.best_params_
        model = clone(estimator).set_params(**parameters)
    predicted = np.empty_like(classes)
    for training, test in folds:
        predicted[test] = (
            clone(model).fit(values[training], classes[training]).predict(values[test])
        )
    model.fit(values, classes)
    return Trained(
        estimator=model,
        parameters=_plain(parameters or {"n_estimators": model.n_estimators}),
        accuracies=np.array([accuracy_score(classes[test], predicted[test]) for _, test in folds]),
        confusion=confusion_matrix(classes, predicted),
        importances=_importances(model, values, classes, seed),
    )


def _random_forest(seed: int) -> tuple[Any, dict[str, list[float]]]:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(100, class_weight="balanced", random_state=seed), {}


def _svm(seed: int) -> tuple[Any, dict[str, list[float]]]:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler
    from sklearn.svm import SVC

    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), SVC(class_weight="balanced", random_state=seed)
    )
    return model, {
        "svc__C": [2.0**power for power in range(-2, 11, 3)],
        "svc__gamma": [2.0**power for power in range(-10, 3, 3)],
    }


def _logistic_regression(seed: int) -> tuple[Any, dict[str, list[float]]]:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)),
        LogisticRegression(class_weight="balanced", max_iter=10_000, random_state=seed),
    )
    return model, {"logisticregression__C": [10.0**power for power in range(-2, 4)]}


_ESTIMATORS: dict[str, Callable[[int], tuple[Any, dict[str, list[float]]]]] = {
    "randomforest": _random_forest,
    "svm": _svm,
    "logisticregression": _logistic_regression,
}


def _importances(
    model: Any, values: NDArray[np.float64], classes: NDArray[np.int64], seed: int
) -> NDArray[np.float64]:
    from sklearn.inspection import permutation_importance

    if hasattr(model, "feature_importances_"):
        return np.asarray(model.feature_importances_)
    found = permutation_importance(model, values, classes, n_repeats=5, random_state=seed)
    return np.asarray(found.importances_mean)


def _plain(parameters: dict[str, Any]) -> dict[str, Any]:
    """Parameters without the prefix that names their step of the pipeline."""
    return {name.rpartition("__")[2]: value for name, value in parameters.items()}
