"""Vector tiles: what they hold is what is stored, at every zoom level and on both databases."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import mapbox_vector_tile
import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from sqlalchemy import select, text

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
from tmlib.objects.mapobject_types import delete_type
from tmlib.objects.models import MapobjectSegmentation, SegmentationChange, SegmentationLayer
from tmlib.objects.tiles import outline_tiles, vector_tiles
from tmlib.objects.tiles.layer_index import index_files
from tmlib.objects.tiles.vector_tile_encoding import EXTENT
from tmlib.objects.tiles.vector_tiles import (
    MAX_BYTES,
    TileKind,
    VectorTile,
    tile_place,
    vector_tile,
)
from tmlib.objects.values import compaction, feature_files
from tmlib.objects.versions import layer_version
from tmlib.objects.writing.outlines import outlines
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects

INNERMOST = MAP_LEVELS - 1


def make_tile(
    laboratory: Laboratory, x: int, y: int, z: int, *, asks_before: bool = True, **options: Any
) -> VectorTile:
    with laboratory.database.session() as session:
        layer = session.scalars(select(SegmentationLayer)).one()
        version = layer_version(session, layer.id) if asks_before else None
        place = tile_place(x, y, z, MAP_LEVELS)
        return vector_tile(session, laboratory.storage, layer, place, version=version, **options)


def decode(tile: VectorTile) -> tuple[list[Any], int]:
    """Features of a tile as an independent reader sees them, and its extent."""
    layers = mapbox_vector_tile.decode(tile.content, default_options={"y_coord_down": True})
    if not layers:
        return [], 0
    (name,) = layers
    assert name == tile.kind
    assert layers[name]["version"] == 2
    return layers[name]["features"], layers[name]["extent"]


def on_map(feature: Any, x: int, y: int, z: int, extent: int) -> Any:
    """Geometry of a feature in pixels of the map."""
    size = 256 << (INNERMOST - z)
    corner = np.array([x * size, y * size])
    return shapely.transform(
        shapely.geometry.shape(feature["geometry"]), lambda points: points * size / extent + corner
    )


def distance(found: Any, stored: Any) -> float:
    """How far a simplified outline is from the exact one.

    Holes and parts that became too small are missing from it, so that an exact outline which has
    them is not compared with it the other way round.
    """
    if found.geom_type == stored.geom_type == "Point":
        return float(shapely.distance(found, stored))
    points = shapely.points(shapely.get_coordinates(shapely.segmentize(found, 1)))
    there = float(shapely.distance(points, stored.boundary).max())
    if len(shapely.get_rings(stored)) > 1:
        return there
    return max(there, float(shapely.hausdorff_distance(stored, found, densify=0.02)))


def places(z: int) -> Iterator[tuple[int, int, int]]:
    size = 256 << (INNERMOST - z)
    for x in range(-(-2 * WIDTH // size)):
        for y in range(-(-2 * HEIGHT // size)):
            yield x, y, z


def fill(laboratory: Laboratory) -> dict[int, Any]:
    """Record objects in all sites; outlines by mapobject id."""
    stored: dict[int, Any] = {}
    for site in range(4):
        laboratory.record(site, crowd(site))
        offset = np.array(laboratory.offset(site)[::-1])
        for outline in outlines(crowd(site)).values():
            stored[len(stored) + 1] = shapely.transform(outline, partial(np.add, offset))
    return stored


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Levels of the laboratory show densities, centroids and outlines."""
    monkeypatch.setattr(vector_tiles, "MAX_OUTLINES", 50)
    monkeypatch.setattr(vector_tiles, "MAX_CENTROIDS", 140)


@pytest.mark.parametrize("z", range(MAP_LEVELS))
def test_every_outline_is_in_exactly_the_tiles_that_it_touches(
    laboratory: Laboratory, z: int
) -> None:
    stored = fill(laboratory)
    size = 256 << (INNERMOST - z)
    tolerance = (outline_tiles.TOLERANCE + 1) * size / EXTENT
    for x, y, _ in places(z):
        box = shapely.box(x * size, y * size, (x + 1) * size, (y + 1) * size)
        features, extent = decode(make_tile(laboratory, x, y, z))
        found = {feature["id"]: on_map(feature, x, y, z, extent) for feature in features}
        touching = {id_ for id_, outline in stored.items() if outline.intersects(box)}
        assert set(found) == touching
        assert len(found) == len(features)
        for id_ in touching:
            if z == INNERMOST:
                assert found[id_].normalize() == stored[id_].normalize()
            else:
                assert distance(found[id_], stored[id_]) <= tolerance


