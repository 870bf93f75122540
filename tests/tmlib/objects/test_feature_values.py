"""Feature values: from the files of sites or compacted ones, as Arrow and as CSV."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import delete, func, select

from tests.tmlib.objects.conftest import HEIGHT, WIDTH, Laboratory, crowd, label_image
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict, NotFound
from tmlib.objects.mapobject_types import delete_types
from tmlib.objects.models import Feature, FeatureValueFile, MapobjectType
from tmlib.objects.selection import Selection, file_name
from tmlib.objects.values.compaction import compact
from tmlib.objects.values.feature_files import UnknownFormat, sweep
from tmlib.objects.values.feature_values import FeatureValues, select_feature_values
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects


def chosen(laboratory: Laboratory, **selection: object) -> FeatureValues:
    return select_feature_values(
        laboratory.database,
        laboratory.storage,
        laboratory.type_id(),
        Selection(**selection),  # type: ignore[arg-type] # names are checked by the call
    )


def frame(laboratory: Laboratory, **selection: object) -> pd.DataFrame:
    return pd.DataFrame(chosen(laboratory, **selection).table().to_pydict())


def rename(database: Database, old: str, new: str) -> None:
    with database.transaction() as session:
        session.scalars(select(Feature).where(Feature.name == old)).one().name = new


@pytest.fixture
def four_sites(laboratory: Laboratory) -> Laboratory:
    for site in (2, 0, 3, 1):
        laboratory.record(site, crowd(site))
    return laboratory


def test_values_are_in_order_of_site_and_label(four_sites: Laboratory) -> None:
    found = frame(four_sites)
    assert list(found.columns) == [
        "mapobject_id",
        "label",
        "site_id",
        "tpoint",
        "zplane",
        "Morphology_area",
        "Intensity_mean_DNA",
    ]
    assert found.equals(found.sort_values(["site_id", "label"]).reset_index(drop=True))
    for site in range(4):
        labels, areas = np.unique(crowd(site), return_counts=True)
        of_site = found[found.site_id == four_sites.site_ids[site]]
        assert of_site.label.tolist() == labels[1:].tolist()
        assert of_site.Morphology_area.tolist() == areas[1:].tolist()
    assert found.mapobject_id.is_unique


@pytest.mark.parametrize("compacted", [False, True])
def test_selections(four_sites: Laboratory, compacted: bool) -> None:
    everything = frame(four_sites)
    if compacted:
        compact(four_sites.database, four_sites.storage, four_sites.type_id())
    site = {"plate_name": "plate01", "well_name": "B02", "well_pos_y": 0, "well_pos_x": 1}
    expected: list[tuple[dict[str, object], list[int]]] = [
        ({}, [0, 1, 2, 3]),
        ({"plate_name": "plate01"}, [0, 1, 2, 3]),
        ({"well_name": "B03"}, [2, 3]),
        (site, [1]),
        ({"well_pos_x": 0}, [0, 2]),
        ({"tpoint": 0}, [0, 1, 2, 3]),
    ]
    for selection, sites in expected:
        site_ids = [four_sites.site_ids[site] for site in sites]
        of_sites = everything[everything.site_id.isin(site_ids)].reset_index(drop=True)
        assert frame(four_sites, **selection).equals(of_sites), selection


def test_what_does_not_exist_is_reported_before_anything_is_read(four_sites: Laboratory) -> None:
    expected: list[tuple[dict[str, object], str]] = [
        ({"plate_name": "plate02"}, 'no plate "plate02"'),
        ({"plate_name": "plate01", "well_name": "C01"}, 'no well "C01"'),
        ({"well_name": "B02", "well_pos_x": 7}, "no site at x=7"),
        ({"well_name": "B02", "well_pos_y": 1, "well_pos_x": 7}, "no site at y=1, x=7"),
        ({"tpoint": 1}, 'no "Cells" at time point 1'),
    ]
    for selection, message in expected:
        with pytest.raises(NotFound, match=message):
            chosen(four_sites, **selection)


def test_unknown_types_and_features_are_reported(four_sites: Laboratory) -> None:
    with pytest.raises(NotFound, match="no such object type"):
        select_feature_values(four_sites.database, four_sites.storage, 999)
    with pytest.raises(NotFound, match='no feature "Area"'):
        select_feature_values(
            four_sites.database, four_sites.storage, four_sites.type_id(), features=["Area"]
        )


def test_compaction_changes_nothing_but_the_files(four_sites: Laboratory) -> None:
    before = frame(four_sites)
    for _ in range(2):
        compact(four_sites.database, four_sites.storage, four_sites.type_id())
        assert len(four_sites.files()) == 1
        assert frame(four_sites).equals(before)
        assert sweep(four_sites.database, four_sites.storage, older_than=0) == 0


def test_time_points_and_planes_are_compacted_apart(laboratory: Laboratory) -> None:
    for tpoint, zplane in ((1, 0), (0, 1), (0, 0)):
        for site in (1, 0):
            laboratory.record(site, crowd(tpoint + zplane), tpoint=tpoint, zplane=zplane)
    before = frame(laboratory)
    assert before.tpoint.is_monotonic_increasing
    compact(laboratory.database, laboratory.storage, laboratory.type_id())
    assert len(laboratory.files()) == 3
    assert frame(laboratory).equals(before)
    later = before[before.tpoint == 1].reset_index(drop=True)
    assert frame(laboratory, tpoint=1).equals(later)


def test_a_site_recorded_after_compaction_takes_the_place_of_its_rows(
    four_sites: Laboratory,
) -> None:
    compact(four_sites.database, four_sites.storage, four_sites.type_id())
    four_sites.record(1, crowd(7))
    four_sites.record(3, label_image())
    found = frame(four_sites)
    assert found.equals(found.sort_values(["site_id", "label"]).reset_index(drop=True))
    again = found[found.site_id == four_sites.site_ids[1]]
    assert again.Morphology_area.tolist() == np.unique(crowd(7), return_counts=True)[1][1:].tolist()
    assert four_sites.site_ids[3] not in found.site_id.tolist()
    compact(four_sites.database, four_sites.storage, four_sites.type_id())
    assert len(four_sites.files()) == 1
    assert frame(four_sites).equals(found)


def test_a_reader_goes_on_when_files_are_compacted_meanwhile(four_sites: Laboratory) -> None:
    expected = frame(four_sites)
    tables = chosen(four_sites).tables()
    first = next(tables)
    compact(four_sites.database, four_sites.storage, four_sites.type_id())
    found = pa.concat_tables([first, *tables])
    assert pd.DataFrame(found.to_pydict()).equals(expected)


def test_a_reader_of_objects_that_were_deleted_hears_of_it(four_sites: Laboratory) -> None:
    values = chosen(four_sites)
    with four_sites.database.transaction() as session:
        outdated = delete_types(session, four_sites.storage, static=False)
    for path in outdated:
        path.unlink()
    with pytest.raises(Conflict, match="repeat the request"):
        values.table()


def test_compaction_gives_way_to_recording(
    four_sites: Laboratory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A site is recorded again after compaction has read the list and before it changes it."""
    write = compact.__globals__["write"]
    recorded: list[int] = []

    def write_while_recording(path: object, keys: object, batches: Iterator[object]) -> int:
        n_rows: int = write(path, keys, batches)
        if not recorded:
            recorded.append(1)
            four_sites.record(1, crowd(8))
        return n_rows

    monkeypatch.setitem(compact.__globals__, "write", write_while_recording)
    compact(four_sites.database, four_sites.storage, four_sites.type_id())
    assert len(four_sites.files()) == 1
    found = frame(four_sites)
    again = found[found.site_id == four_sites.site_ids[1]]
    assert again.Morphology_area.tolist() == np.unique(crowd(8), return_counts=True)[1][1:].tolist()


