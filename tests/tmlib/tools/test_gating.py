"""Gating: which points lie within outlines, and how outlines are combined."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from shapely import Polygon as Outline
from shapely import points

from tests.tmlib.tools.conftest import Bench
from tmlib.tools.gating import Polygon

STAR = [
    (0, 3),
    (1, 1),
    (3, 1),
    (1.5, -0.5),
    (2, -3),
    (0, -1.2),
    (-2, -3),
    (-1.5, 0),
    (-3, 1),
    (-1, 1),
]
BRIGHT = {
    "name": "bright",
    "x_feature": "size",
    "y_feature": "brightness",
    "shape": {"kind": "rectangle", "x_min": 60, "x_max": 140, "y_min": 0.7, "y_max": 2},
}
ROUND = {
    "name": "round",
    "x_feature": "roundness",
    "y_feature": "brightness",
    "shape": {"kind": "polygon", "vertices": [[0, 0], [2, 0], [2, 1.3], [0, 1.3]]},
}


def test_points_within_a_polygon_are_those_that_shapely_finds() -> None:
    x, y = np.random.default_rng(0).uniform(-4, 4, (2, 5000))
    expected = Outline(STAR).contains(points(x, y))
    for vertices in (STAR, STAR[::-1], [*STAR, STAR[0]]):
        polygon = Polygon.model_validate({"kind": "polygon", "vertices": vertices})
        assert np.array_equal(polygon.contains(x, y), expected)
    assert 500 < expected.sum() < 4500


@pytest.mark.parametrize("combination", ["and", "or"])
def test_gates_are_combined(bench: Bench, combination: str) -> None:
    population = {"population": "bright and round", "color": "#00aa00"}
    gates = [BRIGHT, ROUND | {"is_inverted": combination == "or"}]
    result = bench.ask("Gating", gates=gates, combination=combination, **population)
    size, brightness, roundness = bench.values.T
    is_bright = (size >= 60) & (size <= 140) & (brightness >= 0.7) & (brightness <= 2)
    is_round = (roundness > 0) & (roundness < 2) & (brightness > 0) & (brightness < 1.3)
    expected = is_bright & is_round if combination == "and" else is_bright | ~is_round
    assert bench.labels(result)["label"].tolist() == [str(int(one)) for one in expected]
    attributes = result.attributes
    assert attributes["counts"] == {"0": int((~expected).sum()), "1": int(expected.sum())}
    assert attributes["label_map"]["1"] == {"name": "bright and round", "color": "#00aa00"}
    assert attributes["counts_of_gates"][0] == {"name": "bright", "n_objects": int(is_bright.sum())}
    one, other = (plot.attributes for plot in result.plots)
    cells, outline = one["data"]
    assert np.sum(cells["customdata"]) == 240
    assert outline["x"] == [60, 140, 140, 60, 60]
    assert other["layout"]["xaxis"]["title"]["text"] == "roundness"


@pytest.mark.parametrize(
    "shape",
    [
        {"kind": "rectangle", "x_min": 2, "x_max": 1, "y_min": 0, "y_max": 1},
        {"kind": "rectangle", "x_min": "nan", "x_max": 1, "y_min": 0, "y_max": 1},
        {"kind": "polygon", "vertices": [[0, 0], [1, 1]]},
        {"kind": "circle", "radius": 1},
    ],
)
def test_outlines_must_be_outlines(bench: Bench, shape: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        bench.request("Gating", gates=[BRIGHT | {"shape": shape}])
