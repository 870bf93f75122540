"""What tools find out, beside scikit-learn itself, and what they say when they cannot."""

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler
from sklearn.svm import SVC

from tests.tmlib.objects.conftest import label_image
from tests.tmlib.tools.conftest import FEATURES, PER_SITE, Bench, grid
from tmlib.errors import BadInput
from tmlib.tools.base import in_batches
from tmlib.tools.learning import clustering, density_clusters
from tmlib.tools.models import ToolResult

ALL: dict[str, Any] = {"selected_features": list(FEATURES)}


def kmeans(k: int) -> dict[str, Any]:
    return ALL | {"options": {"method": "kmeans", "k": k}}


def figures(result: ToolResult) -> dict[str, Any]:
    assert len(json.dumps([plot.attributes for plot in result.plots])) < 50_000
    return {plot.type: plot.attributes for plot in result.plots}


def test_a_heatmap_shows_the_values(bench: Bench) -> None:
    result = bench.ask("Heatmap", selected_feature="brightness")
    brightness = bench.values[:, 1]
    assert result.type == "HeatmapToolResult"
    assert result.attributes == {
        "feature_id": 2,
        "min": brightness.min(),
        "max": brightness.max(),
        "n_objects": 240,
        "n_missing": 0,
    }
    stored = bench.labels(result)
    assert np.array_equal(stored["mapobject_id"], bench.ids)
    assert np.array_equal(stored["label"], brightness)
    assert result.n_labels == 240
    [bars] = figures(result)["histogram"]["data"]
    assert sum(bars["y"]) == 240
    assert len(bars["x"]) == len(bars["y"]) == 60


def test_clusters_are_those_of_scikit_learn(bench: Bench) -> None:
    result = bench.ask("Clustering", **kmeans(3))
    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)), KMeans(3, n_init=10, random_state=0)
    )
    expected = model.fit_predict(bench.values)
    assert result.type == "ScalarToolResult"
    assert result.name == f"Clustering-{result.submission_id}"
    assert result.attributes["unique_labels"] == [0, 1, 2]
    assert sum(result.attributes["counts"].values()) == 240
    stored = bench.labels(result)
    assert isinstance(stored["label"].dtype, pd.CategoricalDtype)
    assert stored["label"].tolist() == [str(label) for label in expected]
    [profiles] = figures(result)["cluster_profiles"]["data"]
    assert np.allclose(profiles["z"], model[-1].cluster_centers_, rtol=1e-5)
    assert (profiles["x"], profiles["y"]) == (list(FEATURES), ["0", "1", "2"])


def test_dense_clusters_are_those_of_scikit_learn(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"method": "hdbscan", "min_cluster_size": 20, "min_samples": 4}
    result = bench.ask("Clustering", **ALL, options=options)
    scaled_values = RobustScaler(quantile_range=(1, 99)).fit_transform(bench.values)
    expected = HDBSCAN(min_cluster_size=20, min_samples=4, copy=True).fit_predict(scaled_values)
    assert bench.labels(result)["label"].tolist() == [str(label) for label in expected]
    assert result.type == "ScalarToolResult"
    assert result.attributes["unique_labels"] == [-1, 0, 1, 2]
    assert result.attributes["counts"]["-1"] == np.count_nonzero(expected == -1)
    [profiles] = figures(result)["cluster_profiles"]["data"]
    means = [scaled_values[expected == label].mean(axis=0) for label in range(3)]
    assert np.allclose(profiles["z"], means, rtol=1e-5)
    monkeypatch.setattr(density_clusters, "MAX_FITTED", 200)
    some = bench.ask("Clustering", **ALL, options=options)
    assert some.attributes["n_fitted"] == 200
    assert some.n_labels == 240
    assert pd.crosstab(bench.labels(some)["label"], expected).max().sum() > 0.8 * 240


def test_everything_may_be_noise(bench: Bench) -> None:
    options = {"method": "hdbscan", "min_cluster_size": 239}
    result = bench.ask("Clustering", **ALL, options=options)
    assert result.attributes["unique_labels"] == [-1]
    assert result.attributes["counts"] == {"-1": 240}
    assert set(figures(result)) == {"sizes"}


def test_centres_of_many_objects_are_found_on_some_of_them(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clustering, "MAX_FITTED", 100)
    first = bench.ask("Clustering", **kmeans(3))
    assert first.attributes["n_fitted"] == 100
    assert first.attributes["n_objects"] == first.n_labels == 240
    labels = bench.labels(first)["label"]
    assert labels.equals(bench.labels(bench.ask("Clustering", **kmeans(3)))["label"])
    assert pd.crosstab(labels, bench.kinds).max().sum() > 0.9 * 240


