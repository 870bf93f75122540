"""Questions about places, answered as shapely answers them from all outlines."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from tests.tmlib.objects.conftest import HEIGHT, WIDTH, Laboratory, crowd
from tmlib.errors import BadInput
from tmlib.objects.models import SegmentationLayer
from tmlib.objects.tiles import spatial_queries
from tmlib.objects.tiles.spatial_queries import (
    count_in,
    nearest_objects,
    objects_at,
    objects_in,
    region_of,
)
from tmlib.objects.writing.outlines import outlines

LAYER = "Cells"


@pytest.fixture
def stored(laboratory: Laboratory) -> dict[int, Any]:
    """Outlines of the objects of two sites by id; other types lie on top of them."""
    found: dict[int, Any] = {}
    for site in range(2):
        laboratory.record(site, crowd(site))
        offset = np.array(laboratory.offset(site)[::-1])
        for outline in outlines(crowd(site)).values():
            found[len(found) + 1] = shapely.transform(outline, partial(np.add, offset))
    laboratory.record(0, crowd(5), name="Nuclei")
    return found


def layer_of(session: Session, laboratory: Laboratory) -> SegmentationLayer:
    type_id = laboratory.type_id(LAYER)
    return session.scalars(
        select(SegmentationLayer).where(SegmentationLayer.mapobject_type_id == type_id)
    ).one()


def test_objects_at_a_point(laboratory: Laboratory, stored: dict[int, Any]) -> None:
    random = np.random.default_rng(1)
    n_found = 0
    with laboratory.database.session() as session:
        layer = layer_of(session, laboratory)
        for x, y in random.uniform((0, 0), (2 * WIDTH, HEIGHT), (30, 2)).tolist():
            found = [one.id for one in objects_at(session, layer, x, y, 100)]
            point = shapely.Point(x, y)
            assert found == [id_ for id_, outline in stored.items() if outline.intersects(point)]
            n_found += len(found)
    assert n_found > 5


def test_what_is_told_of_an_object(laboratory: Laboratory, stored: dict[int, Any]) -> None:
    with laboratory.database.session() as session:
        layer = layer_of(session, laboratory)
        for id_, outline in list(stored.items())[:5]:
            point = outline.representative_point()
            (found,) = objects_at(session, layer, point.x, point.y, 100)
            assert (found.id, found.box, found.distance) == (id_, outline.bounds, 0)
            assert found.label in crowd(0)
            assert (found.x, found.y) == pytest.approx((outline.centroid.x, outline.centroid.y))


@pytest.mark.parametrize(
    "region",
    [
        shapely.box(100, 20, 350, 150),
        shapely.box(-50, -50, 9999, 9999),
        shapely.box(0.25, 0.25, 0.5, 0.5),
        region_of([(10, 10), (500, 40), (300, 180), (250, 60)]),
    ],
    ids=["rectangle", "everything", "within an object or none", "drawn"],
)
def test_objects_in_a_region_are_counted_and_paged(
    laboratory: Laboratory, stored: dict[int, Any], region: shapely.Polygon, monkeypatch: Any
) -> None:
    monkeypatch.setattr(spatial_queries, "_CANDIDATES", 7)
    expected = [id_ for id_, outline in stored.items() if outline.intersects(region)]
    with laboratory.database.session() as session:
        layer = layer_of(session, laboratory)
        assert count_in(session, layer, region) == len(expected)
        assert [one.id for one in objects_in(session, layer, region, 1000)] == expected
        paged: list[int] = []
        while page := objects_in(session, layer, region, 4, paged[-1] if paged else 0):
            assert len(page) <= 4
            paged += [one.id for one in page]
        assert paged == expected


def test_nearest_objects(laboratory: Laboratory, stored: dict[int, Any]) -> None:
    random = np.random.default_rng(2)
    points = random.uniform((-500, -500), (3 * WIDTH, 2 * HEIGHT), (10, 2)).tolist()
    with laboratory.database.session() as session:
        layer = layer_of(session, laboratory)
        for x, y in points:
            point = shapely.Point(x, y)
            distances = {id_: outline.distance(point) for id_, outline in stored.items()}
            expected = sorted(distances, key=lambda id_: (distances[id_], id_))
            for limit in (1, 10, 1000):
                found = nearest_objects(session, layer, x, y, limit)
                assert [one.id for one in found] == expected[:limit]
                assert [one.distance for one in found] == [
                    distances[id_] for id_ in expected[:limit]
                ]
            near = nearest_objects(session, layer, x, y, 1000, max_distance=80)
            assert [one.id for one in near] == [id_ for id_ in expected if distances[id_] <= 80]


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        ([(0, 0), (1, 1)], "between 3 and 300 corners"),
        ([(n, n % 2) for n in range(301)], "301"),
        ([(0, 0), (9, 9), (9, 0), (0, 9)], "crosses itself"),
        ([(0, 0), (1, 1), (2, 2)], "encloses nothing"),
    ],
)
def test_lines_that_enclose_no_region(corners: list[tuple[float, float]], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        region_of(corners)
