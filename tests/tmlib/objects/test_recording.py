"""Recording the objects of sites, on both databases."""

import multiprocessing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import delete, func, select, table

from tests.tmlib.objects.conftest import HEIGHT, WIDTH, Laboratory, crowd, label_image, measure
from tmlib import schema
from tmlib.db import Database
from tmlib.db.spatial import RTREE
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.experiments.models import Site
from tmlib.objects import deletion
from tmlib.objects.mapobject_types import (
    delete_type,
    delete_types,
    ensure_mapobject_type,
    set_zoom_thresholds,
    zoom_thresholds,
)
from tmlib.objects.models import (
    DeletedMapobjectType,
    Feature,
    FeatureValueFile,
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.service import count_objects
from tmlib.objects.values import feature_files
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.objects.writing.recording import PreparedSiteObjects, prepare_site_objects, record
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects
from tmlib.storage import ExperimentStorage

OWNED = (
    DeletedMapobjectType,
    MapobjectType,
    SegmentationLayer,
    Feature,
    FeatureValueFile,
    Mapobject,
    MapobjectSegmentation,
)


def counts(database: Database) -> dict[str, int]:
    with database.session() as session:
        found = {
            model.__tablename__: session.scalar(select(func.count()).select_from(model)) or 0
            for model in OWNED
        }
        if database.is_sqlite:
            found[RTREE] = session.scalar(select(func.count()).select_from(table(RTREE))) or 0
    return found


def segmentations(database: Database) -> list[MapobjectSegmentation]:
    with database.session() as session:
        return list(
            session.scalars(
                select(MapobjectSegmentation).order_by(
                    MapobjectSegmentation.mapobject_id, MapobjectSegmentation.label
                )
            )
        )


def test_the_tables_are_as_the_code_has_them(database: Database) -> None:
    assert schema.differences(database) == []


def test_objects_are_placed_on_the_map(laboratory: Laboratory) -> None:
    laboratory.record(3, label_image((10, 20, 4, 6), (0, 50, 5, 5), (195, 295, 5, 5)))
    inner, upper, corner = segmentations(laboratory.database)
    assert [found.label for found in (inner, upper, corner)] == [1, 2, 3]
    assert [found.is_border for found in (inner, upper, corner)] == [False, True, True]
    y, x = HEIGHT + 10, WIDTH + 20
    assert inner.outline.equals(shapely.box(x, y, x + 6, y + 4))
    assert (inner.centroid_y, inner.centroid_x) == (y + 2, x + 3)
    with laboratory.database.session() as session:
        assert session.scalars(select(Mapobject.ref_id).distinct()).all() == [
            laboratory.site_ids[3]
        ]


def test_points_are_stored_where_no_polygons_are_wanted(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((10, 20, 4, 6)), as_polygons=False)
    (found,) = segmentations(laboratory.database)
    assert found.outline.equals(shapely.Point(23, 12))


def test_holes_and_separate_parts_survive(laboratory: Laboratory) -> None:
    labels = label_image((10, 10, 30, 30))
    labels[20:25, 20:25] = 0
    labels[100:110, 100:110] = 1
    laboratory.record(0, labels)
    (found,) = segmentations(laboratory.database)
    assert found.outline.geom_type == "MultiPolygon"
    assert found.outline.area == np.count_nonzero(labels)
    assert found.outline.is_valid


def test_recording_again_replaces(laboratory: Laboratory) -> None:
    for site in range(2):
        laboratory.record(site, crowd(site))
    before = counts(laboratory.database)
    files = laboratory.files()
    laboratory.record(1, crowd(1))
    assert counts(laboratory.database) == before
    assert len(laboratory.files()) == 2
    assert laboratory.files() != files
    laboratory.record(1, label_image())
    with laboratory.database.session() as session:
        assert session.scalars(select(Mapobject.ref_id).distinct()).all() == [
            laboratory.site_ids[0]
        ]


def test_the_same_prepared_objects_can_be_recorded_twice(laboratory: Laboratory) -> None:
    labels = crowd(0)
    prepared = prepare_site_objects(
        laboratory.database,
        laboratory.storage,
        mapobject_type_id=laboratory.type_id(),
        site_id=laboratory.site_ids[0],
        site_offset=(0, 0),
        tpoint=0,
        zplane=0,
        labels=labels,
        measurements=measure(labels),
    )
    found = []
    for _ in range(2):
        with laboratory.database.transaction() as session:
            assert record(session, prepared) == []
        found.append(counts(laboratory.database))
    assert found[0] == found[1]
    assert prepared.feature_file.exists()


def test_other_time_points_planes_and_types_are_left_alone(laboratory: Laboratory) -> None:
    labels = label_image((10, 10, 5, 5))
    laboratory.record(0, labels)
    laboratory.record(0, labels, tpoint=1)
    laboratory.record(0, labels, zplane=1)
    laboratory.record(0, labels, name="Nuclei")
    laboratory.record(0, labels)
    found = counts(laboratory.database)
    assert (found["mapobjects"], found["mapobject_segmentations"]) == (2, 4)
    assert found["segmentation_layers"] == 4
    assert found["feature_value_files"] == len(laboratory.files()) == 4


def ids_at(laboratory: Laboratory, tpoint: int, zplane: int = 0) -> dict[int, int]:
    """Ids of the cells at a time point and plane by label, of outlines and of values alike."""
    with laboratory.database.session() as session:
        outlined = session.execute(
            select(MapobjectSegmentation.label, MapobjectSegmentation.mapobject_id)
            .join(
                SegmentationLayer,
                SegmentationLayer.id == MapobjectSegmentation.segmentation_layer_id,
            )
            .where(
                SegmentationLayer.mapobject_type_id == laboratory.type_id(),
                SegmentationLayer.tpoint == tpoint,
                SegmentationLayer.zplane == zplane,
            )
        )
        found = {label: identifier for label, identifier in outlined if label is not None}
    stored = select_feature_values(laboratory.database, laboratory.storage, laboratory.type_id())
    values = pd.DataFrame(stored.table().to_pydict())
    here = values[(values.tpoint == tpoint) & (values.zplane == zplane)]
    assert dict(zip(here.label, here.mapobject_id, strict=True)) == found
    return found


def test_a_label_is_one_object_at_all_time_points_and_planes(laboratory: Laboratory) -> None:
    one, two = (1, 1, 4, 4), (20, 20, 5, 5)
    laboratory.record(0, label_image(one), tpoint=2)
    laboratory.record(0, label_image(two, one), tpoint=0)
    laboratory.record(0, label_image(one), tpoint=2, zplane=1)
    laboratory.record(0, label_image(one, two, (50, 50, 3, 3)), tpoint=3)
    first = ids_at(laboratory, 0)
    assert len(set(first.values())) == 2
    assert ids_at(laboratory, 2) == ids_at(laboratory, 2, 1) == {1: first[1]}
    last = ids_at(laboratory, 3)
    assert {label: last[label] for label in first} == first
    assert last[3] not in first.values()
    laboratory.record(1, label_image(one), tpoint=1)
    laboratory.record(0, label_image(one), tpoint=1, name="Nuclei")
    assert ids_at(laboratory, 1)[1] not in last.values()
    with laboratory.database.session() as session:
        assert count_objects(session, laboratory.experiment_id) == {"Cells": 4, "Nuclei": 1}
        labels = session.execute(select(Mapobject.id, Mapobject.label)).all()
    assert {label: number for number, label in labels if number in last.values()} == last


def test_what_is_replaced_at_one_time_point_stays_at_the_others(laboratory: Laboratory) -> None:
    one, two = (1, 1, 4, 4), (20, 20, 5, 5)
    for tpoint in range(3):
        laboratory.record(0, label_image(one, two), tpoint=tpoint)
    before = ids_at(laboratory, 0)
    laboratory.record(0, label_image(one), tpoint=1)
    assert ids_at(laboratory, 1) == {1: before[1]}
    assert ids_at(laboratory, 0) == ids_at(laboratory, 2) == before
    laboratory.record(0, label_image(two, one, one), tpoint=1)
    assert ids_at(laboratory, 1).items() >= {(1, before[1])}
    for tpoint in range(3):
        laboratory.record(0, label_image(), tpoint=tpoint)
    found = counts(laboratory.database)
    assert (found["mapobjects"], found["mapobject_segmentations"]) == (0, 0)


def test_objects_prepared_at_the_same_time_agree_in_their_ids(laboratory: Laboratory) -> None:
    def prepare(tpoint: int, *boxes: tuple[int, int, int, int]) -> PreparedSiteObjects:
        labels = label_image(*boxes)
        return prepare_site_objects(
            laboratory.database,
            laboratory.storage,
            mapobject_type_id=laboratory.type_id(),
            site_id=laboratory.site_ids[0],
            site_offset=(0, 0),
            tpoint=tpoint,
            zplane=0,
            labels=labels,
            measurements=measure(labels),
        )

    one, two = (1, 1, 4, 4), (20, 20, 5, 5)
    several = [prepare(0, one), prepare(1, one, two), prepare(2, two, one)]
    for prepared in several:
        with laboratory.database.transaction() as session:
            outdated = record(session, prepared)
        feature_files.remove(outdated)
    assert ids_at(laboratory, 1) == ids_at(laboratory, 2)
    assert ids_at(laboratory, 0).items() <= ids_at(laboratory, 1).items()
    assert len(laboratory.files()) == 3


def test_what_is_rolled_back_leaves_nothing_but_a_file_to_sweep(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    before, files = counts(laboratory.database), laboratory.files()
    prepared = prepare_site_objects(
        laboratory.database,
        laboratory.storage,
        mapobject_type_id=laboratory.type_id(),
        site_id=laboratory.site_ids[0],
        site_offset=(0, 0),
        tpoint=0,
        zplane=0,
        labels=label_image((1, 1, 2, 2)),
        measurements=pd.DataFrame(),
    )
    with laboratory.database.transaction() as session:
        record(session, prepared)
        session.rollback()
    assert counts(laboratory.database) == before
    assert feature_files.sweep(laboratory.database, laboratory.storage) == 0
    assert feature_files.sweep(laboratory.database, laboratory.storage, older_than=0) == 1
    assert laboratory.files() == files


def test_features_are_numbered_in_the_order_of_the_pipeline(laboratory: Laboratory) -> None:
    labels = label_image((1, 1, 2, 2))
    laboratory.record(0, labels, pd.DataFrame({"z": [1.0], "a": [2.0]}, index=[1]))
    laboratory.record(1, labels, pd.DataFrame({"z": [1.0], "a": [2.0], "m": [3.0]}, index=[1]))
    with laboratory.database.session() as session:
        found = session.scalars(select(Feature).order_by(Feature.id)).all()
    assert [feature.name for feature in found] == ["z", "a", "m"]
    assert [feature.key for feature in found] == ["z", "a", "m"]


def test_a_feature_that_took_the_name_of_another_is_reported(laboratory: Laboratory) -> None:
    labels = label_image((1, 1, 2, 2))
    laboratory.record(0, labels, pd.DataFrame({"a": [1.0]}, index=[1]))
    with laboratory.database.transaction() as session:
        session.scalars(select(Feature)).one().name = "b"
    laboratory.record(1, labels, pd.DataFrame({"a": [1.0]}, index=[1]))
    with pytest.raises(Conflict, match='renamed to "b"'):
        laboratory.record(1, labels, pd.DataFrame({"b": [1.0]}, index=[1]))


@pytest.mark.parametrize(
    ("measurements", "message"),
    [
        (pd.DataFrame({"a": [1.0]}, index=[2]), "1 objects in the label image"),
        (pd.DataFrame({"a": [1.0, 2.0]}, index=[1, 2]), "2 rows of measurements"),
        (pd.DataFrame({"label": [1.0]}, index=[1]), 'cannot be named "label"'),
        (pd.DataFrame([[1.0, 2.0]], columns=["a", "a"], index=[1]), '"a" is measured twice'),
    ],
)
def test_measurements_that_do_not_fit_are_refused(
    laboratory: Laboratory, measurements: pd.DataFrame, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        laboratory.record(0, label_image((1, 1, 2, 2)), measurements)
    assert laboratory.files() == []


def test_a_site_that_was_deleted_is_reported(laboratory: Laboratory) -> None:
    with laboratory.database.transaction() as session:
        session.execute(delete(Site).where(Site.id == laboratory.site_ids[0]))
    with pytest.raises(NotFound, match="was deleted"):
        laboratory.record(0, crowd(0))


def test_labels_may_be_sparse_and_large(laboratory: Laboratory) -> None:
    labels = label_image((10, 10, 2, 2), (20, 20, 2, 2))
    labels[labels == 2] = np.iinfo(np.int32).max
    laboratory.record(0, labels, pd.DataFrame())
    assert [found.label for found in segmentations(laboratory.database)] == [1, 2**31 - 1]


def _record_sites(
    url: str, data_dir: Path, experiment_id: int, site_ids: list[int], sites: list[int]
) -> None:
    """In a process of its own: record each of the sites three times."""
    database = Database(url)
    laboratory = Laboratory(database, ExperimentStorage(data_dir, experiment_id), site_ids)
    for _ in range(3):
        for site in sites:
            laboratory.record(site, crowd(site, n=10))
    database.close()


def test_two_processes_record_at_the_same_time(laboratory: Laboratory, database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    place = (laboratory.storage.data_dir, laboratory.experiment_id, laboratory.site_ids)
    # sites 1 and 2 are recorded by both
    processes = [
        context.Process(target=_record_sites, args=(database_url, *place, sites))
        for sites in ([0, 1, 2], [2, 1, 3])
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    expected = sum(len(measure(crowd(site, n=10))) for site in range(4))
    found = counts(laboratory.database)
    assert found["mapobjects"] == found["mapobject_segmentations"] == expected
    assert found["mapobject_types"] == found["segmentation_layers"] == 1
    assert found["features"] == 2
    assert found["feature_value_files"] == len(laboratory.files()) == 4
    with laboratory.database.session() as session:
        names = session.scalars(select(Feature.name).order_by(Feature.id)).all()
    assert names == ["Morphology_area", "Intensity_mean_DNA"]


def test_deleting_segmented_types_keeps_static_ones(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    laboratory.record(1, crowd(1), name="Nuclei")
    first, second = (PlacedRectangle(n, 0, 0, HEIGHT, WIDTH) for n in (1, 2))
    with laboratory.database.transaction() as session:
        record_static_objects(
            session, laboratory.experiment_id, plates=[first], wells=[], sites=[first, second]
        )
    with laboratory.database.transaction() as session:
        outdated = delete_types(session, laboratory.storage, static=False)
    assert sorted(outdated) == laboratory.files()
    deletion.finish(laboratory.database, 60)
    found = counts(laboratory.database)
    assert (found["mapobject_types"], found["mapobjects"]) == (3, 3)
    assert found["mapobject_segmentations"] == found.get(RTREE, 3) == 3
    assert found["feature_value_files"] == found["features"] == 0
    with laboratory.database.transaction() as session:
        delete_types(session, laboratory.storage, static=True)
    deletion.finish(laboratory.database, 60)
    assert set(counts(laboratory.database).values()) == {0}


def test_objects_of_a_deleted_type_are_neither_seen_nor_recorded(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    with laboratory.database.transaction() as session:
        delete_type(session, laboratory.storage, laboratory.type_id())
    with laboratory.database.session() as session:
        assert count_objects(session, laboratory.experiment_id) == {}
    with pytest.raises(NotFound, match="was deleted while its objects were looked for"):
        laboratory.record(1, crowd(1))
    deleted_id = laboratory.types.pop("Cells")
    assert laboratory.type_id() > deleted_id
    with laboratory.database.session() as session:
        assert count_objects(session, laboratory.experiment_id) == {"Cells": 0}


def test_static_objects_lie_just_inside_their_rectangles(laboratory: Laboratory) -> None:
    sites = [PlacedRectangle(site_id, 0, 0, 100, 200) for site_id in laboratory.site_ids]
    well = PlacedRectangle(7, 500, 1000, 100, 200)
    for _ in range(2):
        with laboratory.database.transaction() as session:
            record_static_objects(
                session, laboratory.experiment_id, plates=[], wells=[well], sites=sites
            )
    found = counts(laboratory.database)
    assert found["mapobjects"] == found.get(RTREE, 5) == 5
    with laboratory.database.session() as session:
        outline, y, x, tpoint, ref_id = session.execute(
            select(
                MapobjectSegmentation.outline,
                MapobjectSegmentation.centroid_y,
                MapobjectSegmentation.centroid_x,
                SegmentationLayer.tpoint,
                Mapobject.ref_id,
            )
            .join(Mapobject, Mapobject.id == MapobjectSegmentation.mapobject_id)
            .join(
                SegmentationLayer,
                MapobjectSegmentation.segmentation_layer_id == SegmentationLayer.id,
            )
            .join(MapobjectType, MapobjectType.id == Mapobject.mapobject_type_id)
            .where(MapobjectType.name == "Wells")
        ).one()
    assert outline.equals(shapely.box(1001, 501, 1198, 598))
    assert (y, x, tpoint, ref_id) == (550, 1100, None, 7)


def test_a_segmented_type_cannot_take_the_name_of_a_static_one(laboratory: Laboratory) -> None:
    with laboratory.database.transaction() as session:
        record_static_objects(session, laboratory.experiment_id, plates=[], wells=[], sites=[])
    with (
        pytest.raises(Conflict, match='"Sites" exists'),
        laboratory.database.transaction() as session,
    ):
        ensure_mapobject_type(session, laboratory.experiment_id, "Sites", "Site")


@pytest.mark.parametrize(
    ("ref_type", "is_static", "as_polygons", "map_levels", "expected"),
    [
        ("Plate", True, True, 14, (0, 0)),
        ("Well", True, True, 14, (0, 2)),
        ("Site", True, True, 14, (0, 5)),
        ("Well", True, True, 6, (0, 0)),
        ("Site", False, True, 14, (7, 9)),
        ("Site", False, False, 14, (12, 14)),
        ("Site", False, True, 4, (0, 0)),
        ("Site", False, False, 4, (2, 4)),
    ],
)
def test_zoom_thresholds(
    ref_type: str,
    is_static: bool,
    as_polygons: bool,
    map_levels: int,
    expected: tuple[int, int],
) -> None:
    found = zoom_thresholds(
        ref_type, is_static=is_static, as_polygons=as_polygons, map_levels=map_levels
    )
    assert found == expected


def test_thresholds_follow_the_map(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    laboratory.record(0, crowd(0), name="Spots", as_polygons=False)

    def found() -> dict[str, tuple[int, int]]:
        with laboratory.database.session() as session:
            rows = session.execute(
                select(
                    MapobjectType.name,
                    SegmentationLayer.centroid_thresh,
                    SegmentationLayer.polygon_thresh,
                ).join(SegmentationLayer)
            )
            return {name: (centroid, polygon) for name, centroid, polygon in rows}

    assert found() == {"Cells": (0, 0), "Spots": (2, 4)}
    with laboratory.database.transaction() as session:
        record_static_objects(session, laboratory.experiment_id, plates=[], wells=[], sites=[])
        set_zoom_thresholds(session, laboratory.experiment_id, 14, {"Cells": True, "Spots": False})
    assert found() == {
        "Cells": (7, 9),
        "Spots": (12, 14),
        "Plates": (0, 0),
        "Wells": (0, 2),
        "Sites": (0, 5),
    }
