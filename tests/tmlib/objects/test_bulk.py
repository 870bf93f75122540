"""Inserting in bulk and giving ids away, which everything else here relies on."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import shapely
from sqlalchemy import select, text

from tests.tmlib.objects.conftest import Laboratory
from tmlib.db import Database
from tmlib.db.counters import allocate, reserve
from tmlib.db.partitions import create_partitions
from tmlib.db.spatial import bulk_insert, decode, undecoded
from tmlib.objects.mapobject_types import ensure_layer
from tmlib.objects.models import Feature, Mapobject, MapobjectSegmentation


def test_text_arrives_as_it_was(laboratory: Laboratory) -> None:
    names = ["tab\there", "new\nline", "return\rhere", "back\\slash", r"\N", "Größe µm²", '"', ","]
    columns: dict[str, list[Any]] = {
        "experiment_id": [laboratory.experiment_id] * len(names),
        "mapobject_type_id": [laboratory.type_id()] * len(names),
        "name": names,
        "key": names,
        "is_aggregate": [True, False] * 4,
    }
    with laboratory.database.transaction() as session:
        bulk_insert(session, Feature, columns)
        bulk_insert(session, Feature, {name: [] for name in columns})
    with laboratory.database.session() as session:
        found = session.scalars(select(Feature).order_by(Feature.id)).all()
    assert [feature.name for feature in found] == names
    assert [feature.is_aggregate for feature in found] == [True, False] * 4


def test_columns_of_different_length_are_refused(laboratory: Laboratory) -> None:
    with (
        pytest.raises(ValueError, match="shorter"),
        laboratory.database.transaction() as session,
    ):
        bulk_insert(session, Mapobject, {"id": [1, 2], "ref_id": [1]})


def test_geometries_arrive_exactly(laboratory: Laboratory) -> None:
    shapes = [
        shapely.Point(1 / 3, 2 / 3),
        shapely.box(0, 0, 3, 3).difference(shapely.box(1, 1, 2, 2)),
        shapely.union_all([shapely.box(0, 0, 1, 1), shapely.box(2, 2, 3, 3)]),
    ]
    ids, experiment_ids = [1, 2, 3], [laboratory.experiment_id] * 3
    type_id = laboratory.type_id()
    with laboratory.database.transaction() as session:
        layer_id = ensure_layer(session, type_id, 0, 0, as_polygons=True)
        owners = {"experiment_id": experiment_ids, "id": ids}
        bulk_insert(
            session, Mapobject, {**owners, "mapobject_type_id": [type_id] * 3, "ref_id": ids}
        )
        bulk_insert(
            session,
            MapobjectSegmentation,
            {
                **owners,
                "mapobject_id": ids,
                "segmentation_layer_id": [layer_id] * 3,
                "label": [None, 1, 2],
                "is_border": [False] * 3,
                "centroid_y": [0.1] * 3,
                "centroid_x": [1e-300] * 3,
                "outline": shapes,
            },
        )
    with laboratory.database.session() as session:
        found = session.scalars(
            select(MapobjectSegmentation).order_by(MapobjectSegmentation.id)
        ).all()
        raw = session.scalars(
            select(undecoded(MapobjectSegmentation.outline)).order_by(MapobjectSegmentation.id)
        ).all()
    assert [segmentation.outline for segmentation in found] == shapes
    assert decode(raw).tolist() == shapes
    assert [segmentation.label for segmentation in found] == [None, 1, 2]
    assert (found[0].centroid_y, found[0].centroid_x) == (0.1, 1e-300)


def test_no_number_is_given_away_twice(database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        blocks = pool.map(lambda count: allocate(database, count, "mapobjects"), range(1, 21))
        numbers = [number for (block,) in blocks for number in block]
    assert sorted(numbers) == list(range(1, 211))


def test_a_reservation_is_part_of_its_transaction(database: Database) -> None:
    with database.transaction() as session:
        assert reserve(session, 5, "mapobjects") == range(1, 6)
        session.rollback()
    assert allocate(database, 2, "mapobjects", "mapobject_segmentations") == (
        range(1, 3),
        range(1, 3),
    )


def test_partitions_are_made_on_postgresql_only(database: Database) -> None:
    with database.transaction() as session:
        create_partitions(session, 7)
        if not database.is_sqlite:
            found = session.scalar(text("SELECT to_regclass('mapobject_segmentations_7')"))
            assert found == "mapobject_segmentations_7"