def forest() -> Any:
    return RandomForestClassifier(100, class_weight="balanced", random_state=0)


def scaled(estimator: Any) -> Any:
    return make_pipeline(RobustScaler(quantile_range=(1, 99)), estimator)


def svm() -> Any:
    return scaled(SVC(class_weight="balanced", random_state=0))


def logistic() -> Any:
    return scaled(LogisticRegression(class_weight="balanced", max_iter=10_000, random_state=0))


@pytest.mark.parametrize(
    ("method", "estimator"),
    [("randomforest", forest), ("svm", svm), ("logisticregression", logistic)],
)
def test_classes_are_those_of_scikit_learn(bench: Bench, method: str, estimator: Any) -> None:
    classes = bench.training_classes()
    options = {"method": method, "n_fold_cv": 4}
    result = bench.ask("Classification", **ALL, training_classes=classes, options=options)
    truth = bench.truth(classes)
    examples, given = bench.values[truth >= 0], truth[truth >= 0]
    folds = list(
        StratifiedGroupKFold(4, shuffle=True, random_state=0).split(
            examples, given, np.arange(len(given))
        )
    )
    attributes = result.attributes
    model = estimator()
    if method != "randomforest":
        prefix = {"svm": "svc__", "logisticregression": "logisticregression__"}[method]
        model.set_params(**{prefix + name: v for name, v in attributes["parameters"].items()})
        neighbours = {prefix + "C": [attributes["parameters"]["C"] * f for f in (0.1, 1, 10)]}
        search = GridSearchCV(model, neighbours, cv=folds).fit(examples, given)
        scores = search.cv_results_["mean_test_score"]
        assert scores[1] >= scores.max() - 0.06
    predicted = cross_val_predict(model, examples, given, cv=folds)
    expected = model.fit(examples, given).predict(bench.values)
    assert bench.labels(result)["label"].tolist() == [f"{label}.0" for label in expected]
    assert result.type == "SupervisedClassifierToolResult"
    assert attributes["unique_labels"] == [0.0, 1.0, 2.0]
    assert attributes["label_map"]["1.0"] == {"name": "kind 1", "color": "#00ff00"}
    assert attributes["n_training_objects"] == {"kind 0": 12, "kind 1": 12, "kind 2": 12}
    found = np.array(attributes["confusion_matrix"]["counts"])
    assert np.array_equal(found, confusion_matrix(given, predicted))
    validation = attributes["cross_validation"]
    assert len(validation["accuracies"]) == validation["n_folds"] == 4
    assert validation["mean"] == pytest.approx(np.mean(predicted == given), abs=0.01)
    assert np.mean(expected == bench.kinds) > 0.9
    assert set(attributes["feature_importances"]) == set(FEATURES)
    assert max(attributes["feature_importances"].values()) > 0.1
    assert set(figures(result)) == {"confusion_matrix", "feature_importances", "sizes"}


def remeasure(bench: Bench, values: NDArray[np.float64], **place: Any) -> None:
    """Record the objects of the first site again, with other values."""
    measured = pd.DataFrame(values, columns=FEATURES, index=range(1, PER_SITE + 1))
    bench.laboratory.record(0, grid(), measured, **place)


def test_objects_that_lack_a_value_are_left_out_and_counted(bench: Bench) -> None:
    values = bench.values[:PER_SITE].copy()
    values[:10, 0] = np.nan
    values[5:20, 2] = np.inf
    remeasure(bench, values)
    result = bench.ask("Clustering", **kmeans(3))
    assert (result.attributes["n_objects"], result.attributes["n_missing"]) == (240, 20)
    assert result.n_labels == 220
    heatmap = bench.ask("Heatmap", selected_feature="size")
    assert heatmap.attributes["n_missing"] == 10
    assert heatmap.attributes["max"] == max(values[10:, 0].max(), bench.values[PER_SITE:, 0].max())
    assert not bench.labels(heatmap)["label"].isna().any()


def test_every_time_point_has_its_labels(bench: Bench) -> None:
    remeasure(bench, bench.values[:PER_SITE] + 1, tpoint=1)
    stored = bench.labels(bench.ask("Heatmap", selected_feature="size"))
    assert stored["tpoint"].tolist() == [0] * 240 + [1] * PER_SITE
    assert np.array_equal(stored["label"][240:], bench.values[:PER_SITE, 0] + 1)


