"""The table of all objects over HTTP: pages, order, conditions and statistics as of pandas."""

import io
import json
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from tests.tmserver.api.crowd import Crowd, crowd
from tests.tmserver.conftest import Person
from tmlib.ids import decode_id

__all__ = ["crowd"]

MEAN = "Intensity, mean"
SORTS: tuple[list[dict[str, Any]], ...] = (
    [{"column": "Area"}],
    [{"column": "Area", "descending": True}],
    [{"column": MEAN}],
    [{"column": MEAN, "descending": True}],
    [{"column": "well_name", "descending": True}, {"column": "Area"}],
    [{"column": "is_border"}, {"column": "label", "descending": True}, {"column": MEAN}],
    [{"column": "mapobject_id", "descending": True}],
)
FILTERS: tuple[tuple[list[dict[str, Any]], str], ...] = (
    ([{"column": "Area", "min": 40, "max": 60}], "40 <= Area <= 60"),
    ([{"column": "Area", "min": 40}, {"column": "label", "max": 3}], "Area >= 40 and label <= 3"),
    ([{"column": "well_name", "values": ["B02", "Z99"]}], "well_name == 'B02'"),
    ([{"column": "label", "values": [2, 5, 77]}], "label in (2, 5)"),
    ([{"column": "is_border", "values": [True]}], "is_border"),
    ([{"column": MEAN, "missing": True}], "mean.isna()"),
    ([{"column": MEAN, "missing": False, "max": 0.5}], "mean <= 0.5"),
    ([{"column": MEAN, "min": -1e9}], "mean.notna()"),
    ([{"column": "tpoint", "values": []}], "label < 0"),
)


def ask(crowd: Crowd, what: str = "", **query: Any) -> Any:
    """What a route of the table answers; lists and dictionaries are sent as JSON."""
    return crowd.owner.get(f"{crowd.path}/table{what}", **encoded(query))


def encoded(query: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in query.items()
    }


