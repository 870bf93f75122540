"""Embedding: a map on which objects with similar values lie close together."""

import importlib.util
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
from tmlib.tools.payloads import FeaturesPayload, Part
from tmlib.tools.values import Values

MAX_FITTED = 100_000
"""Number of random objects from which principal components are computed."""

MAX_LEARNED = 20_000
"""Number of objects from which UMAP learns its map; all others are placed on it."""

_MAX_LOADINGS = 40


class PcaOptions(Part):
    """The directions in which objects differ most (Pearson 1901, Hotelling 1933)."""

    method: Literal["pca"]
    n_components: int = Field(
        default=2, ge=2, le=50, title="Components", description="Number of components."
    )


class UmapOptions(Part):
    """A map that keeps neighbours together (McInnes, Healy and Melville 2018)."""

    method: Literal["umap"]
    n_neighbors: int = Field(
        default=15,
        ge=2,
        le=200,
        title="Neighbours",
        description="Neighbours that count: more show the large picture.",
    )
    min_dist: float = Field(
        default=0.1,
        ge=0,
        le=1,
        title="Least distance",
        description="How close together objects may be placed.",
    )

    @property
    def n_components(self) -> int:
        """Two, as a map has."""
        return 2


class EmbeddingPayload(FeaturesPayload):
    """Which features count, and how to embed."""

    options: PcaOptions | UmapOptions = Field(discriminator="method")


class Embedding(Tool[EmbeddingPayload]):
    """Labels objects with their first coordinate; the others are further columns."""

    name = "Embedding"
    icon = "EMB"
    description = "Places objects with similar feature values close together on a map."
    methods = ("pca", "umap")
    payload_type = EmbeddingPayload

    def check(self, session: Session, payload: EmbeddingPayload, objects: ChosenObjects) -> None:
        """Check that there are enough features and objects, and that the library is installed."""
        n_features, n_components = len(payload.features), payload.options.n_components
        if n_features < n_components:
            raise BadInput(
                f"{n_components} components cannot be made of {n_features} features: select more."
            )
        if payload.options.method == "umap" and importlib.util.find_spec("umap") is None:
            raise BadInput(
                "This server cannot do UMAP: choose pca, or ask its operator to install "
                "tmserver[umap]."
            )
        _check_size(payload, objects.n_objects, "")

    def compute(
        self, payload: EmbeddingPayload, objects: ChosenObjects, values: Values, progress: Progress
    ) -> Finding:
        """Learn the map from some of the objects, and place all of them on it."""
        complete = values.complete()
        _check_size(payload, len(complete.matrix), " with values of all features")
        options = payload.options
        with one_thread():
            if options.method == "pca":
                model, attributes, figures = _pca(complete, options)
                prefix = "PC"
            else:
                model, attributes, figures = _umap(complete, options), {}, []
                prefix = "UMAP"
            progress(0.5)
            places = in_batches(model.transform, complete.matrix, part_of(progress, 0.5, 1))
        names = [f"{prefix}{number}" for number in range(1, options.n_components + 1)]
        most = MAX_FITTED if options.method == "pca" else MAX_LEARNED
        return Finding(
            type="ContinuousToolResult",
            attributes={
                "min": float(places[:, 0].min()),
                "max": float(places[:, 0].max()),
                "method": options.method,
                "columns": names,
                **attributes,
                **values.counts(),
                "n_fitted": min(len(complete.matrix), most),
            },
            labels=Labels(
                complete.mapobject_ids,
                complete.tpoints,
                places[:, 0],
                columns=dict(zip(names, places.T, strict=True)),
            ),
            plots=[plots.density(places[:, 0], places[:, 1], (names[0], names[1])), *figures],
        )


def _check_size(payload: EmbeddingPayload, n_objects: int, which: str) -> None:
    options = payload.options
    least = 2 + (options.n_neighbors if options.method == "umap" else options.n_components)
    if n_objects < least:
        raise BadInput(
            f"There are {n_objects} objects{which}, but at least {least} are needed to embed them: "
            "choose a type with more."
        )


def _pca(values: Values, options: PcaOptions) -> tuple[Any, dict[str, Any], list[plots.Figure]]:
    """Principal components of standardised values, and their loadings."""
    from sklearn.decomposition import PCA
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), PCA(options.n_components, svd_solver="full"))
    model.fit(some_of(values.matrix, MAX_FITTED))
    loadings: NDArray[np.float64] = model[-1].components_
    names = [f"PC{number}" for number in range(1, len(loadings) + 1)]
    shares = plots.numbers(model[-1].explained_variance_ratio_)
    attributes = {
        "explained_variance": dict(zip(names, shares, strict=True)),
        "loadings": {
            name: dict(zip(values.features, plots.numbers(row), strict=True))
            for name, row in zip(names, loadings, strict=True)
        },
    }
    return model, attributes, [plots.loadings(loadings, names, values.features)]


def _umap(values: Values, options: UmapOptions) -> Any:
    """A pipeline that places objects on a map; it needs the extra ``umap``."""
    import umap
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import RobustScaler

    model = make_pipeline(
        RobustScaler(quantile_range=(1, 99)),
        umap.UMAP(
            n_neighbors=options.n_neighbors,
            min_dist=options.min_dist,
            random_state=SEED,
            n_jobs=1,
        ),
    )
    return model.fit(some_of(values.matrix, MAX_LEARNED))
