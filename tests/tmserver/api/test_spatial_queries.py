"""Places over HTTP: points, regions, neighbours."""

from typing import Any

import pytest

from tests.tmserver.api.test_vector_tiles import N_OBJECTS, crowded, layer
from tests.tmserver.conftest import Person

__all__ = ["crowded", "layer"]

EVERYWHERE = {"min_x": 0, "min_y": 0, "max_x": 10**6, "max_y": 10**6}


def test_all_objects_come_page_by_page(owner: Person, layer: str) -> None:
    assert owner.get(f"{layer}/mapobjects/count", **EVERYWHERE) == {"count": N_OBJECTS}
    pages: list[Any] = []
    cursor: dict[str, Any] = {}
    while True:
        page = owner.get(f"{layer}/mapobjects/within", limit=25, **EVERYWHERE, **cursor)
        pages.append(page["objects"])
        if page["cursor"] is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert [len(page) for page in pages] == [25, 25, 10]
    ids = [one["id"] for page in pages for one in page]
    assert ids == sorted(set(ids))


def test_an_object_is_found_at_its_place(owner: Person, layer: str) -> None:
    found = owner.get(f"{layer}/mapobjects/within", **EVERYWHERE)["objects"][0]
    at = {"x": found["x"], "y": found["y"]}
    assert owner.get(f"{layer}/mapobjects/at", **at) == [found]
    nearest = owner.get(f"{layer}/mapobjects/nearest", **at, limit=3)
    assert nearest[0] == found | {"distance": 0}
    assert [one["distance"] for one in nearest] == sorted(one["distance"] for one in nearest)
    near = owner.get(f"{layer}/mapobjects/nearest", **at, max_distance=0)
    assert near == nearest[:1]
    left, top, right, bottom = found["box"]
    corners = f"{left},{top} {right},{top} {right},{bottom} {left},{bottom}"
    drawn = owner.get(f"{layer}/mapobjects/within", polygon=corners)
    assert found in drawn["objects"]
    count = owner.get(f"{layer}/mapobjects/count", polygon=corners)["count"]
    assert count == len(drawn["objects"])


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({}, "either with"),
        (EVERYWHERE | {"polygon": "0,0 1,0 1,1"}, "either with"),
        ({"min_x": 0, "max_x": 5}, "send all of them"),
        (EVERYWHERE | {"max_x": 0}, "empty"),
        ({"polygon": "0,0 1,0"}, "3 and 300 corners"),
        ({"polygon": "0,0 9,9 9,0 0,9"}, "crosses itself"),
        ({"polygon": "0,0 1.2.3,0 1,1"}, "x,y with spaces"),
        ({"polygon": "0,0 nan,0 1,1"}, "x,y with spaces"),
    ],
)
def test_regions_that_cannot_be_are_refused(
    owner: Person,
    layer: str,
    query: dict[str, Any],
    reason: str,
) -> None:
    for question in ("within", "count"):
        path = f"{layer}/mapobjects/{question}"
        assert reason in owner.refused("GET", path, 400, query_string=query)


def test_points_and_layers_that_cannot_be_are_refused(
    owner: Person,
    layer: str,
    crowded: str,
) -> None:
    for question in ("at", "nearest"):
        path = f"{layer}/mapobjects/{question}"
        assert '"x"' in owner.refused("GET", path, 400, query_string={"x": "nan", "y": 0})
        assert '"x", "y"' in owner.refused("GET", path, 400)
        other = f"{crowded}/segmentation_layers/99/mapobjects/{question}"
        owner.refused("GET", other, 404, query_string={"x": 0, "y": 0})
    for question in ("within", "count"):
        other = f"{crowded}/segmentation_layers/99/mapobjects/{question}"
        owner.refused("GET", other, 404, query_string=EVERYWHERE)