def frame_of(page: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(page["rows"], columns=[column["name"] for column in page["columns"]])


def test_columns_are_listed(crowd: Crowd) -> None:
    name = crowd.clustering()
    columns = {column["name"]: column for column in ask(crowd, "/columns")}
    assert list(columns) == [
        *("mapobject_id", "label", "tpoint", "zplane", "is_border", "centroid_y", "centroid_x"),
        *("plate_name", "well_name", "well_pos_y", "well_pos_x", "Area", MEAN, name),
    ]
    assert columns["Area"] == {"name": "Area", "kind": "feature", "type": "float"}
    assert columns["well_name"]["type"] == columns[name]["type"] == "text"
    assert columns["is_border"]["type"] == "boolean"
    assert (columns["label"]["kind"], columns["label"]["type"]) == ("metadata", "integer")


def test_pages_of_the_whole_table(crowd: Crowd) -> None:
    first = ask(crowd, limit=25)
    assert first["n_rows"] == len(crowd.frame)
    parts, cursor = [frame_of(first)], first["cursor"]
    while cursor:
        following = ask(crowd, limit=25, cursor=cursor)
        assert following["offset"] == sum(map(len, parts))
        parts.append(frame_of(following))
        cursor = following["cursor"]
    found = pd.concat(parts, ignore_index=True)
    expected = crowd.frame[found.columns]
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert [len(part) for part in parts] == [25, 25, 10]
    assert ask(crowd, offset=10**6)["rows"] == []


def test_an_object_with_its_percentiles(crowd: Crowd) -> None:
    frame = crowd.frame
    here = frame[(frame["tpoint"] == frame["tpoint"].max()) & frame[MEAN].notna()]
    one = here.iloc[len(here) // 2]
    row = ask(crowd, f"/objects/{one['mapobject_id']}", tpoint=int(one["tpoint"]))
    assert (row["mapobject_id"], row["tpoint"]) == (one["mapobject_id"], one["tpoint"])
    assert row["n_objects"] == (frame["tpoint"] == one["tpoint"]).sum()
    found = {column["name"]: column for column in row["columns"]}
    assert found["well_name"]["value"] == one["well_name"]
    assert found["well_name"]["percentile"] is None
    assert found[MEAN]["value"] == one[MEAN]
    smaller, equal = (here[MEAN] < one[MEAN]).sum(), (here[MEAN] == one[MEAN]).sum()
    expected = 100 * (smaller + equal / 2) / len(here)
    assert found[MEAN]["percentile"] == pytest.approx(expected)
    without = frame[frame[MEAN].isna()].iloc[0]
    asked = {"columns": [MEAN], "tpoint": int(without["tpoint"])}
    (column,) = ask(crowd, f"/objects/{without['mapobject_id']}", **asked)["columns"]
    assert (column["value"], column["percentile"]) == (None, None)
    missing = crowd.owner.request("GET", f"{crowd.path}/table/objects/999999")
    assert missing.status_code == 404
    assert "no object 999999" in missing.json["error"]["message"]


def sorted_frame(frame: pd.DataFrame, sort: list[dict[str, Any]]) -> pd.DataFrame:
    """Sorted by pandas, whose stable sort has what is missing last as well."""
    for key in reversed(sort):
        frame = frame.sort_values(
            key["column"], ascending=not key.get("descending"), kind="stable", na_position="last"
        )
    return frame


def test_any_column_can_be_sorted_by(crowd: Crowd) -> None:
    for sort in SORTS:
        expected = sorted_frame(crowd.frame, sort)["mapobject_id"].tolist()
        page = ask(crowd, columns=["mapobject_id"], sort=sort)
        assert [row[0] for row in page["rows"]] == expected, sort
        deep = ask(crowd, columns=["mapobject_id"], sort=sort, offset=33, limit=5)
        assert [row[0] for row in deep["rows"]] == expected[33:38]


def test_rows_are_filtered_by_ranges_and_sets(crowd: Crowd) -> None:
    frame = crowd.frame.rename(columns={MEAN: "mean"})
    for conditions, expression in FILTERS:
        expected = frame.query(expression)
        found = ask(crowd, columns=["mapobject_id"], filter=conditions)
        assert found["n_rows"] == len(expected), conditions
        ids = [row[0] for row in found["rows"]]
        assert ids == expected["mapobject_id"].tolist(), conditions
        by_area = ask(crowd, columns=["mapobject_id"], filter=conditions, sort=[{"column": "Area"}])
        expected = sorted_frame(expected, [{"column": "Area"}])
        assert [row[0] for row in by_area["rows"]] == expected["mapobject_id"].tolist()
    place = ask(crowd, plate_name="Plate 2", filter=[{"column": "Area", "min": 40}])
    assert place["n_rows"] == len(frame.query("plate_name == 'Plate 2' and Area >= 40"))
    values = crowd.owner.request(
        "GET",
        f"{crowd.path}/values",
        query_string=encoded({"column": "Area", "filter": [{"column": "Area", "min": 40}]}),
    )
    assert pa.ipc.open_stream(values.data).read_all().num_rows == (frame["Area"] >= 40).sum()


def test_labels_are_columns_like_others(crowd: Crowd) -> None:
    name = crowd.ask("Clustering", selected_features=[MEAN], options={"method": "kmeans", "k": 2})
    is_missing = crowd.frame[MEAN].isna()
    page = ask(crowd, columns=[name, "mapobject_id"], sort=[{"column": name, "descending": True}])
    labels = [row[0] for row in page["rows"]]
    n_missing = int(is_missing.sum())
    assert labels[-n_missing:] == [None] * n_missing
    assert labels[:-n_missing] == sorted(labels[:-n_missing], reverse=True)
    ones = ask(crowd, columns=["mapobject_id"], filter=[{"column": name, "values": ["1"]}])
    assert ones["n_rows"] == labels.count("1")
    groups = ask(crowd, "/groups", columns=[MEAN], by=[name])["groups"]
    assert [group["key"] for group in groups] == [[None], ["0"], ["1"]]
    counts = [
        group["statistics"][0]["count"] + group["statistics"][0]["missing"] for group in groups
    ]
    assert counts == [labels.count(label) for label in (None, "0", "1")]
    assert groups[0]["statistics"][0] == {
        "count": 0,
        "missing": n_missing,
        "median": None,
        "quantiles": [None] * 4,
        **dict.fromkeys(("mean", "std", "min", "max")),
    }


def test_a_page_as_arrow(crowd: Crowd) -> None:
    query = encoded({"sort": [{"column": "Area"}], "limit": 7, "format": "arrow"})
    answer = crowd.owner.request("GET", f"{crowd.path}/table", query_string=query)
    table = pa.ipc.open_stream(answer.data).read_all()
    expected = sorted_frame(crowd.frame, [{"column": "Area"}]).head(7).reset_index(drop=True)
    found = table.to_pandas()
    assert found["mapobject_id"].tolist() == expected["mapobject_id"].tolist()
    assert found["well_name"].tolist() == expected["well_name"].tolist()
    cursor = table.schema.metadata[b"tmserver.cursor"].decode()
    following = ask(crowd, sort=[{"column": "Area"}], cursor=cursor)
    assert (following["offset"], len(following["rows"])) == (7, len(crowd.frame) - 7)


def test_a_cursor_is_of_one_version_of_the_values(crowd: Crowd) -> None:
    query: dict[str, Any] = {"columns": ["Area"], "sort": [{"column": "Area"}], "limit": 5}
    cursor = ask(crowd, **query)["cursor"]
    path = f"{crowd.path}/table"

    def refused(status: int, **more: Any) -> str:
        return crowd.owner.refused("GET", path, status, query_string=encoded(query | more))

    assert "another" not in ask(crowd, **query | {"limit": 9}, cursor=cursor)
    assert "other columns" in refused(400, cursor=cursor, columns=[MEAN])
    assert "other columns" in refused(400, cursor=cursor, plate_name="Plate 1")
    assert "leave one of them out" in refused(400, cursor=cursor, offset=3)
    for nonsense in ("x", "e30=", "WzEsMiwzXQ==", "WyJhIiwiYiIsLTFd"):
        assert "none that this server has given" in refused(400, cursor=nonsense)
    row = crowd.frame.iloc[0]
    body = {name: row[name] for name in ("plate_name", "well_name")}
    body |= {"well_pos_y": 0, "well_pos_x": 0, "tpoint": 0, "names": ["Area"]}
    labels = list(range(1, 7))
    crowd.owner.post(f"{crowd.path}/feature-values", **body, labels=labels, values=[[7.0]] * 6)
    assert "begin again without a cursor" in refused(409, cursor=cursor)
    assert [row[0] for row in ask(crowd, **query)["rows"]].count(7.0) >= 4


def test_groups_are_described_as_pandas_does(crowd: Crowd) -> None:
    quantiles = [0.1, 0.9]
    for by in (
        ["plate_name"],
        ["plate_name", "well_name"],
        ["plate_name", "well_name", "well_pos_y", "well_pos_x"],
        ["tpoint", "is_border"],
        [],
    ):
        for conditions, expression in (([], "label > 0"), FILTERS[0]):
            found = ask(
                crowd, "/groups", columns=["Area", MEAN], by=by, quantiles=quantiles,
                filter=conditions,
            )  # fmt: skip
            frame = crowd.frame.query(expression)
            expected = frame.groupby(by) if by else frame.groupby(np.zeros(len(frame), int))
            assert found["n_groups"] == len(expected)
            for group, (key, members) in zip(found["groups"], expected, strict=True):
                assert group["key"] == ([*key] if by else [])
                assert group["n_objects"] == members["mapobject_id"].nunique()
                for column, described in zip(("Area", MEAN), group["statistics"], strict=True):
                    check_statistics(members[column], described, quantiles)


def sizes(crowd: Crowd, by: list[str], **query: Any) -> dict[tuple[Any, ...], int]:
    """How many objects the groups have, by their keys."""
    found = ask(crowd, "/groups", columns=["Area"], by=by, **query)
    assert found["n_groups"] == len(found["groups"])
    assert [group["key"] for group in found["groups"]] == sorted(
        group["key"] for group in found["groups"]
    )
    for group in found["groups"]:
        [described] = group["statistics"]
        rows = described["count"] + described["missing"]  # an object has one at each time point
        assert group["n_objects"] <= rows <= 2 * group["n_objects"]
        assert (described["mean"] is None) == (described["count"] == 0)
    return {tuple(group["key"]): group["n_objects"] for group in found["groups"]}


@pytest.mark.parametrize("is_compacted", [False, True])
def test_wells_in_which_nothing_was_found_have_no_objects(
    crowd: Crowd, *, is_compacted: bool
) -> None:
    wells = ["plate_name", "well_name"]
    by_time = [*wells, "tpoint"]
    assert sizes(crowd, wells) == {
        ("Plate 1", "A01"): 12, ("Plate 1", "B02"): 6, ("Plate 2", "B02"): 12,
    }  # fmt: skip
    for place, tpoint in ((2, 1), (3, 0), (3, 1), (4, 0), (4, 1)):
        crowd.record(place, tpoint, 0)
    if is_compacted:
        crowd.compact()
    assert sizes(crowd, wells) == {
        ("Plate 1", "A01"): 12, ("Plate 1", "B02"): 6, ("Plate 2", "B02"): 0,
    }  # fmt: skip
    assert sizes(crowd, by_time)["Plate 1", "B02", 1] == 0
    assert sizes(crowd, ["plate_name"], tpoint=1) == {("Plate 1",): 12, ("Plate 2",): 0}
    assert sizes(crowd, wells, plate_name="Plate 2") == {("Plate 2", "B02"): 0}
    b02 = [{"column": "well_name", "values": ["B02"]}]
    assert sizes(crowd, wells, filter=b02) == {("Plate 1", "B02"): 6, ("Plate 2", "B02"): 0}
    huge = [{"column": "Area", "min": 1e6}]
    assert set(sizes(crowd, wells, filter=huge).values()) == {0}
    assert set(sizes(crowd, ["well_name", "is_border"])) == {
        ("A01", 0),
        ("A01", 1),
        ("B02", 0),
        ("B02", 1),
    }
    crowd.record(3, 0, 2)
    assert sizes(crowd, wells)["Plate 2", "B02"] == 2
    assert sizes(crowd, by_time)["Plate 2", "B02", 1] == 0
    name = crowd.ask("Aggregation", selected_features=["Area"], statistics=["mean", "count"])
    [result] = crowd.owner.get(f"{crowd.experiment}/tools/results", name=name)
    path = f"{crowd.experiment}/tools/results/{result['id']}/wells"
    wells_found = pd.read_csv(io.StringIO(crowd.owner.request("GET", path).text))
    by_well = wells_found.set_index(["plate", "well", "tpoint"])
    assert by_well["n_objects"].to_dict() == sizes(crowd, by_time)
    assert by_well["count(Area)"].to_dict() == by_well["n_objects"].to_dict()
    assert by_well["mean(Area)"].isna().to_dict() == (by_well["n_objects"] == 0).to_dict()


def check_statistics(values: pd.Series, found: dict[str, Any], quantiles: list[float]) -> None:
    assert found["count"] == values.count()
    assert found["missing"] == values.isna().sum()
    for name in ("mean", "std", "min", "max", "median"):
        expected = getattr(values, name)()
        assert found[name] == (None if np.isnan(expected) else pytest.approx(expected)), name
    assert found["quantiles"] == pytest.approx(values.quantile(quantiles).tolist(), nan_ok=True)


def test_groups_come_in_pages(crowd: Crowd) -> None:
    query: dict[str, Any] = {"columns": ["Area"], "by": ["mapobject_id"]}
    found = ask(crowd, "/groups", **query, limit=7, offset=4)
    # an object at several time points is one
    assert found["n_groups"] == crowd.frame["mapobject_id"].nunique() == len(crowd.frame) / 2
    expected = sorted(crowd.frame["mapobject_id"].unique())[4:11]
    assert [group["key"][0] for group in found["groups"]] == expected
    assert {group["n_objects"] for group in found["groups"]} == {1}
    assert {group["statistics"][0]["count"] for group in found["groups"]} == {2}
    wide = ["mapobject_id", "centroid_x"]
    path = f"{crowd.path}/table/groups"
    message = crowd.owner.refused("GET", path, 400, query_string=encoded(query | {"by": wide}))
    assert "which is measured" in message


def test_how_values_are_distributed(crowd: Crowd) -> None:
    area = crowd.frame["Area"]
    found = ask(crowd, "/distribution", column="Area", bins=7)
    counts, edges = np.histogram(area, 7)
    assert found["histogram"]["counts"] == counts.tolist()
    assert found["histogram"]["edges"] == pytest.approx(edges)
    check_statistics(area, found["statistics"], found["quantiles"])
    part = ask(
        crowd, "/distribution", column=MEAN, bins=4, min=0.25, max=0.75, well_name="A01",
        quantiles=[0.5],
    )  # fmt: skip
    values = crowd.frame[crowd.frame["well_name"] == "A01"][MEAN]
    counts, _ = np.histogram(values.dropna(), 4, (0.25, 0.75))
    histogram = part["histogram"]
    assert histogram["counts"] == counts.tolist()
    assert (histogram["below"], histogram["above"]) == (
        (values < 0.25).sum(),
        (values > 0.75).sum(),
    )
    assert part["n_objects"] == len(values)
    texts = ask(crowd, "/distribution", column="well_name")
    counted = crowd.frame["well_name"].value_counts().sort_index()
    assert [(one["value"], one["count"]) for one in texts["texts"]] == list(counted.items())
    assert texts["histogram"] is None
    nothing = [{"column": "Area", "min": 1e6}]
    empty = ask(crowd, "/distribution", column="Area", bins=2, filter=nothing)
    assert (empty["histogram"]["counts"], empty["statistics"]["count"]) == ([0, 0], 0)
    constant = ask(crowd, "/distribution", column="zplane", bins=1)
    assert constant["histogram"]["counts"] == [len(crowd.frame)]


BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("", {"columns": ["Area", "Nothing"]}, 'no column "Nothing"'),
    ("", {"columns": "Area"}, "\"columns\" is 'Area', but must be JSON"),
    ("", {"columns": []}, '"columns"'),
    ("", {"limit": 10**9}, '"limit" is'),
    ("", {"limit": 0}, '"limit" is'),
    ("", {"offset": -1}, '"offset" is'),
    ("", {"limit": 10_000, "columns": ["Area"] * 200}, "too much for a page"),
    ("", {"sort": [{"column": "Nothing"}]}, 'no column "Nothing"'),
    ("", {"sort": [{"column": "Area", "down": True}]}, "sort.0.down"),
    ("", {"sort": [{"column": "Area"}] * 4}, '"sort"'),
    ("", {"filter": [{"column": "Area"}]}, 'needs "min", "max", "values" or "missing"'),
    ("", {"filter": [{"column": "Area", "min": 3, "max": 2}]}, "larger"),
    ("", {"filter": [{"column": "Area", "min": "x"}]}, "filter.0.min"),
    ("", {"filter": [{"column": "Area", "minimum": 3}]}, "filter.0.minimum"),
    ("", {"filter": [{"column": "well_name", "min": 3}]}, "no numbers that could be in a range"),
    ("", {"filter": [{"column": "well_name", "values": [3]}]}, "its values are texts"),
    ("", {"filter": [{"column": "Area", "values": ["3"]}]}, "its values are numbers"),
    ("", {"filter": [{"column": "is_border", "values": [1]}]}, "true or false"),
    ("", {"filter": [{"column": "Area", "values": [True]}]}, "its values are numbers"),
    ("", {"filter": [{"column": "Area", "min": 1}] * 51}, '"filter"'),
    ("", {"filter": "[{]"}, "must be JSON"),
    ("", {"format": "csv"}, "'json' or 'arrow'"),
    ("/groups", {}, '"columns"'),
    ("/groups", {"columns": ["well_name"]}, "has texts, which have no mean"),
    ("/groups", {"columns": ["Area"], "by": ["Area"]}, "cannot be grouped"),
    ("/groups", {"columns": ["Area"], "quantiles": [1.5]}, "quantiles.0"),
    ("/groups", {"columns": ["Area"], "limit": 10**6}, '"limit" is'),
    ("/distribution", {"column": "Area", "bins": 0}, '"bins" is'),
    ("/distribution", {"column": "Area", "bins": 10**6}, '"bins" is'),
    ("/distribution", {"column": "Area", "min": 5, "max": 1}, "must not be larger"),
    ("/distribution", {"column": "Area", "min": "nan"}, '"min"'),
    ("/distribution", {}, '"column"'),
)


def test_what_cannot_be_asked_for(crowd: Crowd) -> None:
    for what, query, reason in BAD:
        path = f"{crowd.path}/table{what}"
        message = crowd.owner.refused("GET", path, 400, query_string=encoded(query))
        assert reason in message, message


def test_tables_of_what_is_not_there(crowd: Crowd, owner: Person) -> None:
    routes: dict[str, dict[str, Any]] = {
        "": {},
        "/columns": {},
        "/groups": {"columns": ["Area"]},
        "/distribution": {"column": "Area"},
        "/objects/1": {},
    }
    nowhere = f"{crowd.experiment}/mapobject_types/99/table"
    for what, query in routes.items():
        owner.refused("GET", f"{nowhere}{what}", 404, query_string=encoded(query))
    for file in crowd.storage.root.rglob("*.parquet"):
        file.unlink()
    for what, query in routes.items():
        path = f"{crowd.path}/table{what}"
        assert "try again" in owner.refused("GET", path, 409, query_string=encoded(query))


def test_queries_may_be_longer_than_an_address(crowd: Crowd, owner: Person) -> None:
    """Forms have the answers of addresses, for columns of which there may be thousands."""
    table = f"{crowd.path}/table"
    names = ["Area", MEAN] * 2500
    queries: dict[str, dict[str, Any]] = {
        table: {"columns": names, "limit": 3, "sort": SORTS[0]},
        f"{table}/groups": {"columns": ["Area"], "by": ["well_name"]},
        f"{table}/distribution": {"column": "Area"},
        f"{crowd.path}/anndata": {"columns": ["Area"]},
        f"{crowd.path}/geojson": {"columns": ["Area"]},
    }
    for path, query in queries.items():
        form = encoded(query)
        answer = owner.request("POST", f"{path}/query", data=form)
        assert answer.status_code == 200, answer.text
        assert answer.data == owner.request("GET", path, query_string=form).data
    assert len(owner.request("POST", f"{table}/query", data=encoded(queries[table])).data) > 50_000
    nested = {"columns": "[" * 1_000_000}
    assert "values" in owner.refused("POST", f"{table}/query", 413, data=nested)
    many = {f"a{number}": "1" for number in range(1000)}
    assert "form" in owner.refused("POST", f"{table}/query", 400, data=many)
    owner.refused("POST", f"{table}/query", 415, json={"columns": ["Area"]})
    token = owner.post("/auth/tokens", name="reads", scope="read")["token"]
    reader = Person(owner.app, authorization=f"Bearer {token}")
    assert reader.request("POST", f"{table}/query", data=form).status_code == 200
    for file in crowd.storage.root.rglob("*.parquet"):
        file.unlink()
    shutil.rmtree(crowd.storage.root.parent.parent / "cache", ignore_errors=True)
    for path, query in queries.items():
        owner.refused("POST", f"{path}/query", 409, data=encoded(query))


def test_deleting_and_renaming_a_feature_rewrites_nothing(crowd: Crowd) -> None:
    def files() -> dict[str, tuple[int, int, bytes]]:
        return {
            path.name: (path.stat().st_ino, path.stat().st_mtime_ns, path.read_bytes())
            for path in crowd.storage.features(crowd.type_id).iterdir()
        }

    before = files()
    features = {one["name"]: one["id"] for one in crowd.owner.get(f"{crowd.path}/features")}
    assert decode_id(features["Area"]) > 0
    crowd.owner.put(f"{crowd.experiment}/features/{features['Area']}", name="Size")
    crowd.owner.delete(f"{crowd.experiment}/features/{features[MEAN]}")
    names = [column["name"] for column in ask(crowd, "/columns") if column["kind"] == "feature"]
    assert names == ["Size"]
    found = ask(crowd, columns=["Size"])
    assert [row[0] for row in found["rows"]] == crowd.frame["Area"].tolist()
    assert files() == before


def test_tools_that_find_several_numbers_have_several_columns(crowd: Crowd) -> None:
    name = crowd.ask("Embedding", selected_features=["Area", MEAN], options={"method": "pca"})
    columns = [one["name"] for one in ask(crowd, "/columns") if one["kind"] == "result"]
    assert columns[0] == name
    assert len(columns) > 1
    assert all(column.startswith(f"{name}.") for column in columns[1:])
    rows = np.array(ask(crowd, columns=columns)["rows"], dtype=float)
    assert np.isfinite(rows).any(axis=0).all()
    assert np.isnan(rows).any(axis=1).tolist() == crowd.frame[MEAN].isna().tolist()


def test_more_columns_than_there_is_room_for(crowd: Crowd) -> None:
    cache = crowd.owner.app.extensions["tmserver"].columns
    ask(crowd, columns=["label"])
    cache.max_bytes = 700
    query = encoded({"columns": ["Area", MEAN]})
    message = crowd.owner.refused("GET", f"{crowd.path}/table", 400, query_string=query)
    assert "ask for fewer columns" in message
    assert len(ask(crowd, columns=["Area"])["rows"]) == len(crowd.frame)
