"""Conditions of wells: as CSV, and as columns of all tables of objects."""

import csv
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import text

from tests.tmserver.api.crowd import Crowd, crowd
from tmlib.experiments import conditions
from tmlib.ids import decode_id

__all__ = ["crowd"]

JSON = "application/json"
PLATE_MAP = "well;compound;µM;replicate\na1;DMSO;;1\nB02;taxol;0.5;2\nC3;taxol;2;3\n"


def plate(crowd: Crowd, name: str) -> str:
    (found,) = crowd.owner.get(f"{crowd.experiment}/plates", name=name)
    return f"{crowd.experiment}/plates/{found['id']}/conditions"


def put(crowd: Crowd, name: str, content: str | bytes) -> Any:
    response = crowd.owner.request("PUT", plate(crowd, name), data=content, content_type="text/csv")
    assert response.status_code == 200, response.text
    return response.json["data"]


def refused(crowd: Crowd, content: str | bytes, name: str = "Plate 1") -> str:
    return crowd.owner.refused(
        "PUT", plate(crowd, name), 400, data=content, content_type="text/csv"
    )


def test_a_plate_map_comes_back_and_replaces_the_one_before(crowd: Crowd) -> None:
    stored = put(crowd, "Plate 1", "\ufeff" + PLATE_MAP)
    assert stored == {"n_wells": 2, "unknown_wells": ["C03"]}
    response = crowd.owner.request("GET", plate(crowd, "Plate 1"))
    assert response.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert rows == [
        {"well_name": "A01", "compound": "DMSO", "replicate": "1", "µM": ""},
        {"well_name": "B02", "compound": "taxol", "replicate": "2", "µM": "0.5"},
    ]
    assert put(crowd, "Plate 1", response.data)["n_wells"] == 2
    assert crowd.owner.request("GET", plate(crowd, "Plate 1")).text == response.text
    put(crowd, "Plate 1", "well_name,siRNA\nB02,PLK1\n")
    left = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    assert left == "well_name,siRNA\nA01,\nB02,PLK1\n"


def test_conditions_are_columns_of_tables_groups_filters_and_exports(crowd: Crowd) -> None:
    put(crowd, "Plate 1", PLATE_MAP)
    put(crowd, "Plate 2", "well\tcompound\tµM\nB2\ttaxol\t2\n")
    known = {("Plate 1", "A01"): "DMSO", ("Plate 1", "B02"): "taxol", ("Plate 2", "B02"): "taxol"}
    doses = {("Plate 1", "B02"): 0.5, ("Plate 2", "B02"): 2.0}
    frame = crowd.frame
    places = list(zip(frame["plate_name"], frame["well_name"], strict=True))
    frame = frame.assign(
        compound=[known[place] for place in places],
        dose=[doses.get(place, np.nan) for place in places],
    )
    columns = {one["name"]: one for one in crowd.owner.get(f"{crowd.path}/table/columns")}
    assert columns["compound"] == {"name": "compound", "kind": "metadata", "type": "text"}
    assert columns["µM"]["type"] == "float"
    assert columns["replicate"]["type"] == "integer"

    asked = {"columns": ["mapobject_id", "compound", "µM"], "limit": 1000}
    asked["filter"] = [{"column": "µM", "min": 1}]
    page = crowd.owner.get(f"{crowd.path}/table", **encoded(asked))
    expected = frame[frame["dose"] >= 1]
    assert [row[0] for row in page["rows"]] == expected["mapobject_id"].tolist()
    assert {tuple(row[1:]) for row in page["rows"]} == {("taxol", 2.0)}

    grouped = crowd.owner.get(
        f"{crowd.path}/table/groups", **encoded({"columns": ["Area"], "by": ["compound", "µM"]})
    )["groups"]
    means = frame.groupby(["compound", "dose"], dropna=False)["Area"].mean()
    assert [group["key"] for group in grouped] == [["DMSO", None], ["taxol", 0.5], ["taxol", 2.0]]
    assert [group["statistics"][0]["mean"] for group in grouped] == pytest.approx(means.tolist())

    response = crowd.owner.request("GET", f"{crowd.path}/anndata")
    with h5py.File(io.BytesIO(response.data)) as file:
        compound, dose = file["obs/compound"], file["obs/µM"][:]
        texts = [compound["categories"].asstr()[code] for code in compound["codes"]]
    assert texts == frame["compound"].tolist()
    np.testing.assert_array_equal(dose, frame["dose"])


