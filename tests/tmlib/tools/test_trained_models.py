"""Trained models: they predict what scikit-learn predicts, and come back from files unharmed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.svm import SVC
from sqlalchemy import select

from tests.tmlib.objects.conftest import Laboratory
from tests.tmlib.tools.conftest import FEATURES, Bench, grid, kinds
from tmlib.accounts.models import User
from tmlib.errors import BadInput
from tmlib.ids import encode_id
from tmlib.tools.learning import extraction, model_files, model_service
from tmlib.tools.learning.trained_models import (
    ModelClass,
    ModelDescription,
    TrainedModel,
    rows_per_batch,
)
from tmlib.tools.models import ToolModel
from tmlib.tools.sweeping import sweep

ALL = {"selected_features": list(FEATURES)}


def scaled(estimator: Any) -> Any:
    return make_pipeline(RobustScaler(quantile_range=(1, 99)), estimator)


ESTIMATORS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(30, class_weight="balanced", random_state=0),
    "svm": lambda: scaled(SVC(C=4, gamma=0.3, class_weight="balanced")),
    "logistic": lambda: scaled(LogisticRegression(max_iter=1000)),
    "centres": lambda: scaled(KMeans(4, n_init=2, random_state=0)),
}


def trained(kind: str, n_classes: int = 3) -> tuple[TrainedModel, Any]:
    """A model of a kind, and the estimator of scikit-learn that it was made from."""
    values, truth = kinds(300, seed=3)
    chosen = truth < n_classes
    estimator = ESTIMATORS[kind]().fit(values[chosen], truth[chosen])
    found, arrays = extraction.arrays_of(estimator)
    assert found == kind
    n_classes = 4 if kind == "centres" else n_classes
    description = ModelDescription(
        kind=found,
        tool_name="Classification",
        tool_version=1,
        method=kind,
        mapobject_type_name="Cells",
        features=FEATURES,
        classes=tuple(ModelClass(label=f"{i}.0", name=f"kind {i}") for i in range(n_classes)),
        parameters={},
        n_training_objects={"all": 300},
        scaling="none",
        versions=extraction.versions(),
    )
    objects = np.column_stack((np.arange(10), np.arange(10) % n_classes))
    return TrainedModel(description, arrays, objects), estimator


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ESTIMATORS)
def test_models_predict_what_scikit_learn_predicts(kind: str, n_classes: int) -> None:
    model, estimator = trained(kind, n_classes)
    values, _ = kinds(5000, seed=4)
    found = model.predict(values)
    assert np.array_equal(found, estimator.predict(values))
    assert len(np.unique(found)) > 1
    assert rows_per_batch(model) > 1000


@pytest.mark.parametrize("kind", ESTIMATORS)
def test_models_come_back_from_files(kind: str, tmp_path: Path) -> None:
    model, _ = trained(kind)
    path = tmp_path / "model.safetensors"
    model_files.write(path, model)
    read = model_files.read(path)
    assert read.description == model.description
    assert read.arrays.keys() == model.arrays.keys()
    assert all(np.array_equal(read.arrays[name], model.arrays[name]) for name in read.arrays)
    assert np.array_equal(read.training_objects, model.training_objects)


Arrays = dict[str, NDArray[Any]]


def change(name: str, index: Any, value: Any) -> Callable[[Arrays], None]:
    def spoil(arrays: Arrays) -> None:
        arrays[name][index] = value

    return spoil


def leave_out(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name][:-1].copy()})


def as_type(name: str, dtype: Any) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name].astype(dtype)})


def first_column(name: str) -> Callable[[Arrays], None]:
    return lambda arrays: arrays.update({name: arrays[name][:, 0].copy()})


SPOILED = {
    "a child that comes before its parent": ("forest", change("left", 0, 0)),
    "a child in another tree": ("forest", change("right", 0, 100_000)),
    "a leaf with one child": ("forest", change("left", 0, -1)),
    "a feature that is not there": ("forest", change("feature", 0, 3)),
    "a threshold that is no number": ("forest", change("threshold", 0, np.nan)),
    "trees without beginning": ("forest", change("first_node", 1, 0)),
    "shares of too few nodes": ("forest", leave_out("shares")),
    "vectors of too few classes": ("svm", change("n_support", 0, -1)),
    "too few coefficients": ("svm", leave_out("dual_coefficients")),
    "nothing to scale by": ("svm", change("scale", 0, 0)),
    "too few classes": ("logistic", leave_out("coefficients")),
    "centres in single precision": ("centres", as_type("centres", np.float32)),
    "training objects of the wrong shape": ("logistic", first_column("training_objects")),
    "numbers of a type that none has": ("logistic", as_type("intercepts", np.float16)),
}


@pytest.mark.parametrize("problem", SPOILED)
def test_models_that_do_not_fit_together_are_refused(problem: str, tmp_path: Path) -> None:
    kind, spoil = SPOILED[problem]
    path = tmp_path / "model.safetensors"
    model_files.write(path, trained(kind)[0])
    arrays = load_file(path)
    spoil(arrays)
    metadata = {"format": "tmserver.model", "version": "1"}
    description = trained(kind)[0].description.model_dump_json()
    save_file(arrays, path, metadata | {"description": description})
    with pytest.raises(BadInput, match="does not fit together"):
        model_files.read(path)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x80\x04pickled")
    with pytest.raises(BadInput, match="not a file of a model"):
        model_files.read(path)
    metadata = {"format": "tmserver.model", "version": "2"}
    save_file({"centres": np.zeros(3)}, path, metadata)
    with pytest.raises(BadInput, match="no model of a version that is known"):
        model_files.read(path)
    save_file({"centres": np.zeros(3)}, path, metadata | {"version": "1"})
    with pytest.raises(BadInput, match="description"):
        model_files.read(path)
    description = trained("forest")[0].description.model_dump(mode="json") | {"kind": "magic"}
    metadata |= {"version": "1", "description": json.dumps(description)}
    save_file({"centres": np.zeros(3)}, path, metadata)
    with pytest.raises(BadInput, match="description"):
        model_files.read(path)


def models(bench: Bench) -> list[ToolModel]:
    with bench.database.session() as session:
        return list(session.scalars(select(ToolModel).order_by(ToolModel.id)))


@pytest.mark.parametrize("method", ["randomforest", "svm", "logisticregression"])
def test_a_classifier_is_kept_and_gives_the_same_labels_again(bench: Bench, method: str) -> None:
    classes = bench.training_classes()
    options = {"method": method, "n_fold_cv": 3}
    result = bench.ask("Classification", **ALL, training_classes=classes, options=options)
    [model] = models(bench)
    assert model.name == result.name
    assert model.submission_id == result.submission_id
    description = ModelDescription.model_validate(model.description)
    assert description.features == FEATURES
    assert [one.name for one in description.classes] == ["kind 0", "kind 1", "kind 2"]
    assert description.n_training_objects == {"kind 0": 12, "kind 1": 12, "kind 2": 12}
    assert set(description.versions) == {"scikit-learn", "numpy"}
    kept = model_files.read(bench.laboratory.storage.root / model.path)
    ids, of_class = kept.training_objects.T
    truth = bench.truth(classes)
    assert np.array_equal(ids, bench.ids[truth >= 0])
    assert np.array_equal(of_class, truth[truth >= 0])
    again = bench.ask("Prediction", model_id=encode_id(model.id))
    assert bench.labels(again).equals(bench.labels(result))
    for name in ("unique_labels", "label_map", "counts", "n_objects"):
        assert again.attributes[name] == result.attributes[name]
    assert again.type == result.type
    assert again.attributes["model"]["method"] == method


def test_centres_of_clusters_are_kept(bench: Bench) -> None:
    result = bench.ask("Clustering", **ALL, options={"method": "kmeans", "k": 3})
    [model] = models(bench)
    again = bench.ask("Prediction", model_id=str(model.id))
    assert bench.labels(again).equals(bench.labels(result))
    assert again.type == "ScalarToolResult"
    assert again.attributes["unique_labels"] == [0, 1, 2]
    assert "label_map" not in again.attributes


def test_models_are_applied_where_the_features_are_the_same(bench: Bench) -> None:
    bench.ask("Clustering", **ALL, options={"method": "kmeans", "k": 3})
    [model] = models(bench)
    nuclei: Laboratory = bench.laboratory
    nuclei.record(0, grid(), name="Nuclei")
    with pytest.raises(BadInput, match='no feature of "Nuclei" named "size"'):
        bench.request("Prediction", model_id=str(model.id), chosen_object_type="Nuclei")
    for unknown in ("999", "OTk5OTk="):
        with pytest.raises(BadInput, match="no such model"):
            bench.request("Prediction", model_id=unknown)
    with pytest.raises(BadInput, match="not a valid id"):
        bench.request("Prediction", model_id="../../etc")


def test_models_of_others_are_as_if_they_did_not_exist(bench: Bench) -> None:
    bench.ask("Clustering", **ALL, options={"method": "kmeans", "k": 3})
    [model] = models(bench)
    with bench.database.transaction() as session:
        stranger = User(name="mallory", email="mallory@example.org", password_hash="-")
        session.add(stranger)
    with pytest.raises(BadInput, match="no such model"):
        bench.request("Prediction", model_id=str(model.id), user_id=stranger.id)


def test_a_model_that_is_deleted_meanwhile_fails_the_job(bench: Bench) -> None:
    bench.ask("Clustering", **ALL, options={"method": "kmeans", "k": 3})
    [model] = models(bench)
    submission_id = bench.request("Prediction", model_id=str(model.id))
    with bench.database.transaction() as session:
        model_service.delete_model(session, bench.laboratory.storage, model.id)
    bench.work()
    assert "no such model" in bench.job(submission_id)["error"]


def test_models_outlive_their_results_and_are_swept_when_they_belong_to_nothing(
    bench: Bench,
) -> None:
    storage = bench.laboratory.storage
    bench.ask("Clustering", **ALL, options={"method": "kmeans", "k": 3})
    [model] = models(bench)
    orphan = model_files.new_path(storage)
    orphan.write_bytes((storage.root / model.path).read_bytes())
    assert sweep(bench.database, storage, older_than=-60) == 1
    assert (storage.root / model.path).exists()
    assert not orphan.exists()
