"""Figures as Plotly draws them: data and layout as JSON, small whatever the number of objects."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_BINS = 60
_MAX_FEATURES = 40


class Figure(NamedTuple):
    """What it shows, and the ``data`` and ``layout`` of the figure."""

    type: str
    attributes: dict[str, Any]


def histogram(values: NDArray[np.float64], name: str) -> Figure:
    """How often values occur; `values` are finite, shape (n,)."""
    counts, edges = np.histogram(values, bins=_BINS)
    bars = {
        "type": "bar",
        "x": numbers((edges[:-1] + edges[1:]) / 2),
        "y": counts.tolist(),
        "width": numbers(np.diff(edges)),
    }
    return _figure("histogram", [bars], "Distribution", name, "number of objects")


def sizes(counts: Mapping[str, int]) -> Figure:
    """How many objects have each label."""
    bars = {"type": "bar", "x": list(counts), "y": list(counts.values())}
    figure = _figure("sizes", [bars], "Sizes", "label", "number of objects")
    figure.attributes["layout"]["xaxis"]["type"] = "category"
    return figure


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """What training objects were taken for; `counts` has a row per true class."""
    matrix = {
        "type": "heatmap",
        "z": counts.tolist(),
        "x": list(names),
        "y": list(names),
        "text": counts.tolist(),
        "texttemplate": "%{text}",
        "colorscale": "Blues",
    }
    figure = _figure(
        "confusion_matrix", [matrix], "Cross-validation", "taken for", "training class"
    )
    figure.attributes["layout"]["yaxis"]["autorange"] = "reversed"
    return figure


def importances(values: Mapping[str, float]) -> Figure:
    """How much features matter; of many, those that matter most."""
    ordered = sorted(values.items(), key=lambda item: item[1], reverse=True)[:_MAX_FEATURES]
    bars = {
        "type": "bar",
        "orientation": "h",
        "x": [value for _, value in ordered],
        "y": [name for name, _ in ordered],
    }
    figure = _figure("feature_importances", [bars], "Feature importances", "importance", "")
    figure.attributes["layout"]["yaxis"]["autorange"] = "reversed"
    return figure


def profiles(
    centers: NDArray[np.float64], labels: Sequence[str], features: Sequence[str]
) -> Figure:
    """What distinguishes clusters: scaled feature values at their centres, a row per cluster.

    Of many features those are shown in which the clusters differ most.
    """
    chosen = np.sort(np.argsort(-centers.std(axis=0), kind="stable")[:_MAX_FEATURES])
    matrix = {
        "type": "heatmap",
        "z": [numbers(row) for row in centers[:, chosen]],
        "x": [features[index] for index in chosen],
        "y": list(labels),
        "colorscale": "RdBu",
        "zmid": 0,
    }
    figure = _figure("cluster_profiles", [matrix], "Profiles", "", "cluster")
    figure.attributes["layout"]["yaxis"]["type"] = "category"
    return figure


def numbers(values: NDArray[np.float64]) -> list[float]:
    """Numbers with as many digits as somebody might read."""
    return [float(f"{value:.6g}") for value in values]


def _figure(kind: str, data: list[dict[str, Any]], title: str, x: str, y: str) -> Figure:
    layout = {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    }
    return Figure(kind, {"data": data, "layout": layout})
