"""Embeddings, beside scikit-learn's and umap-learn's own."""

import importlib.util
from typing import Any

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from tests.tmlib.tools.conftest import FEATURES, Bench, kinds
from tmlib.errors import BadInput
from tmlib.tools.base import ChosenObjects
from tmlib.tools.labels import LabelTable
from tmlib.tools.learning import embedding
from tmlib.tools.learning.embedding import Embedding, EmbeddingPayload
from tmlib.tools.plates.wells import NO_WELLS
from tmlib.tools.values import Values

ALL: dict[str, Any] = {"selected_features": list(FEATURES)}


def test_principal_components_are_those_of_scikit_learn(bench: Bench) -> None:
    result = bench.ask("Embedding", **ALL, options={"method": "pca", "n_components": 3})
    standard = StandardScaler().fit_transform(bench.values)
    model = PCA(3, svd_solver="full").fit(standard)
    expected = model.transform(standard)
    stored = bench.labels(result)
    assert np.allclose(stored[["PC1", "PC2", "PC3"]], expected)
    assert stored["label"].equals(stored["PC1"])
    attributes = result.attributes
    shares = list(attributes["explained_variance"].values())
    assert np.allclose(shares, model.explained_variance_ratio_, rtol=1e-5)
    loadings = [list(attributes["loadings"]["PC2"].values())]
    assert np.allclose(loadings, model.components_[1], rtol=1e-5)
    assert attributes["columns"] == ["PC1", "PC2", "PC3"]
    assert (attributes["min"], attributes["max"]) == (stored["PC1"].min(), stored["PC1"].max())
    assert [plot.type for plot in result.plots] == ["embedding", "loadings"]
    [cells] = result.plots[0].attributes["data"]
    assert np.sum(cells["customdata"]) == 240


def test_all_coordinates_are_exported(bench: Bench) -> None:
    result = bench.ask("Embedding", **ALL, options={"method": "pca"})
    table = LabelTable(bench.laboratory.storage.root / result.path)
    assert table.schema.names == ["mapobject_id", "tpoint", "label", "PC1", "PC2"]
    header, first, *_ = b"".join(table.csv()).decode().splitlines()
    assert header == "mapobject_id,tpoint,label,PC1,PC2"
    assert len(first.split(",")) == 5


def test_what_is_not_installed_is_refused_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="choose pca, or ask its operator"):
        bench.request("Embedding", **ALL, options={"method": "umap"})


@pytest.mark.filterwarnings("ignore::Warning")  # of a library that compiles itself
def test_umap_keeps_the_kinds_of_objects_together(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("umap", reason="the extra umap is not installed")
    monkeypatch.setattr(embedding, "MAX_LEARNED", 200)
    values, kind = kinds(240, seed=7)
    payload = EmbeddingPayload.model_validate(
        ALL | {"chosen_object_type": "Cells", "options": {"method": "umap", "n_neighbors": 10}}
    )
    ids, zeros = np.arange(240, dtype=np.int64), np.zeros(240, np.int32)
    objects = ChosenObjects(1, 1, "Cells", {}, 240, NO_WELLS)
    finding = Embedding().compute(
        payload, objects, Values(ids, zeros, zeros, FEATURES, values), lambda share_done: None
    )
    places = np.column_stack([finding.labels.columns[name] for name in ("UMAP1", "UMAP2")])
    assert finding.attributes["n_fitted"] == 200
    centers = np.array([np.median(places[kind == number], axis=0) for number in range(3)])
    nearest = np.linalg.norm(places[:, None] - centers, axis=2).argmin(axis=1)
    assert np.mean(nearest == kind) > 0.9