def test_texts_of_several_lines_stay_in_their_cells(crowd: Crowd) -> None:
    """Whichever way lines end."""
    texts = {"A01": "a\rb", "B02": "a\nb"}
    content = "well_name,siRNA\n" + "".join(f'{well},"{told}"\n' for well, told in texts.items())
    put(crowd, "Plate 1", content)
    kept = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    header, *rows = csv.reader(io.StringIO(kept, newline=""))
    assert (header, dict(rows)) == (["well_name", "siRNA"], texts)
    values = downloaded(crowd, "feature-values", metadata="true").decode()
    lines = list(csv.DictReader(io.StringIO(values, newline="")))
    assert len(lines) == len(crowd.frame)
    for line in lines:
        if line["Metadata_plate_name"] == "Plate 1":
            assert line["Metadata_siRNA"] == texts[line["Metadata_well_name"]]


def test_conditions_are_metadata_of_the_tables_that_other_programs_read(crowd: Crowd) -> None:
    before = {content: downloaded(crowd, content) for content in ("feature-values", "metadata")}
    content = 'well,compound,µM,replicate\nA1,"10% DMSO, aqueous",,1\nB2,"taxol ""µ""",1e-9,2\n'
    put(crowd, "Plate 1", content)
    put(crowd, "Plate 2", "well,Metadata_siRNA\nB2,PLK1\n")
    names = ["Metadata_siRNA", "Metadata_compound", "Metadata_replicate", "Metadata_µM"]
    wells: dict[Any, list[Any]] = {
        ("Plate 1", "A01"): [None, "10% DMSO, aqueous", 1, None],
        ("Plate 1", "B02"): [None, 'taxol "µ"', 2, 1e-9],
        ("Plate 2", "B02"): ["PLK1", None, None, None],
    }
    expected = [
        wells[place]
        for place in zip(crowd.frame["plate_name"], crowd.frame["well_name"], strict=True)
    ]

    assert downloaded(crowd, "feature-values") == before["feature-values"]
    csv_file = read_csv(downloaded(crowd, "metadata"))
    pd.testing.assert_frame_equal(csv_file.drop(columns=names), read_csv(before["metadata"]))
    places = ["plate_name", "well_name", "well_pos_y", "well_pos_x"]
    described = read_csv(downloaded(crowd, "feature-values", metadata="true"))
    features = ["mapobject_id", "tpoint", "Area", "Intensity, mean"]
    pd.testing.assert_frame_equal(described[features], read_csv(before["feature-values"]))
    for place in places:
        assert described[f"Metadata_{place}"].tolist() == crowd.frame[place].tolist()
    for frame in (csv_file, described):
        assert plain(frame[names]) == expected
    for content, query in (("metadata", {}), ("feature-values", {"metadata": "true"})):
        parquet = pq.read_table(pa.BufferReader(downloaded(crowd, content, "parquet", **query)))
        arrow = pa.ipc.open_stream(downloaded(crowd, content, "arrow", **query)).read_all()
        assert [list(row.values()) for row in arrow.select(names).to_pylist()] == expected
        pd.testing.assert_frame_equal(parquet.to_pandas(), arrow.to_pandas())
        columns = {"metadata": csv_file, "feature-values": described}[content].columns
        assert arrow.column_names == list(columns)
        types = [arrow.schema.field(name).type for name in names]
        assert types == [pa.string(), pa.string(), pa.int32(), pa.float64()]

    outlines = crowd.owner.request("GET", f"{crowd.path}/geojson", query_string={"tpoint": 0})
    found = {
        outline["properties"]["metadata"].get("compound") for outline in outlines.json["features"]
    }
    assert found == {None, "10% DMSO, aqueous", 'taxol "µ"'}


def downloaded(crowd: Crowd, content: str, table_format: str = "csv", **query: str) -> bytes:
    response = crowd.owner.request(
        "GET", f"{crowd.path}/{content}", query_string={"format": table_format} | query
    )
    assert response.status_code == 200, response.text
    found: bytes = response.data
    return found


def read_csv(content: bytes) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(content))


def plain(frame: pd.DataFrame) -> list[list[Any]]:
    return [[None if pd.isna(cell) else cell for cell in row] for row in frame.to_numpy().tolist()]