def test_features_tell_id_and_label_alone(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((10, 10, 20, 20), (50, 50, 9, 9)))
    features, _ = decode(make_tile(laboratory, 0, 0, INNERMOST))
    assert [(one["id"], one["properties"]) for one in features] == [
        (1, {"label": 1}),
        (2, {"label": 2}),
    ]


@pytest.mark.usefixtures("small_limits")
def test_every_object_is_counted_once_at_every_level(laboratory: Laboratory) -> None:
    stored = fill(laboratory)
    kinds = []
    for z in range(MAP_LEVELS):
        tiles = [(place, make_tile(laboratory, *place)) for place in places(z)]
        (kind,) = {tile.kind for _, tile in tiles}
        kinds.append(kind)
        decoded = [(place, *decode(tile)) for place, tile in tiles]
        if kind is TileKind.DENSITY:
            counts = [one["properties"]["count"] for _, features, _ in decoded for one in features]
            assert sum(counts) == len(stored)
        else:
            ids = Counter(one["id"] for _, features, _ in decoded for one in features)
            assert set(ids) == set(stored)
            assert kind is TileKind.OUTLINES or set(ids.values()) == {1}
    assert kinds == ["density", "density", "centroids", "outlines"]


@pytest.mark.usefixtures("small_limits")
def test_cells_count_what_lies_in_them(laboratory: Laboratory) -> None:
    fill(laboratory)
    points = centroids(laboratory)
    for z in (0, 1):
        cell = 4 << (INNERMOST - z)
        for x, y, _ in places(z):
            features, extent = decode(make_tile(laboratory, x, y, z))
            assert extent == 64
            expected = Counter(
                (column - x * 64, row - y * 64)
                for column, row in (points // cell).astype(int).tolist()
                if column // 64 == x and row // 64 == y
            )
            found = {}
            for feature in features:
                square = shapely.geometry.shape(feature["geometry"])
                left, top, right, bottom = square.bounds
                assert square.equals(shapely.box(left, top, left + 1, top + 1))
                assert (right, bottom) == (left + 1, top + 1)
                found[int(left), int(top)] = feature["properties"]["count"]
            assert found == expected


@pytest.mark.usefixtures("small_limits")
def test_centroids_are_where_they_are(laboratory: Laboratory) -> None:
    fill(laboratory)
    with laboratory.database.session() as session:
        stored = {
            row.mapobject_id: row
            for row in session.scalars(
                select(MapobjectSegmentation).order_by(MapobjectSegmentation.id)
            )
        }
    for x, y, z in places(2):
        features, extent = decode(make_tile(laboratory, x, y, z))
        for feature in features:
            row = stored[feature["id"]]
            point = on_map(feature, x, y, z, extent)
            assert 0 <= row.centroid_x - point.x < 512 / EXTENT
            assert 0 <= row.centroid_y - point.y < 512 / EXTENT
            assert feature["properties"] == {"label": row.label}
            assert (row.centroid_x // 512, row.centroid_y // 512) == (x, y)


def centroids(laboratory: Laboratory) -> NDArray[np.float64]:
    with laboratory.database.session() as session:
        found = session.execute(
            select(MapobjectSegmentation.centroid_x, MapobjectSegmentation.centroid_y)
        ).all()
    return np.array([tuple(row) for row in found])


def test_objects_that_are_only_points_are_centroids(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((0, 0, 3, 3)), as_polygons=False)
    tile = make_tile(laboratory, 0, 0, INNERMOST, has_outlines=False)
    assert tile.kind is TileKind.CENTROIDS
    (feature,), _ = decode(tile)
    assert feature["geometry"] == {"type": "Point", "coordinates": [6, 6]}


def test_what_is_too_small_for_an_outline_is_a_point(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((10, 10, 1, 1), (40, 40, 90, 90)))
    with laboratory.database.session() as session:
        layer = session.scalars(select(SegmentationLayer)).one()
        content, version = outline_tiles.encode_outlines(session, layer, tile_place(0, 0, 0, 6))
        assert version == layer_version(session, layer.id)
    features, _ = decode(VectorTile(content, TileKind.OUTLINES, version))
    assert [feature["geometry"]["type"] for feature in features] == ["Point", "Polygon"]
    assert features[0]["geometry"]["coordinates"] == [1, 1]


def test_plates_have_no_label(laboratory: Laboratory) -> None:
    plate = PlacedRectangle(1, 0, 0, 2 * HEIGHT, 2 * WIDTH)
    with laboratory.database.transaction() as session:
        record_static_objects(session, laboratory.experiment_id, plates=[plate], wells=[], sites=[])
        layers = session.scalars(select(SegmentationLayer).order_by(SegmentationLayer.id)).all()
        version = layer_version(session, layers[0].id)
    with laboratory.database.session() as session:
        place = tile_place(0, 0, 0, MAP_LEVELS)
        tile = vector_tile(session, laboratory.storage, layers[0], place, version=version)
    (feature,), _ = decode(tile)
    assert feature["properties"] == {}


def test_tiles_outside_are_empty_and_impossible_ones_are_refused(laboratory: Laboratory) -> None:
    fill(laboratory)
    for z in range(MAP_LEVELS):
        for x in (100, 2**31 - 1):
            assert make_tile(laboratory, x, x, z).content == b""
    for z in (-1, MAP_LEVELS):
        with pytest.raises(BadInput, match="zoom level"):
            make_tile(laboratory, 0, 0, z)
    with pytest.raises(BadInput, match="counted from 0"):
        make_tile(laboratory, -1, 0, 0)


def test_a_layer_without_objects_has_empty_tiles(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image())
    assert [make_tile(laboratory, 0, 0, z).content for z in range(MAP_LEVELS)] == [b""] * MAP_LEVELS


def test_both_databases_give_the_same_tiles(
    sqlite_url: str,
    postgresql_url: str,
    make_laboratory: Callable[[Database], Laboratory],
    small_limits: None,
) -> None:
    found: list[list[Any]] = []
    for url in (sqlite_url, postgresql_url):
        laboratory = make_laboratory(Database(url))
        fill(laboratory)
        found.append(
            [
                (tile.kind, *decode(tile))
                for z in range(MAP_LEVELS)
                for tile in (make_tile(laboratory, *place) for place in places(z))
            ]
        )
        laboratory.database.close()
    for (kind, features, extent), (other_kind, others, other_extent) in zip(*found, strict=True):
        assert (kind, extent) == (other_kind, other_extent)
        assert len(features) == len(others)
        for one, other in zip(features, others, strict=True):
            assert (one["id"], one["properties"]) == (other["id"], other["properties"])
            shapes = [shapely.geometry.shape(each["geometry"]) for each in (one, other)]
            assert distance(*shapes) <= outline_tiles.TOLERANCE


def test_postgis_clips_and_quantises_the_same_outlines(
    postgresql_url: str, make_laboratory: Callable[[Database], Laboratory]
) -> None:
    laboratory = make_laboratory(Database(postgresql_url))
    stored = fill(laboratory)
    query = text("""
        SELECT ST_AsMVT(tile, 'outlines', 1024, 'geometry', 'id')
        FROM (
            SELECT
                mapobject_id AS id,
                label,
                ST_AsMVTGeom(
                    ST_Scale(outline, 1, -1), ST_MakeEnvelope(0, -:size, :size, 0), 1024, 4096
                ) AS geometry
            FROM mapobject_segmentations
            WHERE outline && ST_MakeEnvelope(0, 0, :size, :size, 0)
            ORDER BY mapobject_id
        ) AS tile
    """)
    for z in (INNERMOST, INNERMOST - 1):
        size = 256 << (INNERMOST - z)
        with laboratory.database.session() as session:
            content = bytes(session.execute(query, {"size": size}).scalar_one())
        # it turns y around, and with such a margin clips nothing
        theirs, _ = decode(VectorTile(content, TileKind.OUTLINES, ""))
        ours, _ = decode(make_tile(laboratory, 0, 0, z))
        box = shapely.box(0, 0, size, size)
        assert [one["id"] for one in ours] == [
            one["id"] for one in theirs if stored[one["id"]].intersects(box)
        ]
        by_id = {one["id"]: one for one in theirs}
        for one in ours:
            shapes = [shapely.geometry.shape(each["geometry"]) for each in (one, by_id[one["id"]])]
            assert one["properties"] == by_id[one["id"]]["properties"]
            assert distance(*shapes) <= (1e-9 if z == INNERMOST else outline_tiles.TOLERANCE + 1)
    laboratory.database.close()


def test_outlines_with_very_many_vertices_are_cut_around_the_tile(
    laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outline_tiles, "MANY_VERTICES", 50)
    labels = label_image((0, 0, HEIGHT, WIDTH))
    labels[0:100:2, 1::2] = 0
    laboratory.record(0, labels)
    (feature,), _ = decode(make_tile(laboratory, 0, 0, INNERMOST))
    found = shapely.geometry.shape(feature["geometry"])
    margin = outline_tiles.MARGIN
    assert found.bounds == (0, 0, EXTENT + margin, HEIGHT * 4)
    (stored,) = outlines(labels).values()
    shown = shapely.intersection(found, shapely.box(0, 0, EXTENT, EXTENT))
    expected = shapely.intersection(stored, shapely.box(0, 0, 256, 256))
    assert shown.area == expected.area * 16


def test_no_tile_is_too_large(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[::2, ::2] = np.arange(1, HEIGHT * WIDTH // 4 + 1).reshape(HEIGHT // 2, -1)
    laboratory.record(0, labels)
    tiles = [make_tile(laboratory, *place) for z in range(MAP_LEVELS) for place in places(z)]
    assert max(len(tile.content) for tile in tiles) <= MAX_BYTES
    assert {tile.kind for tile in tiles} == {TileKind.DENSITY}
    monkeypatch.setattr(vector_tiles, "MAX_OUTLINES", 10**6)
    monkeypatch.setattr(vector_tiles, "MAX_CENTROIDS", 10**6)
    monkeypatch.setattr(vector_tiles, "MAX_BYTES", 100)
    assert make_tile(laboratory, 0, 0, INNERMOST).kind is TileKind.CENTROIDS


def test_the_version_changes_with_the_objects(laboratory: Laboratory) -> None:
    versions = []

    def look() -> None:
        with laboratory.database.session() as session:
            layer = session.scalars(select(SegmentationLayer)).one()
            versions.append(layer_version(session, layer.id))

    laboratory.record(0, crowd(0))
    look()
    laboratory.record(1, crowd(1))
    look()
    laboratory.record(1, crowd(1))
    look()
    laboratory.record(1, label_image())
    look()
    assert len(set(versions)) == 4
    compaction.compact(laboratory.database, laboratory.storage, laboratory.type_id())
    look()
    assert versions[-1] == versions[-2]
    with laboratory.database.session() as session:
        assert len(session.scalars(select(SegmentationChange)).all()) == 1


@pytest.mark.usefixtures("small_limits")
def test_a_tile_finds_out_by_itself_of_which_version_it_is(laboratory: Laboratory) -> None:
    kinds = []
    few = partial(laboratory.record, 0, label_image((10, 10, 5, 5)))
    other = partial(laboratory.record, 0, label_image((9, 9, 5, 5)))
    for change in (few, other, partial(fill, laboratory)):
        change()
        for z in reversed(range(MAP_LEVELS)):  # only the first tile meets the index from before
            tile = make_tile(laboratory, 0, 0, z, asks_before=False)
            assert tile == make_tile(laboratory, 0, 0, z)
            kinds.append(tile.kind)
    assert kinds[: 2 * MAP_LEVELS] == [TileKind.OUTLINES] * 2 * MAP_LEVELS
    assert set(kinds) == set(TileKind)


@pytest.mark.usefixtures("small_limits")
def test_tiles_follow_the_objects(laboratory: Laboratory) -> None:
    fill(laboratory)
    before = make_tile(laboratory, 0, 0, 0)
    laboratory.record(0, label_image((10, 10, 5, 5)))
    after = make_tile(laboratory, 0, 0, 0)
    assert before.version != after.version
    counts = [
        sum(one["properties"].get("count", 1) for one in decode(tile)[0])
        for tile in (before, after)
    ]
    assert counts[1] == len(centroids(laboratory)) < counts[0]


def test_one_index_is_kept_until_the_type_is_deleted(laboratory: Laboratory) -> None:
    for site in range(3):
        laboratory.record(site, crowd(site))
        make_tile(laboratory, 0, 0, 0)
    with laboratory.database.transaction() as session:
        layer_id = session.scalars(select(SegmentationLayer.id)).one()
        folder = laboratory.storage.layer_tiles(layer_id)
        assert len(index_files(folder)) == 1
        outdated = delete_type(session, laboratory.storage, laboratory.type_id())
    feature_files.remove(outdated)
    assert index_files(folder) == []
