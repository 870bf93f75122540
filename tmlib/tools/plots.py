"""Figures for Plotly: data and layout as JSON, small for any number of objects."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tmlib.images.layout import well_name
from tmlib.objects.table.bins import count_in_bins
from tmlib.tools.plates.wells import Well

MAX_PLATES = 8
"""Largest number of plates that are drawn."""

_BINS = 60
_GRID = 80
_COUNT_COLORS = [[0, "#3d6aa8"], [0.5, "#3fb6a8"], [1, "#fde725"]]
_MAX_FEATURES = 40


Array = NDArray[np.float64]


class Figure(NamedTuple):
    """What a figure shows, and its ``data`` and ``layout``."""

    type: str
    attributes: dict[str, Any]


def histogram(values: Array, name: str, of_what: str = "number of objects") -> Figure:
    """Histogram of finite values, shape (n,)."""
    counts, edges = count_in_bins(values, _BINS)
    widths = np.diff(edges)
    bars = {
        "type": "bar",
        "x": numbers(edges[:-1] + widths / 2),
        "y": counts.tolist(),
        "width": numbers(widths),
    }
    return _figure("histogram", [bars], "Distribution", name, of_what)


def sizes(counts: Mapping[str, int]) -> Figure:
    """Number of objects with each label."""
    bars = {"type": "bar", "x": list(counts), "y": list(counts.values())}
    figure = _figure("sizes", [bars], "Sizes", "label", "number of objects")
    figure.attributes["layout"]["xaxis"]["type"] = "category"
    return figure


def confusion_matrix(counts: NDArray[np.int64], names: Sequence[str]) -> Figure:
    """True and predicted classes of training objects; `counts` has a row per true class."""
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
    """Importances of features; only the most important ones if there are many."""
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


def profiles(centers: Array, labels: Sequence[str], features: Sequence[str]) -> Figure:
    """Profiles of clusters: scaled feature values at their centres, a row per cluster.

    Of many features, those in which the clusters differ most are shown.
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


def density(
    x: Array,
    y: Array,
    names: tuple[str, str],
    kind: str = "embedding",
    title: str = "Embedding",
) -> Figure:
    """Density of objects in a scatter plot; `x` and `y` are finite, both of shape (n,).

    All objects are counted. Colours are logarithmic, so that single objects are visible.
    """
    counts, x_edges, y_edges = np.histogram2d(x, y, bins=_GRID)
    found = counts.T.astype(np.int64)
    cells = {
        "type": "heatmap",
        "x": numbers((x_edges[:-1] + x_edges[1:]) / 2),
        "y": numbers((y_edges[:-1] + y_edges[1:]) / 2),
        "z": [[shade or None for shade in numbers(row)] for row in np.log10(1 + found)],
        "customdata": found.tolist(),
        "hovertemplate": "%{customdata} objects<extra></extra>",
        "colorscale": _COUNT_COLORS,
        "showscale": False,
    }
    return _figure(kind, [cells], title, *names)


def gates(
    x: Array,
    y: Array,
    names: tuple[str, str],
    outlines: Mapping[str, Array],
) -> Figure:
    """Density of objects in a scatter plot, with outlines of gates (v, 2) by their names."""
    figure = density(x, y, names, "gates", "Gates")
    for name, outline in outlines.items():
        closed = np.concatenate([outline, outline[:1]])
        figure.attributes["data"].append(
            {
                "type": "scatter",
                "mode": "lines",
                "name": name,
                "x": numbers(closed[:, 0]),
                "y": numbers(closed[:, 1]),
                "line": {"color": "#e4572e"},
            }
        )
    return figure


def plate(values: Array, wells: Sequence[Well], name: str) -> Figure:
    """A value for each well of a plate, at the well's position; `values` has shape (w,)."""
    rows = 1 + max(well.row for well in wells)
    columns = 1 + max(well.column for well in wells)
    grid: list[list[float | None]] = [[None] * columns for _ in range(rows)]
    for well, value in zip(wells, numbers(values), strict=True):
        grid[well.row][well.column] = value if np.isfinite(value) else None
    matrix = {
        "type": "heatmap",
        "z": grid,
        "x": [str(column + 1) for column in range(columns)],
        "y": [well_name(row, 0).rstrip("0123456789") for row in range(rows)],
        "colorscale": "Viridis",
        "hoverongaps": False,
        "colorbar": {"title": {"text": name}},
    }
    figure = _figure("plate", [matrix], wells[0].plate, "", "")
    figure.attributes["layout"]["xaxis"] |= {"type": "category", "side": "top"}
    figure.attributes["layout"]["yaxis"] |= {"type": "category", "autorange": "reversed"}
    return figure


def plates(values: Array, wells: Sequence[Well], name: str) -> list[Figure]:
    """A figure for each of the first plates; the table of wells has all of them."""
    names = list(dict.fromkeys(well.plate for well in wells))[:MAX_PLATES]
    figures = []
    for plate_name in names:
        chosen = [position for position, well in enumerate(wells) if well.plate == plate_name]
        figures.append(plate(values[chosen], [wells[position] for position in chosen], name))
    return figures


def loadings(values: Array, components: Sequence[str], features: Sequence[str]) -> Figure:
    """Loadings of features, a row per component."""
    figure = profiles(values, components, features)
    figure.attributes["layout"]["title"]["text"] = "Loadings"
    figure.attributes["layout"]["yaxis"]["title"]["text"] = ""
    return Figure("loadings", figure.attributes)


def numbers(values: Array) -> list[float]:
    """Numbers rounded to a readable number of digits."""
    return [float(f"{value:.6g}") for value in values]


def number(value: float) -> float | None:
    """A number rounded to a readable number of digits; None if it is not finite."""
    return float(f"{value:.6g}") if np.isfinite(value) else None


def _figure(kind: str, data: list[dict[str, Any]], title: str, x: str, y: str) -> Figure:
    layout = {
        "title": {"text": title},
        "xaxis": {"title": {"text": x}},
        "yaxis": {"title": {"text": y}},
    }
    return Figure(kind, {"data": data, "layout": layout})
