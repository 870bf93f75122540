"""Looking up types, layers and objects."""

import pandas as pd
import pytest
from sqlalchemy import event, select

from tests.tmlib.objects.conftest import HEIGHT, WIDTH, Laboratory, label_image
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Plate, Well
from tmlib.objects.models import Mapobject, MapobjectType
from tmlib.objects.selection import Selection
from tmlib.objects.service import (
    MapobjectInfo,
    count_objects,
    get_mapobject_info,
    get_mapobject_type,
    get_mapobject_types,
    get_segmentation_layer,
    get_segmentation_layers,
)
from tmlib.objects.table.metadata import select_metadata
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects


@pytest.fixture
def filled(laboratory: Laboratory) -> Laboratory:
    """Cells at two time points, nuclei at one, and the static objects."""
    labels = label_image((0, 10, 4, 4), (20, 20, 4, 4))
    laboratory.type_id("Nuclei")
    laboratory.record(3, labels)
    laboratory.record(1, labels, tpoint=1)
    laboratory.record(0, labels, tpoint=1)
    laboratory.record(0, labels, pd.DataFrame(), name="Nuclei")
    with laboratory.database.transaction() as session:
        plate_id = session.scalars(select(Plate.id)).one()
        well_ids = session.scalars(select(Well.id).order_by(Well.id))
        record_static_objects(
            session,
            laboratory.experiment_id,
            plates=[PlacedRectangle(plate_id, 0, 0, 2 * HEIGHT, 2 * WIDTH)],
            wells=[PlacedRectangle(well_id, 0, 0, HEIGHT, WIDTH) for well_id in well_ids],
            sites=[PlacedRectangle(site_id, 0, 0, 50, 50) for site_id in laboratory.site_ids],
        )
    return laboratory


def test_types_come_with_layers_and_features_in_three_queries(filled: Laboratory) -> None:
    statements: list[str] = []
    event.listen(
        filled.database.engine,
        "before_cursor_execute",
        lambda connection, cursor, statement, *rest: statements.append(statement),
    )
    with filled.database.session() as session:
        types = get_mapobject_types(session, filled.experiment_id)
        found = {
            mapobject_type.name: (
                [(layer.tpoint, layer.zplane) for layer in mapobject_type.layers],
                [feature.name for feature in mapobject_type.features],
            )
            for mapobject_type in types
        }
    assert len([statement for statement in statements if "SELECT" in statement]) == 3
    assert found == {
        "Cells": ([(0, 0), (1, 0)], ["Morphology_area", "Intensity_mean_DNA"]),
        "Nuclei": ([(0, 0)], []),
        "Plates": ([(None, None)], []),
        "Sites": ([(None, None)], []),
        "Wells": ([(None, None)], []),
    }
    assert list(found) == sorted(found)


def test_types_by_name_and_id(filled: Laboratory) -> None:
    with filled.database.session() as session:
        (cells,) = get_mapobject_types(session, filled.experiment_id, "Cells")
        assert get_mapobject_types(session, filled.experiment_id, "Spots") == []
        assert get_mapobject_type(session, filled.experiment_id, cells.id) is cells
        with pytest.raises(NotFound, match="no such object type"):
            get_mapobject_type(session, filled.experiment_id + 1, cells.id)


def test_layers(filled: Laboratory) -> None:
    with filled.database.session() as session:
        everything = get_segmentation_layers(session, filled.experiment_id)
        assert len(everything) == 6
        cells = get_segmentation_layers(session, filled.experiment_id, "Cells")
        assert [layer.tpoint for layer in cells] == [0, 1]
        later = get_segmentation_layers(session, filled.experiment_id, tpoint=1, zplane=0)
        assert later == cells[1:]
        assert get_segmentation_layer(session, filled.experiment_id, cells[0].id) is cells[0]
        for experiment_id, layer_id in ((filled.experiment_id, 999), (999, cells[0].id)):
            with pytest.raises(NotFound, match="no such segmentation layer"):
                get_segmentation_layer(session, experiment_id, layer_id)


def test_counts(filled: Laboratory) -> None:
    filled.type_id("Spots")
    with filled.database.session() as session:
        counts = count_objects(session, filled.experiment_id)
    expected = {"Nuclei": 2, "Cells": 6, "Plates": 1, "Wells": 2, "Sites": 4, "Spots": 0}
    assert counts == expected
    assert list(counts) == list(expected)


def test_info(filled: Laboratory) -> None:
    with filled.database.session() as session:
        infos = {
            name: get_mapobject_info(session, filled.experiment_id, id_)
            for name, id_ in session.execute(
                select(MapobjectType.name, Mapobject.id)
                .join(Mapobject, Mapobject.mapobject_type_id == MapobjectType.id)
                .order_by(Mapobject.id.desc())
            )
        }
        with pytest.raises(NotFound, match="no object 999"):
            get_mapobject_info(session, filled.experiment_id, 999)
    place = ("fixation", "plate01", "B03", 0, 1)
    assert infos["Cells"] == MapobjectInfo(infos["Cells"].id, "Cells", *place, 0, 0, 1)
    assert infos["Wells"].well_name == "B02"
    assert infos["Wells"].well_pos_y is None
    assert infos["Plates"].plate_name == "plate01"
    assert infos["Plates"].well_name is None
    assert (infos["Sites"].well_pos_x, infos["Sites"].label) == (0, None)


def test_metadata_goes_along_with_feature_values(filled: Laboratory) -> None:
    type_id = filled.type_id()
    rows = b"".join(select_metadata(filled.database, filled.experiment_id, type_id).csv()).decode()
    assert rows == (
        "mapobject_id,plate_name,well_name,well_pos_y,well_pos_x,tpoint,zplane,label,is_border\r\n"
        "1,plate01,B03,0,1,0,0,1,1\r\n"
        "2,plate01,B03,0,1,0,0,2,0\r\n"
        "5,plate01,B02,0,0,1,0,1,1\r\n"
        "6,plate01,B02,0,0,1,0,2,0\r\n"
        "3,plate01,B02,0,1,1,0,1,1\r\n"
        "4,plate01,B02,0,1,1,0,2,0\r\n"
    )
    values = b"".join(select_feature_values(filled.database, filled.storage, type_id).values.csv())
    assert [line.split(",")[0] for line in values.decode().splitlines()] == [
        line.split(",")[0] for line in rows.splitlines()
    ]


def test_metadata_of_a_selection(filled: Laboratory) -> None:
    def found(name: str, selection: Selection) -> list[str]:
        with filled.database.session() as session:
            (mapobject_type,) = get_mapobject_types(session, filled.experiment_id, name)
        table = select_metadata(filled.database, filled.experiment_id, mapobject_type.id, selection)
        return b"".join(table.csv()).decode().splitlines()[1:]

    chosen = Selection(well_name="B02", well_pos_x=1, tpoint=1)
    assert [line[0] for line in found("Cells", chosen)] == ["3", "4"]
    assert found("Plates", Selection(plate_name="plate01")) == ["9,plate01"]
    assert found("Wells", Selection(well_name="B03")) == ["11,plate01,B03"]
    assert found("Sites", Selection(well_name="B03", well_pos_x=0)) == ["14,plate01,B03,0,0"]
    with pytest.raises(BadInput, match="well_pos_x"):
        found("Wells", Selection(well_pos_x=0))
    with pytest.raises(NotFound, match='no plate "other"'):
        found("Cells", Selection(plate_name="other"))
