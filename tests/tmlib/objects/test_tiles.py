"""Segmentation tiles: what they hold, and the same on both databases."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import select, update

from tests.tmlib.objects.conftest import (
    HEIGHT,
    MAP_LEVELS,
    WIDTH,
    Laboratory,
    crowd,
    label_image,
)
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer
from tmlib.objects.tiles.geojson_tiles import segmentation_tile, simplification_tolerance
from tmlib.objects.writing.outlines import outlines
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects

INNERMOST = MAP_LEVELS - 1


def tile(
    laboratory: Laboratory, x: int, y: int, z: int, levels: int = MAP_LEVELS
) -> dict[str, Any]:
    with laboratory.database.session() as session:
        layer = session.scalars(select(SegmentationLayer)).one()
        return segmentation_tile(session, layer, x, y, z, levels)


def set_thresholds(laboratory: Laboratory, centroid: int, polygon: int) -> None:
    with laboratory.database.transaction() as session:
        session.execute(
            update(SegmentationLayer).values(centroid_thresh=centroid, polygon_thresh=polygon)
        )


def geometries(collection: dict[str, Any]) -> dict[int, Any]:
    """Geometries by id, with y pointing down again."""
    return {
        feature["id"]: shapely.transform(
            shapely.from_geojson(json.dumps(feature["geometry"])), lambda points: points * (1, -1)
        )
        for feature in collection["features"]
    }


def test_an_exact_outline_at_the_innermost_zoom_level(laboratory: Laboratory) -> None:
    labels = label_image((10, 20, 4, 6))
    labels[11, 21] = 0
    laboratory.record(0, labels)
    collection = tile(laboratory, 0, 0, INNERMOST)
    (feature,) = collection.pop("features")
    outer, inner = feature.pop("geometry").pop("coordinates")
    assert collection == {"type": "FeatureCollection"}
    assert feature == {"type": "Feature", "id": 1, "properties": {"type": "Cells"}}
    assert outer[0] == outer[-1]
    assert inner[0] == inner[-1]
    assert {tuple(point) for point in outer} == {(20, -10), (26, -10), (26, -14), (20, -14)}
    assert {tuple(point) for point in inner} == {(21, -11), (22, -11), (22, -12), (21, -12)}
    assert shapely.LinearRing(outer).is_ccw
    assert not shapely.LinearRing(inner).is_ccw
    assert {type(number) for point in outer for number in point} == {int}


def test_separate_parts_stay_one_object(laboratory: Laboratory) -> None:
    labels = label_image((0, 0, 2, 2))
    labels[10:12, 10:12] = 1
    laboratory.record(0, labels)
    (feature,) = tile(laboratory, 0, 0, INNERMOST)["features"]
    assert feature["geometry"]["type"] == "MultiPolygon"
    found = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert found.equals(
        shapely.union_all([shapely.box(0, -2, 2, 0), shapely.box(10, -12, 12, -10)])
    )


def test_every_object_is_in_exactly_the_tiles_that_it_touches(laboratory: Laboratory) -> None:
    stored: dict[int, Any] = {}
    for site in range(4):
        laboratory.record(site, crowd(site))
        offset = np.array(laboratory.offset(site)[::-1])
        for outline in outlines(crowd(site)).values():
            stored[len(stored) + 1] = shapely.transform(outline, partial(np.add, offset))
    for x in range(4):
        for y in range(3):
            box = shapely.box(x * 256, y * 256, (x + 1) * 256, (y + 1) * 256)
            found = geometries(tile(laboratory, x, y, INNERMOST))
            touching = {id_ for id_, outline in stored.items() if outline.intersects(box)}
            assert set(found) == touching
            assert all(found[id_].normalize() == stored[id_].normalize() for id_ in touching)


def test_every_centroid_is_in_one_tile(laboratory: Laboratory) -> None:
    for site in range(4):
        laboratory.record(site, crowd(site))
    # its centre lies on the corner of four tiles
    laboratory.record(0, label_image((254, 254, 4, 4))[:HEIGHT], tpoint=0)
    set_thresholds(laboratory, 0, 9)
    with laboratory.database.session() as session:
        stored = {
            id_: (x, y)
            for id_, x, y in session.execute(
                select(
                    MapobjectSegmentation.mapobject_id,
                    MapobjectSegmentation.centroid_x,
                    MapobjectSegmentation.centroid_y,
                )
            )
        }
    found: list[int] = []
    for x in range(4):
        for y in range(3):
            collection = tile(laboratory, x, y, INNERMOST)
            for feature in collection["features"]:
                assert feature["geometry"]["type"] == "Point"
                column, row = feature["geometry"]["coordinates"]
                assert (column, -row) == pytest.approx(stored[feature["id"]], abs=0.005)
                assert (column // 256, -row // 256) == (x, y)
                found.append(feature["id"])
    assert sorted(found) == sorted(stored)


def test_nothing_then_centroids_then_outlines(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((100, 100, 30, 30)))
    set_thresholds(laboratory, 1, 2)
    kinds = [
        [feature["geometry"]["type"] for feature in tile(laboratory, 0, 0, z)["features"]]
        for z in range(MAP_LEVELS)
    ]
    assert kinds == [[], ["Point"], ["Polygon"], ["Polygon"]]


def test_points_are_points_at_every_zoom_level(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((0, 0, 3, 3)), as_polygons=False)
    set_thresholds(laboratory, 0, 0)
    (feature,) = tile(laboratory, 0, 0, INNERMOST)["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [1.5, -1.5]}


def test_simplified_outlines_keep_their_shape(laboratory: Laboratory) -> None:
    labels = crowd(0)
    # a ring that one pixel holds together, and a speck
    labels[50:80, 50:80], labels[52:78, 51:79], labels[3, 3] = 100, 0, 101
    laboratory.record(0, labels)
    stored = list(outlines(labels).values())
    for zoomed_out in range(MAP_LEVELS):
        found = list(geometries(tile(laboratory, 0, 0, INNERMOST - zoomed_out)).values())
        for outline in found:
            original = min(stored, key=lambda other: shapely.hausdorff_distance(other, outline))
            assert outline.is_valid
            assert not outline.is_empty
            assert outline.geom_type == original.geom_type
            assert shapely.hausdorff_distance(outline, original) <= (
                simplification_tolerance(zoomed_out) + 1e-9
            )
    assert len(found) == len(stored)
    exact = shapely.get_num_coordinates(stored).sum()
    assert shapely.get_num_coordinates(found).sum() < exact / 3


def test_tiles_outside_are_empty_and_impossible_ones_are_refused(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    empty = {"type": "FeatureCollection", "features": []}
    assert tile(laboratory, 10**6, 10**6, INNERMOST) == empty
    for z in (-1, MAP_LEVELS):
        with pytest.raises(BadInput, match="zoom level"):
            tile(laboratory, 0, 0, z)
    with pytest.raises(BadInput, match="counted from 0"):
        tile(laboratory, -1, 0, 0)


def test_other_layers_are_left_out(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((0, 0, 2, 2)), tpoint=0)
    laboratory.record(0, label_image((0, 0, 2, 2), (9, 9, 2, 2)), tpoint=1)
    with laboratory.database.session() as session:
        layers = session.scalars(select(SegmentationLayer).order_by(SegmentationLayer.tpoint))
        found = [
            [feature["id"] for feature in segmentation_tile(session, layer, 0, 0, 3, 4)["features"]]
            for layer in layers
        ]
    assert found == [[1], [1, 2]]


def test_plates_are_shown_at_every_zoom_level(laboratory: Laboratory) -> None:
    plate = PlacedRectangle(1, 0, 0, 2 * HEIGHT, 2 * WIDTH)
    with laboratory.database.transaction() as session:
        record_static_objects(session, laboratory.experiment_id, plates=[plate], wells=[], sites=[])
        layer = session.scalars(select(SegmentationLayer).order_by(SegmentationLayer.id)).first()
        assert layer is not None
        for z in range(MAP_LEVELS):
            (feature,) = segmentation_tile(session, layer, 0, 0, z, MAP_LEVELS)["features"]
            assert feature["properties"] == {"type": "Plates"}
            (ring,) = feature["geometry"]["coordinates"]
            assert sorted(ring[:-1]) == [[1, -398], [1, -1], [598, -398], [598, -1]]


def test_both_databases_give_the_same_tiles(
    sqlite_url: str, postgresql_url: str, make_laboratory: Callable[[Database], Laboratory]
) -> None:
    tiles = []
    for url in (sqlite_url, postgresql_url):
        laboratory = make_laboratory(Database(url))
        for site in range(4):
            laboratory.record(site, crowd(site))
        set_thresholds(laboratory, 1, 2)
        tiles.append(
            [
                tile(laboratory, x, y, z)
                for z in range(MAP_LEVELS)
                for x in range(3)
                for y in range(2)
            ]
        )
        laboratory.database.close()
    assert tiles[0] == tiles[1]
    assert sum(len(found["features"]) for found in tiles[0]) > 100
