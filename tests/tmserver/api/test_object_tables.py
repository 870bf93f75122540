"""Feature values and metadata over HTTP: uploaded, and fetched in all forms."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tmserver.api.conftest import HEIGHT, LABELS, PLACE, WIDTH
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import ChannelImageFile, Site
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects
from tmlib.settings import Settings

SITE = {name: PLACE[name] for name in PLACE if name != "zplane"}
TABLES = ("feature-values", "metadata")


@pytest.fixture
def measured(owner: Person, cells: str) -> str:
    """Path of a type with two cells that have no values yet."""
    owner.post(f"{cells}/segmentations", **PLACE, image=LABELS.tolist())
    return cells


def send(owner: Person, path: str, labels: list[int], **values: list[float | None]) -> None:
    rows = [list(row) for row in zip(*values.values(), strict=True)]
    owner.post(f"{path}/feature-values", **SITE, names=list(values), labels=labels, values=rows)


def lines(owner: Person, path: str) -> list[str]:
    """The table of feature values without ids."""
    text = owner.request("GET", f"{path}/feature-values").text
    return [line.partition(",")[2] for line in text.splitlines()]


def test_values_are_added_to_objects_by_their_labels(owner: Person, measured: str) -> None:
    assert lines(owner, measured) == ["", "", ""]
    send(owner, measured, [7, 1], Area=[70.0, 40.0], Depth=[None, 0.25])
    assert lines(owner, measured) == ["Area,Depth", "40.000000,0.250000", "70.000000,nan"]
    assert [one["name"] for one in owner.get(f"{measured}/features")] == ["Area", "Depth"]


def test_values_that_vanish_while_they_are_read_are_asked_for_again(
    owner: Person, measured: str, settings: Settings
) -> None:
    send(owner, measured, [1, 7], Area=[40.0, 70.0])
    for file in settings.data_dir.rglob("*.parquet"):
        file.unlink()
    assert "repeat" in owner.refused("GET", f"{measured}/feature-values", 409)


def test_values_of_other_features_stay(owner: Person, measured: str) -> None:
    send(owner, measured, [1, 7], Area=[40.0, 70.0], Depth=[1.0, 2.0])
    send(owner, measured, [1, 7], Depth=[3.0, 4.0], Form=[0.5, 0.75])
    assert lines(owner, measured) == [
        "Area,Depth,Form",
        "40.000000,3.000000,0.500000",
        "70.000000,4.000000,0.750000",
    ]


def test_values_belong_to_the_feature_whatever_it_is_called(
    owner: Person, experiment: str, measured: str
) -> None:
    send(owner, measured, [1, 7], Area=[1.0, 2.0])
    [feature] = owner.get(f"{measured}/features")
    owner.put(f"{experiment}/features/{feature['id']}", name="Size")
    send(owner, measured, [1, 7], Size=[3.0, 4.0])
    assert lines(owner, measured) == ["Size", "3.000000", "4.000000"]
    body = SITE | {"names": ["Area"], "labels": [1, 7], "values": [[0], [0]]}
    message = owner.refused("POST", f"{measured}/feature-values", 409, json=body)
    assert '"Area" is called "Size" now' in message


def test_a_feature_is_not_named_like_a_column_that_there_is(
    owner: Person, experiment: str, measured: str
) -> None:
    send(owner, measured, [1, 7], Area=[1.0, 2.0])
    [feature] = owner.get(f"{measured}/features")
    path = f"{experiment}/features/{feature['id']}"
    assert '"mapobject_id"' in owner.refused("PUT", path, 400, json={"name": "mapobject_id"})


def test_a_new_segmentation_has_no_values(owner: Person, measured: str) -> None:
    send(owner, measured, [1, 7], Area=[1.0, 2.0])
    owner.post(f"{measured}/segmentations", **PLACE, image=LABELS.tolist())
    assert lines(owner, measured) == ["Area", "nan", "nan"]


BAD: dict[str, dict[str, Any]] = {
    "no values for label 7": {"labels": [1], "values": [[1, 2]]},
    "no object with label 3, 4": {"labels": [1, 3, 4, 7], "values": [[1, 2]] * 4},
    "several rows of values for label 7": {"labels": [1, 7, 7], "values": [[1, 2]] * 3},
    "1 rows of": {"values": [[1, 2]]},
    "label 7 has 1 values": {"values": [[1, 2], [3]]},
    '"Area" is measured twice': {"names": ["Area", "Area"]},
    'cannot be named "label"': {"names": ["label", "Area"]},
    '"values.0.1"': {"values": [[1, "large"], [3, 4]]},
    '"names" cannot be used': {"names": [], "values": [[], []]},
    '"labels.0"': {"labels": [-1, 7]},
    '"tpoint"': {"tpoint": "now"},
}


@pytest.mark.parametrize("reason", BAD)
def test_values_that_do_not_fit_are_refused_and_nothing_is_stored(
    owner: Person, measured: str, reason: str
) -> None:
    body = SITE | {"names": ["Area", "Depth"], "labels": [1, 7], "values": [[1, 2], [3, 4]]}
    message = owner.refused("POST", f"{measured}/feature-values", 400, json=body | BAD[reason])
    assert reason in message
    assert lines(owner, measured) == ["", "", ""]
    assert owner.get(f"{measured}/features") == []


def test_values_of_what_is_not_there(owner: Person, experiment: str, measured: str) -> None:
    body = SITE | {"names": ["Area"], "labels": [1], "values": [[1]]}
    path = f"{measured}/feature-values"
    assert '"B01"' in owner.refused("POST", path, 404, json=body | {"well_name": "B01"})
    assert '"Cells"' in owner.refused("POST", path, 404, json=body | {"tpoint": 1})
    assert '"Cells"' in owner.refused("POST", path, 404, json=body | {"zplane": 1})
    owner.refused("POST", f"{experiment}/mapobject_types/99/feature-values", 404, json=body)
    assert '"names", "labels"' in owner.refused("POST", path, 400, json=SITE)


def read(content: bytes, table_format: str) -> pd.DataFrame:
    if table_format == "csv":
        return pd.read_csv(io.BytesIO(content))
    if table_format == "parquet":
        return pd.DataFrame(pq.read_table(io.BytesIO(content)).to_pydict())
    return pd.DataFrame(pa.ipc.open_stream(content).read_all().to_pydict())


MEDIA_TYPES = {
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("table_format", MEDIA_TYPES)
def test_tables_come_in_the_form_that_is_asked_for(
    owner: Person, measured: str, table: str, table_format: str
) -> None:
    send(owner, measured, [1, 7], Area=[40.0, 70.0])
    path = f"{measured}/{table}"
    selection = {"plate_name": "Plate 1", "well_name": "A01", "tpoint": 0}
    answer = owner.request("GET", path, query_string=selection | {"format": table_format})
    assert answer.mimetype == MEDIA_TYPES[table_format]
    name = f"Screen_Plate 1_A01_t0_Cells_{table}.{table_format}"
    assert name in answer.headers["Content-Disposition"]
    by_header = owner.request(
        "GET", path, query_string=selection, headers={"Accept": MEDIA_TYPES[table_format]}
    )
    assert by_header.mimetype == MEDIA_TYPES[table_format]
    found = read(by_header.data, table_format)
    assert found.equals(read(answer.data, table_format))
    assert found["Area" if table == "feature-values" else "label"].tolist() in ([40, 70], [1, 7])


@pytest.mark.parametrize("accept", ["*/*", "text/html, */*;q=0.8", "application/json", ""])
def test_who_asks_for_no_form_gets_csv(owner: Person, measured: str, accept: str) -> None:
    answer = owner.request("GET", f"{measured}/feature-values", headers={"Accept": accept})
    assert answer.mimetype == "text/csv"
    assert answer.headers["Vary"] == "Accept"


def test_forms_that_there_are_not(owner: Person, measured: str) -> None:
    for table in TABLES:
        message = owner.refused("GET", f"{measured}/{table}?format=xlsx", 400)
        assert "'csv', 'parquet' or 'arrow'" in message


@pytest.mark.parametrize("table_format", MEDIA_TYPES)
def test_plates_wells_and_sites_answer_too(
    owner: Person,
    experiment: str,
    field: Path,
    database: Database,
    experiment_id: int,
    table_format: str,
) -> None:
    with database.transaction() as session:
        site = session.query(Site).one()
        places = {"plates": site.well.plate_id, "wells": site.well_id, "sites": site.id}
        rectangles = {
            name: [PlacedRectangle(ref_id, 0, 0, HEIGHT, WIDTH)] for name, ref_id in places.items()
        }
        record_static_objects(session, experiment_id, **rectangles)
    columns = ["mapobject_id", "plate_name", "well_name", "well_pos_y", "well_pos_x"]
    for name, n_columns in (("Plates", 2), ("Wells", 3), ("Sites", 5)):
        [found] = owner.get(f"{experiment}/mapobject_types", name=name)
        path = f"{experiment}/mapobject_types/{found['id']}"
        query = {"format": table_format}
        metadata = owner.request("GET", f"{path}/metadata", query_string=query).data
        assert read(metadata, table_format).columns.tolist() == columns[:n_columns]
        assert len(read(metadata, table_format)) == 1
        values = owner.request("GET", f"{path}/feature-values", query_string=query).data
        assert read(values, table_format).columns.tolist() == ["mapobject_id"]
        later = owner.request("GET", f"{path}/metadata", query_string=query | {"tpoint": 3}).data
        assert len(read(later, table_format)) == 0
        body = SITE | {"names": ["Area"], "labels": [1], "values": [[1]]}
        assert f'"{name}"' in owner.refused("POST", f"{path}/feature-values", 409, json=body)


def test_values_that_cannot_be_read_are_reported_before_any_is_sent(
    owner: Person, measured: str, field: Path
) -> None:
    send(owner, measured, [1, 7], Area=[40.0, 70.0])
    [path] = field.parents[4].rglob("*.parquet")
    pq.write_table(pq.read_table(path).replace_schema_metadata({}), path)
    message = owner.refused("GET", f"{measured}/feature-values", 500)
    assert "run the analysis again" in message


def test_planes_are_told_apart(
    owner: Person, measured: str, database: Database, field: Path
) -> None:
    with database.transaction() as session:
        session.query(ChannelImageFile).order_by(ChannelImageFile.id).first().zplane = 1  # type: ignore[union-attr] # there are two
    fewer = np.where(LABELS == 7, 7, 0)
    owner.post(f"{measured}/segmentations", **PLACE | {"zplane": 1}, image=fewer.tolist())
    body = SITE | {"names": ["Area"], "labels": [7], "values": [[5]]}
    path = f"{measured}/feature-values"
    assert '"zplane"' in owner.refused("POST", path, 400, json=body)
    owner.post(path, **body, zplane=1)
    assert lines(owner, measured) == ["zplane,Area", "0,nan", "0,nan", "1,5.000000"]
