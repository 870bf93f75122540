"""Values of one column for all objects, as typed arrays."""

import json
import zlib
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tests.tmserver.api.crowd import WIDTH, Crowd, crowd
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.models import Site
from tmlib.objects.writing.static_objects import PlacedRectangle, record_static_objects

__all__ = ["crowd"]

NAMES = {"float32": np.float32, "float64": np.float64, "int32": np.int32, "uint8": np.uint8}


def fetch(crowd: Crowd, column: str, **query: Any) -> pd.DataFrame:
    """The values as an Arrow stream."""
    answer = crowd.owner.request(
        "GET", f"{crowd.path}/values", query_string={"column": column, **query}
    )
    assert answer.status_code == 200, answer.text
    assert answer.mimetype == "application/vnd.apache.arrow.stream"
    table: pd.DataFrame = pa.ipc.open_stream(answer.data).read_all().to_pandas()
    return table


def fetch_binary(crowd: Crowd, column: str, **query: Any) -> tuple[dict[str, Any], pd.DataFrame]:
    """Header and columns of the plain form, as a browser reads them."""
    query |= {"column": column, "format": "binary"}
    answer = crowd.owner.request("GET", f"{crowd.path}/values", query_string=query)
    assert answer.status_code == 200, answer.text
    length = int.from_bytes(answer.data[:4], "little")
    header = json.loads(answer.data[4 : 4 + length])
    columns = {}
    for one in header["columns"]:
        start = 4 + length + one["offset"]
        assert start % 8 == 0
        kind = NAMES[one["type"]]
        columns[one["name"]] = np.frombuffer(answer.data, kind, header["n_rows"], start)
    return header, pd.DataFrame(columns)


def test_a_feature_of_all_objects(crowd: Crowd) -> None:
    for column in ("Area", "Intensity, mean", "Area"):
        expected = crowd.frame[["mapobject_id", "tpoint", column]].astype({"tpoint": np.int32})
        pd.testing.assert_frame_equal(fetch(crowd, column), expected)
        single = fetch(crowd, column, dtype="float32", tpoint=1)
        of_tpoint = expected[expected["tpoint"] == 1].drop(columns="tpoint")
        expected = of_tpoint.astype({column: np.float32}).reset_index(drop=True)
        pd.testing.assert_frame_equal(single, expected)
        crowd.compact()


def test_all_kinds_of_columns(crowd: Crowd) -> None:
    for column in crowd.frame.columns:
        found = fetch(crowd, column, tpoint=0).iloc[:, -1]
        expected = crowd.frame[crowd.frame["tpoint"] == 0][column]
        assert np.array_equal(found.astype(object), expected.astype(object)) or np.array_equal(
            found, expected, equal_nan=True
        ), column
    well = fetch(crowd, "well_name")["well_name"]
    assert isinstance(well.dtype, pd.CategoricalDtype)
    assert well.cat.categories.tolist() == ["A01", "B02"]


def test_labels_that_tools_have_given(crowd: Crowd) -> None:
    continuous, classes = crowd.heatmap(), crowd.clustering()
    found = fetch(crowd, continuous)
    assert found[continuous].tolist() == crowd.frame["Area"].tolist()
    labels = fetch(crowd, classes)[classes]
    assert labels.cat.categories.tolist() == ["0", "1", "2"]
    areas = crowd.frame.groupby(labels.astype(str).to_numpy())["Area"]
    ranges = sorted((group.min(), group.max()) for _, group in areas)
    assert ranges[0][1] < ranges[1][0] <= ranges[1][1] < ranges[2][0]
    header, plain = fetch_binary(crowd, classes)
    assert header["columns"][-1]["texts"] == ["0", "1", "2"]
    assert plain["value"].tolist() == labels.cat.codes.tolist()


def test_objects_without_a_label_are_missing(crowd: Crowd) -> None:
    name = crowd.ask(
        "Clustering",
        selected_features=["Intensity, mean"],
        options={"method": "kmeans", "k": 2},
    )
    is_missing = crowd.frame["Intensity, mean"].isna()
    assert 0 < is_missing.sum() < len(is_missing)
    assert fetch(crowd, name)[name].isna().tolist() == is_missing.tolist()
    _, plain = fetch_binary(crowd, name)
    assert (plain["value"] == -1).tolist() == is_missing.tolist()


