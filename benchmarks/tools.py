"""Tools on a generated experiment, against scikit-learn with the same matrix in memory."""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sqlalchemy import select

from benchmarks.generated import sizes
from benchmarks.timing import print_header, print_row, readable, timed
from tmlib import schema
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.objects.models import Feature, MapobjectType
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment
from tmlib.storage import ExperimentStorage
from tmlib.tools import requests
from tmlib.tools.base import some_of
from tmlib.tools.learning.clustering import MAX_FITTED
from tmlib.tools.registry import get_tool
from tmlib.tools.values import Values, read

_SIZES = sizes(100_000, 1_000_000)
_N_FEATURES = 100
_N_CLUSTERS = 10
_N_EXAMPLES = 300
_N_FOLDS = 5
_BATCH = 100_000

Matrix = NDArray[np.float64]


class _Case(NamedTuple):
    """A request, and what a script would do with the values in memory."""

    tool: str
    what: str
    payload: dict[str, Any]
    script: Callable[[Matrix], NDArray[Any]]


def main() -> None:
    """Print processor time of each tool, from the request to written labels, and of a script."""
    for n_objects in _SIZES:
        print(f"\n{n_objects:,} objects, {_N_FEATURES} features", file=sys.stderr)
        with TemporaryDirectory() as folder:
            _run(Path(folder), n_objects)


def _run(folder: Path, n_objects: int) -> None:
    database = Database(f"sqlite:///{folder / 'tmserver.db'}")
    schema.upgrade(database)
    with database.transaction() as session:
        user = User(name="ada", email="ada@example.org", password_hash="-")  # noqa: S106 - nobody logs in
        session.add(user)
    size = GeneratedExperiment(n_objects, _N_FEATURES, "Cells", 0)
    storage = ExperimentStorage(
        folder, generate_experiment(database, folder, user.id, "many", size)
    )
    values = _values(database, storage)
    complete = values.complete()
    print_header([f"{n_objects:,} objects", "tool", "script", "more than the script"])
    for case in _cases(complete):
        tool = get_tool(case.tool)
        payload = tool.payload_type.model_validate({"chosen_object_type": "Cells"} | case.payload)
        ask = partial(
            requests.prepare, database, storage, 1, user.id, tool, payload, lambda share_done: None
        )
        prepared, ours = timed(ask)
        matrix = complete.matrix
        if len(payload.features) == 1:
            matrix = values.matrix[np.isfinite(values.matrix[:, 0]), :1]
        expected, theirs = timed(partial(case.script, matrix))
        if not np.array_equal(prepared.finding.labels.values, expected):
            raise SystemExit(f"The labels of {case.tool} are not those of the script.")
        share = f"{100 * (ours / theirs - 1):.0f} %"
        print_row([case.what, readable(ours), readable(theirs), share])
    database.close()


def _values(database: Database, storage: ExperimentStorage) -> Values:
    """All values, as the tools read them."""
    with database.session() as session:
        type_id = session.scalars(
            select(MapobjectType.id).where(MapobjectType.name == "Cells")
        ).one()
        names = session.scalars(
            select(Feature.name).where(Feature.mapobject_type_id == type_id).order_by(Feature.id)
        ).all()
    return read(select_feature_values(database, storage, type_id, features=names))


def _cases(values: Values) -> list[_Case]:
    features = {"selected_features": list(values.features)}
    random = np.random.default_rng(0)
    chosen = random.choice(len(values.matrix), 3 * _N_EXAMPLES, replace=False)
    of_class = np.argsort(values.matrix[chosen, 0]).reshape(3, -1)
    classes = [
        {
            "name": str(n),
            "color": "#ffffff",
            "object_ids": values.mapobject_ids[chosen[own]].tolist(),
        }
        for n, own in enumerate(of_class)
    ]
    examples = np.sort(chosen)
    truth = np.zeros(len(values.matrix), np.int64)
    for number, own in enumerate(of_class):
        truth[chosen[own]] = number
    return [
        _Case("Heatmap", "heatmap", {"selected_feature": values.features[0]}, _heatmap),
        _Case(
            "Clustering",
            f"kmeans, {_N_CLUSTERS} clusters",
            features | {"options": {"method": "kmeans", "k": _N_CLUSTERS}},
            _kmeans,
        ),
        _Case(
            "Classification",
            f"random forest, 3 x {_N_EXAMPLES} examples",
            features
            | {
                "training_classes": classes,
                "options": {"method": "randomforest", "n_fold_cv": _N_FOLDS},
            },
            lambda matrix: _forest(matrix, examples, truth[examples]),
        ),
    ]


def _heatmap(matrix: Matrix) -> Matrix:
    """NumPy: extremes and histogram of what is there already."""
    np.histogram(matrix[:, 0], bins=60, range=(matrix.min(), matrix.max()))
    return matrix[:, 0]


def _kmeans(matrix: Matrix) -> NDArray[Any]:
    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), KMeans(_N_CLUSTERS, n_init=10, random_state=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(some_of(matrix, MAX_FITTED))
    return _in_batches(model, matrix)


def _forest(matrix: Matrix, examples: NDArray[Any], truth: NDArray[np.int64]) -> NDArray[Any]:
    """Trained for each fold, to know how good it is, and once for all objects."""
    model = RandomForestClassifier(100, class_weight="balanced", random_state=0)
    folds = StratifiedKFold(_N_FOLDS, shuffle=True, random_state=0)
    training = matrix[examples]
    for fold, test in folds.split(training, truth):
        clone(model).fit(training[fold], truth[fold]).predict(training[test])
    return _in_batches(model.fit(training, truth), matrix)


def _in_batches(model: Any, matrix: Matrix) -> NDArray[Any]:
    starts = range(0, len(matrix), _BATCH)
    return np.concatenate([model.predict(matrix[start : start + _BATCH]) for start in starts])
