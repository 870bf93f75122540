"""Generated experiments: as a finished workflow leaves one, and the same ones again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from sqlalchemy import func, select

from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict
from tmlib.experiments.models import Experiment, Plate, Site, Well
from tmlib.images.mosaics import level_shapes
from tmlib.objects.models import Mapobject, MapobjectSegmentation, MapobjectType
from tmlib.objects.service import count_objects
from tmlib.objects.values import feature_files
from tmlib.sample.experiment import GeneratedExperiment, generate_experiment
from tmlib.storage import ExperimentStorage

SIZE = GeneratedExperiment(n_objects=3000, n_features=4, seed=3)

Generate = Callable[..., int]


@pytest.fixture
def generate(database: Database, tmp_path: Path) -> Generate:
    with database.transaction() as session:
        user = User(name="robert", email="robert@example.org", password_hash="-")
        session.add(user)
        session.flush()
        user_id = user.id

    def run(name: str = "many", size: GeneratedExperiment = SIZE) -> int:
        return generate_experiment(database, tmp_path, user_id, name, size)

    return run


def read(database: Database, tmp_path: Path, experiment_id: int) -> tuple[list[Any], Any]:
    """Rows of all cells with the corner of their site, and the table of their values."""
    segmentation = MapobjectSegmentation
    with database.session() as session:
        cells = session.scalars(
            select(MapobjectType).filter_by(experiment_id=experiment_id, name="Cells")
        ).one()
        rows = session.execute(
            select(segmentation, Mapobject.ref_id)
            .join(
                Mapobject,
                (Mapobject.id == segmentation.mapobject_id)
                & (Mapobject.experiment_id == segmentation.experiment_id),
            )
            .where(Mapobject.mapobject_type_id == cells.id)
            .order_by(Mapobject.id)
        ).all()
        storage = ExperimentStorage(tmp_path, experiment_id)
        (file,) = feature_files.list_files(session, storage, cells.id)
        keys = [feature.key for feature in cells.features]
    (table,) = feature_files.merge([file], keys)
    return list(rows), table


def test_objects_are_complete_and_lie_in_their_sites(
    database: Database, generate: Generate, tmp_path: Path
) -> None:
    experiment_id = generate()
    rows, table = read(database, tmp_path, experiment_id)
    outlines = np.array([row[0].outline for row in rows])
    assert len(rows) == SIZE.n_objects
    assert shapely.is_valid(outlines).all()
    assert (np.diff([(row.ref_id, row[0].label) for row in rows], axis=0)[:, 0] >= 0).all()
    centroids = np.array([(row[0].centroid_x, row[0].centroid_y) for row in rows])
    assert np.allclose(centroids, shapely.get_coordinates(shapely.centroid(outlines)))
    n_vertices = shapely.get_num_coordinates(outlines) - 1
    assert 20 <= n_vertices.min() <= n_vertices.max() <= 40
    assert table["mapobject_id"].to_pylist() == [row[0].mapobject_id for row in rows]
    assert table["site_id"].to_pylist() == [row.ref_id for row in rows]
    assert table["label"].to_pylist() == [row[0].label for row in rows]
    assert np.array_equal(table["Morphology_area"], shapely.area(outlines))
    with database.session() as session:
        sites = {
            segmentation.ref_id: segmentation[0]
            for segmentation in session.execute(
                select(MapobjectSegmentation.outline, Mapobject.ref_id)
                .join(Mapobject, Mapobject.id == MapobjectSegmentation.mapobject_id)
                .join(MapobjectType, MapobjectType.id == Mapobject.mapobject_type_id)
                .where(MapobjectType.name == "Sites")
            )
        }
    around = shapely.buffer([sites[row.ref_id] for row in rows], 2, join_style="mitre")
    assert shapely.covers(around, outlines).all()


def test_the_map_is_as_large_as_its_plates(database: Database, generate: Generate) -> None:
    experiment_id = generate()
    with database.session() as session:
        experiment = session.get_one(Experiment, experiment_id)
        assert (experiment.map_height, experiment.map_width) == (3 * 2048, 2 * 3 * 2048 + 500)
        levels = level_shapes(experiment.map_height or 0, experiment.map_width or 0)
        assert experiment.map_levels == len(levels)
        assert session.scalar(select(func.count()).select_from(Plate)) == 1
        assert session.scalar(select(func.count()).select_from(Well)) == 2
        assert session.scalar(select(func.count()).select_from(Site)) == 18
        assert count_objects(session, experiment_id) == {
            "Plates": 1,
            "Wells": 2,
            "Sites": 18,
            "Cells": SIZE.n_objects,
        }


def test_the_same_seed_gives_the_same_objects(
    database: Database, generate: Generate, tmp_path: Path
) -> None:
    found = [
        read(database, tmp_path, generate(name, size))
        for name, size in (
            ("first", SIZE),
            ("second", SIZE),
            ("other", GeneratedExperiment(n_objects=3000, n_features=4, seed=4)),
        )
    ]
    first, second, other = [
        (
            [(row[0].label, row[0].is_border, row[0].outline) for row in rows],
            table.drop_columns(["mapobject_id", "site_id"]).to_pandas().to_numpy(),
        )
        for rows, table in found
    ]
    assert first[0] == second[0]
    assert np.array_equal(first[1], second[1], equal_nan=True)
    assert first[0] != other[0]


def test_some_values_are_missing(database: Database, generate: Generate, tmp_path: Path) -> None:
    _, table = read(database, tmp_path, generate())
    n_missing = [int(np.isnan(column.to_numpy()).sum()) for column in table.columns[3:]]
    assert n_missing[:-1] == [0, 0, 0]
    assert 0 < n_missing[-1] < 30


def test_an_experiment_may_be_empty(database: Database, generate: Generate) -> None:
    experiment_id = generate(size=GeneratedExperiment(n_objects=0, n_features=0))
    with database.session() as session:
        assert count_objects(session, experiment_id)["Cells"] == 0


def test_a_name_that_is_taken_leaves_nothing(
    database: Database, generate: Generate, tmp_path: Path
) -> None:
    first = generate()
    with pytest.raises(Conflict, match="many"):
        generate()
    with database.session() as session:
        assert session.scalars(select(Experiment.id)).all() == [first]
    assert len(list((tmp_path / "experiments").iterdir())) == 1


@pytest.mark.parametrize(("n_objects", "n_features"), [(-1, 1), (10**9, 1), (1, 5000)])
def test_sizes_have_limits(n_objects: int, n_features: int) -> None:
    with pytest.raises(BadInput, match="choose between 0 and"):
        GeneratedExperiment(n_objects, n_features)