def test_the_plain_form_holds_the_same(crowd: Crowd) -> None:
    for column in ("Area", "mapobject_id", "is_border", "well_pos_x", "centroid_x"):
        header, plain = fetch_binary(crowd, column, dtype="float32")
        assert header["n_rows"] == len(crowd.frame)
        assert plain["mapobject_id"].tolist() == crowd.frame["mapobject_id"].tolist()
        assert plain["tpoint"].tolist() == crowd.frame["tpoint"].tolist()
        assert plain["value"].tolist() == crowd.frame[column].tolist()
    header, plain = fetch_binary(crowd, "Area", tpoint=1)
    assert [one["name"] for one in header["columns"]] == ["mapobject_id", "value"]
    answer = crowd.owner.request(
        "GET",
        f"{crowd.path}/values?column=Area",
        headers={"Accept": "application/vnd.tmserver.values"},
    )
    assert answer.mimetype == "application/vnd.tmserver.values"


def test_objects_of_a_place(crowd: Crowd) -> None:
    frame = crowd.frame
    place = {"plate_name": "Plate 2", "well_name": "B02", "well_pos_y": 0, "well_pos_x": 1}
    in_well = (frame["plate_name"] == "Plate 2") & (frame["well_name"] == "B02")
    in_site = in_well & (frame["well_pos_x"] == 1)
    for n, chosen in ((1, frame["plate_name"] == "Plate 2"), (2, in_well), (4, in_site)):
        found = fetch(crowd, "Area", **dict(list(place.items())[:n]))
        assert found["mapobject_id"].tolist() == frame[chosen]["mapobject_id"].tolist()


def test_objects_of_a_tile(crowd: Crowd) -> None:
    left = crowd.frame["centroid_x"] - 4
    for z, x in ((2, 0), (2, 1), (1, 0), (0, 0)):
        size = 256 * 2 ** (2 - z)
        touches = (left <= (x + 1) * size) & (left + 8 >= x * size)
        found = fetch(crowd, "Area", x=x, y=0, z=z)
        assert found["mapobject_id"].tolist() == crowd.frame[touches]["mapobject_id"].tolist()
        now = fetch(crowd, "Area", x=x, y=0, z=z, tpoint=1)
        chosen = crowd.frame[touches & (crowd.frame["tpoint"] == 1)]
        assert now["mapobject_id"].tolist() == chosen["mapobject_id"].tolist()
    assert len(fetch(crowd, "Area", x=9, y=9, z=2)) == 0
    assert WIDTH * 5 > 256