@pytest.mark.parametrize(
    ("tool", "payload", "message"),
    [
        ("Heatmap", {"selected_feature": "sise"}, 'named "sise": did you mean "size"?'),
        ("Heatmap", {"selected_feature": "?"}, "use one of size, brightness, roundness"),
        (
            "Heatmap",
            {"selected_feature": "size", "chosen_object_type": "Cell"},
            'did you mean "Cells"?',
        ),
        ("Clustering", kmeans(241), "241 clusters cannot be made of 240 objects"),
        (
            "Clustering",
            ALL | {"options": {"method": "hdbscan", "min_cluster_size": 241}},
            "240 objects, but 241 are needed",
        ),
        (
            "Embedding",
            {"selected_features": ["size"], "options": {"method": "pca"}},
            "2 components cannot be made of 1 features",
        ),
    ],
)
def test_what_cannot_work_is_refused_at_once(
    bench: Bench, tool: str, payload: dict[str, Any], message: str
) -> None:
    with pytest.raises(BadInput) as caught:
        bench.request(tool, **payload)
    assert message in caught.value.message
    assert bench.queue.interactive_ids == []


def test_that_there_are_no_objects_is_said_at_once(bench: Bench) -> None:
    bench.laboratory.record(0, label_image(), name="Ghosts")
    with pytest.raises(BadInput, match='No object "Ghosts" was found on any site'):
        bench.request("Heatmap", selected_feature="Morphology_area", chosen_object_type="Ghosts")


def test_training_objects_are_checked_at_once(bench: Bench) -> None:
    bench.laboratory.record(0, label_image((1, 1, 9, 9)), name="Nuclei")
    good = bench.training_classes()

    def problem(classes: list[dict[str, Any]], n_fold_cv: int = 5) -> str:
        options = {"method": "svm", "n_fold_cv": n_fold_cv}
        with pytest.raises(BadInput) as caught:
            bench.request("Classification", **ALL, training_classes=classes, options=options)
        return caught.value.message

    def with_ids(*more: int) -> list[dict[str, Any]]:
        return [good[0] | {"object_ids": [*good[0]["object_ids"], *more]}, *good[1:]]

    assert "at least two classes" in problem(good[:1])
    assert 'class "kind 0" is given twice' in problem([good[0], good[1] | {"name": "kind 0"}])
    assert "is given twice" in problem(with_ids(good[1]["object_ids"][0]))
    assert "There is no object 9999 in the experiment" in problem(with_ids(9999))
    assert 'Object 241 is one of "Nuclei", not of "Cells"' in problem(with_ids(241))
    assert 'class "kind 0" has 12 training objects, but 13-fold' in problem(good, n_fold_cv=13)
    assert bench.queue.interactive_ids == []


@pytest.mark.parametrize(
    ("tool", "payload"),
    [
        ("Clustering", kmeans(1)),
        ("Clustering", ALL | {"options": {"method": "ward", "k": 3}}),
        ("Clustering", kmeans(3) | {"selected_features": []}),
        ("Classification", ALL | {"training_classes": [], "options": {"method": "magic"}}),
        ("Heatmap", {"selected_feature": "size", "chosen_object_type": "a\x00b"}),
    ],
)
def test_payloads_have_a_form(bench: Bench, tool: str, payload: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        bench.request(tool, **payload)


def test_what_shows_only_in_the_values_fails_with_a_sentence(bench: Bench) -> None:
    values = np.column_stack([np.full(PER_SITE, 7.0), np.full(PER_SITE, np.nan), np.arange(60.0)])
    for site in range(4):
        measured = pd.DataFrame(values, columns=FEATURES, index=range(1, PER_SITE + 1))
        bench.laboratory.record(site, grid(), measured)
    ids = list(range(1, 241))  # the same objects as before, which have other values now
    for tool, payload in (
        ("Heatmap", {"selected_feature": "brightness"}),
        ("Clustering", kmeans(3)),
    ):
        with pytest.raises(BadInput, match='has a value of the feature "brightness"'):
            bench.request(tool, **payload)
    same = {"selected_features": ["size"], "options": {"method": "kmeans", "k": 3}}
    assert "only 1 different" in bench.fail("Clustering", **same)
    values[:56, 2] = np.nan
    measured = pd.DataFrame(values, columns=FEATURES, index=range(1, PER_SITE + 1))
    bench.laboratory.record(0, grid(), measured)
    classes = [
        {"name": "a", "object_ids": ids[:58], "color": "#000000"},
        {"name": "b", "object_ids": ids[60:90], "color": "#ffffff"},
    ]
    message = bench.fail(
        "Classification",
        selected_features=["roundness"],
        training_classes=classes,
        options={"method": "randomforest"},
    )
    assert '"a" has 2 training objects with values of all features' in message


def test_batches_are_put_together() -> None:
    matrix = np.arange(250_001.0).reshape(-1, 1)
    shares: list[float] = []
    found = in_batches(lambda part: part[:, 0], matrix, shares.append)
    assert np.array_equal(found, matrix[:, 0])
    assert shares == sorted(shares)
    assert shares[-1] == 1