def test_row_groups_are_skipped_not_read(laboratory: Laboratory) -> None:
    labels = label_image((1, 1, 2, 2), (9, 9, 2, 2))
    for site in range(4):
        laboratory.record(site, labels)
    compact(laboratory.database, laboratory.storage, laboratory.type_id())
    (path,) = laboratory.files()
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=3)  # groups that begin in the middle of a site
    assert frame(laboratory).mapobject_id.is_unique
    for site in range(4):
        found = frame(laboratory, well_name=("B02", "B03")[site // 2], well_pos_x=site % 2)
        assert found.label.tolist() == [1, 2]
    laboratory.record(1, labels)
    laboratory.record(2, labels)
    found = frame(laboratory)
    assert found.site_id.tolist() == sorted(laboratory.site_ids * 2)


def test_csv(laboratory: Laboratory) -> None:
    labels = label_image((1, 1, 2, 2), (9, 9, 2, 2))
    measurements = pd.DataFrame(
        {"b": [1.0, np.nan], "a, really": [-1e-9, 2 / 3], "c": [1e20, -np.inf]}, index=[1, 2]
    )
    laboratory.record(1, labels, measurements)
    laboratory.record(0, labels, measurements[::-1])
    laboratory.record(0, labels, measurements, tpoint=1)
    rename(laboratory.database, "c", "z")
    assert b"".join(chosen(laboratory).values.csv()).decode() == (
        'mapobject_id,tpoint,b,"a, really",z\r\n'
        "3,0,1.000000,0.000000,100000000000000000000.000000\r\n"
        "4,0,nan,0.666667,-inf\r\n"
        "1,0,1.000000,0.000000,100000000000000000000.000000\r\n"
        "2,0,nan,0.666667,-inf\r\n"
        "3,1,1.000000,0.000000,100000000000000000000.000000\r\n"
        "4,1,nan,0.666667,-inf\r\n"
    )
    # of one time point there is nothing to tell apart
    assert b"".join(chosen(laboratory, tpoint=1).values.csv()).decode() == (
        'mapobject_id,b,"a, really",z\r\n'
        "3,1.000000,0.000000,100000000000000000000.000000\r\n"
        "4,nan,0.666667,-inf\r\n"
    )


def test_planes_are_told_apart_where_there_are_several(laboratory: Laboratory) -> None:
    labels, measured = label_image((1, 1, 2, 2)), pd.DataFrame({"a": [0.5]}, index=[1])
    for tpoint, zplane in ((0, 0), (0, 12), (1234, 0)):
        laboratory.record(0, labels, measured, tpoint=tpoint, zplane=zplane)
    assert b"".join(chosen(laboratory).values.csv()).decode() == (
        "mapobject_id,tpoint,zplane,a\r\n1,0,0,0.500000\r\n1,0,12,0.500000\r\n1,1234,0,0.500000\r\n"
    )
    tables = pa.concat_tables(chosen(laboratory).values.tables())
    assert tables.column_names == ["mapobject_id", "tpoint", "zplane", "a"]
    assert tables["tpoint"].to_pylist() == [0, 0, 1234]


def test_csv_of_objects_without_features(laboratory: Laboratory) -> None:
    laboratory.record(0, label_image((1, 1, 2, 2)), pd.DataFrame())
    assert b"".join(chosen(laboratory).values.csv()) == b"mapobject_id\r\n1\r\n"


def test_features_that_came_later_are_missing_before(laboratory: Laboratory) -> None:
    labels = label_image((1, 1, 2, 2))
    laboratory.record(0, labels, pd.DataFrame({"a": [1.0]}, index=[1]))
    laboratory.record(1, labels, pd.DataFrame({"a": [2.0], "b": [3.0]}, index=[1]))
    expected = b"mapobject_id,a,b\r\n1,1.000000,nan\r\n2,2.000000,3.000000\r\n"
    assert b"".join(chosen(laboratory).values.csv()) == expected
    compact(laboratory.database, laboratory.storage, laboratory.type_id())
    assert b"".join(chosen(laboratory).values.csv()) == expected
    with laboratory.database.transaction() as session:
        session.execute(delete(Feature).where(Feature.name == "a"))
    assert b"".join(chosen(laboratory).values.csv()) == b"mapobject_id,b\r\n1,nan\r\n2,3.000000\r\n"


def test_static_types_have_a_header_only(laboratory: Laboratory) -> None:
    sites = [PlacedRectangle(i, 0, 0, HEIGHT, WIDTH) for i in laboratory.site_ids]
    with laboratory.database.transaction() as session:
        record_static_objects(session, laboratory.experiment_id, plates=[], wells=[], sites=sites)
        types = dict(session.execute(select(MapobjectType.name, MapobjectType.id)).all())
    for name in ("Plates", "Sites"):
        values = select_feature_values(
            laboratory.database, laboratory.storage, types[name], Selection(tpoint=3)
        )
        assert b"".join(values.values.csv()) == b"mapobject_id\r\n"
    with pytest.raises(BadInput, match='"well_name"'):
        select_feature_values(
            laboratory.database, laboratory.storage, types["Plates"], Selection(well_name="B02")
        )


def test_files_of_another_version_are_refused(laboratory: Laboratory) -> None:
    laboratory.record(0, crowd(0))
    (path,) = laboratory.files()
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    with pytest.raises(UnknownFormat, match="run the analysis again"):
        chosen(laboratory).table()


def test_file_names(laboratory: Laboratory) -> None:
    laboratory.type_id()
    with laboratory.database.session() as session:
        mapobject_type = session.scalars(select(MapobjectType)).one()
        assert (
            file_name(session, mapobject_type, Selection(), "feature-values.csv")
            == "fixation_Cells_feature-values.csv"
        )
        everything = Selection("plate01", "B02", 0, 1, 2)
        assert (
            file_name(session, mapobject_type, everything, "metadata.csv")
            == "fixation_plate01_B02_y0_x1_t2_Cells_metadata.csv"
        )


def test_the_table_lists_how_many_rows_there_are(four_sites: Laboratory) -> None:
    def listed() -> int | None:
        with four_sites.database.session() as session:
            return session.scalar(select(func.sum(FeatureValueFile.n_rows)))

    n_rows = len(frame(four_sites))
    assert listed() == n_rows
    compact(four_sites.database, four_sites.storage, four_sites.type_id())
    assert listed() == n_rows