def test_values_are_sent_again_only_when_they_change(crowd: Crowd, experiment: str) -> None:
    path = f"{crowd.path}/values?column=Area"
    first = crowd.owner.request("GET", path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = crowd.owner.request("GET", path, headers=known)
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    other = crowd.owner.request("GET", f"{crowd.path}/values?column=label", headers=known)
    assert other.status_code == 200
    [feature] = [one for one in crowd.owner.get(f"{crowd.path}/features") if one["name"] == "Area"]
    crowd.owner.put(f"{experiment}/features/{feature['id']}", name="Size")
    renamed = crowd.owner.request("GET", f"{crowd.path}/values?column=Size")
    assert pa.ipc.open_stream(renamed.data).read_all()["Size"].to_pylist() == (
        crowd.frame["Area"].tolist()
    )
    row = crowd.frame.iloc[0]
    body = {name: row[name] for name in ("plate_name", "well_name")}
    labels = list(range(1, 7))
    body |= {"well_pos_y": 0, "well_pos_x": 0, "tpoint": 0, "names": ["Size"], "labels": labels}
    crowd.owner.post(f"{crowd.path}/feature-values", **body, values=[[7.0]] * 6)
    changed = crowd.owner.request(
        "GET",
        f"{crowd.path}/values?column=Size",
        headers={"If-None-Match": renamed.headers["ETag"]},
    )
    assert changed.status_code == 200
    values = pa.ipc.open_stream(changed.data).read_all()["Size"].to_pylist()
    assert values == [7.0] * 6 + crowd.frame["Area"].tolist()[6:]


def test_a_well_that_was_renamed(crowd: Crowd, database: Database) -> None:
    path = f"{crowd.path}/values?column=plate_name"
    first = crowd.owner.request("GET", path)
    [plate, _] = crowd.owner.get(f"{crowd.experiment}/plates")
    crowd.owner.put(f"{crowd.experiment}/plates/{plate['id']}", name="Z", description="")
    again = crowd.owner.request("GET", path, headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    assert set(fetch(crowd, "plate_name")["plate_name"]) == {"Z", "Plate 2"}


def test_values_are_compressed_for_who_asks(crowd: Crowd) -> None:
    path = f"{crowd.path}/values?column=Area"
    plain = crowd.owner.request("GET", path)
    for coding, expected in (
        ("zstd", "zstd"),
        ("gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("", None),
    ):
        answer = crowd.owner.request("GET", path, headers={"Accept-Encoding": coding})
        assert answer.headers.get("Content-Encoding") == expected
        assert "Accept-Encoding" in answer.headers["Vary"]
        content = answer.data
        if expected == "zstd":
            content = pa.input_stream(pa.py_buffer(content), compression="zstd").read()
        elif expected == "gzip":
            content = zlib.decompress(content, wbits=31)
        assert content == plain.data


def test_columns_of_the_same_name_are_told_apart(crowd: Crowd) -> None:
    name = crowd.heatmap()
    [result] = crowd.owner.get(f"{crowd.experiment}/tools/results", name=name)
    crowd.owner.put(f"{crowd.experiment}/tools/results/{result['id']}", name="Area")
    message = crowd.owner.refused("GET", f"{crowd.path}/values?column=Area", 400)
    assert 'say "feature:Area" or "result:Area"' in message
    for column in ("feature:Area", "result:Area"):
        assert fetch(crowd, column)["Area"].tolist() == crowd.frame["Area"].tolist()


BAD = {
    "column=Aera": 'There is no column "Aera": did you mean "Area"?',
    "": '"column"',
    "column=Area&dtype=int8": "'float32' or 'float64'",
    "column=Area&format=csv": "'arrow' or 'binary'",
    "column=Area&x=1&y=1": "send all of them or none",
    "column=Area&x=1&y=1&z=7": "no zoom level 7",
    "column=Area&x=-1&y=1&z=1": '"x"',
    "column=Area&tpoint=x": '"tpoint"',
}


def test_what_cannot_be_asked_for(crowd: Crowd) -> None:
    for query, reason in BAD.items():
        assert reason in crowd.owner.refused("GET", f"{crowd.path}/values?{query}", 400)


def test_what_is_not_there(crowd: Crowd, experiment: str) -> None:
    values = f"{crowd.path}/values?column=Area"
    assert "time point 5" in crowd.owner.refused("GET", f"{values}&tpoint=5", 404)
    assert '"C03"' in crowd.owner.refused("GET", f"{values}&well_name=C03", 404)
    path = f"{experiment}/mapobject_types/99/values?column=Area"
    crowd.owner.refused("GET", path, 404)


def test_values_whose_files_are_gone(crowd: Crowd) -> None:
    for file in crowd.storage.root.rglob("*.parquet"):
        file.unlink()
    assert "try again" in crowd.owner.refused("GET", f"{crowd.path}/values?column=Area", 409)


def test_plates_wells_and_sites_have_values_too(
    crowd: Crowd, owner: Person, database: Database, experiment_id: int
) -> None:
    def draw(y: int) -> tuple[int, int]:
        with database.transaction() as session:
            sites = session.query(Site).order_by(Site.id).all()
            wells = {site.well.id: site.well for site in sites}
            rectangles = {
                "plates": [PlacedRectangle(next(iter(wells.values())).plate_id, y, 0, 50, 50)],
                "wells": [PlacedRectangle(one, y, 60 * one, 50, 50) for one in wells],
                "sites": [PlacedRectangle(site.id, y, 60 * site.id, 50, 50) for site in sites],
            }
            record_static_objects(session, experiment_id, **rectangles)
            return len(wells), len(sites)

    n_wells, n_sites = draw(0)
    etags = []
    for y in (25, 35):
        for name, column, n in (
            ("Plates", "plate_name", 1),
            ("Wells", "well_name", n_wells),
            ("Sites", "well_pos_x", n_sites),
        ):
            [found] = owner.get(f"{crowd.experiment}/mapobject_types", name=name)
            path = f"{crowd.experiment}/mapobject_types/{found['id']}/values"
            answer = owner.request("GET", path, query_string={"column": column, "tpoint": 0})
            assert pa.ipc.open_stream(answer.data).read_all().num_rows == n
            answer = owner.request("GET", path, query_string={"column": "centroid_y"})
            table = pa.ipc.open_stream(answer.data).read_all()
            assert set(table["centroid_y"].to_pylist()) == {y}
            etags.append(answer.headers["ETag"])
        # drawn anew they are the same objects, in other places
        draw(10)
    assert len(set(etags)) == 6


def test_a_type_without_objects(owner: Person, experiment: str) -> None:
    created = owner.post(f"{experiment}/mapobject_types", name="Nothing")
    path = f"{experiment}/mapobject_types/{created['id']}/values"
    for query in ("column=label", "column=centroid_x&format=binary"):
        assert owner.request("GET", f"{path}?{query}").status_code == 200