def test_what_is_no_plate_map_is_refused_with_the_reason(crowd: Crowd) -> None:
    before = put(crowd, "Plate 1", PLATE_MAP)
    assert before["n_wells"] == 2
    content = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    assert "well_name" in refused(crowd, "")
    assert "well_name" in refused(crowd, "compound,dose\nDMSO,1\n")
    assert "Row 3" in refused(crowd, "well,compound\nA01,DMSO\nwater,DMSO\n")
    assert "twice" in refused(crowd, "well,compound\nA1,DMSO\nA01,taxol\n")
    assert "label" in refused(crowd, "well,label\nA01,DMSO\n")
    assert "compound" in refused(crowd, "well,compound,compound\nA01,DMSO,DMSO\n")
    assert "3 cells" in refused(crowd, "well,compound\nA01,DMSO,5\n")
    assert "UTF-8" in refused(crowd, "well,µM\nA01,1\n".encode("latin-1"))
    assert "Row 2" in refused(crowd, f"well,compound\nA01,{'x' * 200_000}\n")
    assert "quotation mark" in refused(crowd, 'well,compound\nA01,"DMSO\n')
    assert "quotation mark" in refused(crowd, 'well,compound\nA01,"DM"SO\n')
    assert "308" in refused(crowd, "well,dose\nA01,1e+400\n")
    assert "rows" in refused(crowd, "well,compound\n" + "\n" * 10_000)
    large = {"data": b"well,compound\n" + b" " * 4 * 1024**2, "content_type": "text/csv"}
    crowd.owner.refused("PUT", plate(crowd, "Plate 1"), 413, **large)
    assert "Plate 1" in refused(crowd, "well,compound\nH12,DMSO\n")
    assert crowd.owner.request("GET", plate(crowd, "Plate 1")).text == content


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *((".", "x"), ("..", "x"), ("µ" * 121, "x"), ("a\0", "x"), ("compound", "DM\0SO")),
        *(("compound", "DM\x1bSO"), ("compound", "x" * 301)),
    ],
)
def test_what_no_export_could_hold_is_refused(crowd: Crowd, name: str, value: str) -> None:
    well = f"{crowd.experiment}/wells/{crowd.owner.get(f'{crowd.experiment}/wells')[0]['id']}"
    from_file = refused(crowd, f"well,{name}\nA01,{value}\n")
    assert from_file.endswith(
        crowd.owner.refused("PUT", well, 400, json={"description": {name: value}})
    )
    longest = "two\n" + "\t" + "x" * 295
    crowd.owner.put(well, description={"notes": {name: value}, "c" * 240: 1, "text": longest})
    assert crowd.owner.get(well)["description"]["text"] == longest
    response = crowd.owner.request("GET", f"{crowd.path}/anndata")
    with h5py.File(io.BytesIO(response.data)) as file:
        assert "c" * 240 in file["obs"]
    many = {f"c{index}": index for index in range(101)}
    assert "100" in crowd.owner.refused("PUT", well, 400, json={"description": many})
    crowd.owner.refused("PUT", well, 400, data='{"description": {"n": 1e400}}', content_type=JSON)


def test_numbers_are_those_that_can_be_nothing_else(crowd: Crowd) -> None:
    content = """well,whole,real,code,well of source,barcode,mixed
A01,1,-1.50E-05,00123,1E5,1234567890123456,0.10
B02,,.5,7,2E4,3,none
"""
    put(crowd, "Plate 1", content)
    kept = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    assert list(csv.reader(io.StringIO(kept))) == [
        ["well_name", "whole", "real", "code", "well of source", "barcode", "mixed"],
        ["A01", "1", "-1.5e-05", "00123", "1E5", "1234567890123456", "0.10"],
        ["B02", "", "0.5", "7", "2E4", "3", "none"],
    ]
    put(crowd, "Plate 1", kept)
    assert crowd.owner.request("GET", plate(crowd, "Plate 1")).text == kept
    types = {one["name"]: one["type"] for one in crowd.owner.get(f"{crowd.path}/table/columns")}
    assert [types[name] for name in ("whole", "real", "code", "barcode")] == [
        *("integer", "float", "text", "text")
    ]

    put(crowd, "Plate 1", "well;µM;both\nA01;0,25;0,5\nB02;2;1.5\n")
    kept = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    assert kept == 'well_name,µM,both\nA01,0.25,"0,5"\nB02,2,1.5\n'


# the other database has one writer at a time
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_of_two_plate_maps_at_once_the_later_one_is_kept_whole(crowd: Crowd) -> None:
    put(crowd, "Plate 1", PLATE_MAP)
    kept = crowd.owner.request("GET", plate(crowd, "Plate 1")).text
    plate_id, experiment_id = (
        decode_id(plate(crowd, "Plate 1").split("/")[position]) for position in (-2, -4)
    )
    waits = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
    with ThreadPoolExecutor(1) as pool:
        with crowd.database.transaction() as session:
            other: dict[str, dict[str, conditions.Condition]] = {"A01": {"siRNA": "PLK1"}}
            conditions.put_conditions(session, experiment_id, plate_id, other)
            session.flush()
            second = pool.submit(put, crowd, "Plate 1", PLATE_MAP)
            while not (session.scalar(waits) or second.done()):
                pass
        second.result()
    assert crowd.owner.request("GET", plate(crowd, "Plate 1")).text == kept


def test_a_plate_map_that_comes_before_the_wells_are_known_is_refused(crowd: Crowd) -> None:
    crowd.owner.post(f"{crowd.experiment}/plates", name="Plate 3")
    early = {"data": PLATE_MAP, "content_type": "text/csv"}
    assert "metaconfig" in crowd.owner.refused("PUT", plate(crowd, "Plate 3"), 409, **early)
    assert crowd.owner.request("GET", plate(crowd, "Plate 3")).text == "well_name\n"


def encoded(query: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in query.items()
    }
