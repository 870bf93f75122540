"""Annotation tables over HTTP: making them, their rows in all forms, and what is refused."""

import io
import json
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tmserver.conftest import Person

SIZES = [325.0, 325.0, 1000.0]


@pytest.fixture
def tables(experiment: str) -> str:
    return f"{experiment}/annotation_tables"


@pytest.fixture
def cells(owner: Person, tables: str) -> str:
    """Path of the rows of a table with three of them, of which one was updated and one deleted."""
    owner.post(tables, name="cells", schema_name="bound_tag", voxel_resolution=SIZES)
    path = f"{tables}/cells/annotations"
    sent = [row("a", 1, 2, 0), row("b,\n", 10.5, -3, 1), row("c", 100, 100, 0)]
    assert owner.post(path, annotations=sent) == [1, 2, 3]
    changed = owner.put(path, annotations=[{"id": 1, "tag": "A"}])
    assert changed == [{"id": 1, "new_id": 4}]
    assert owner.request("DELETE", path, json={"ids": [3, 99]}).json == {"data": [3]}
    return path


def row(tag: str, *position: float) -> dict[str, Any]:
    return {"pt": {"position": position}, "tag": tag}


def test_a_table_from_its_beginning_to_its_end(
    owner: Person, people: dict[str, Person], tables: str
) -> None:
    assert "voxel_resolution" in owner.refused(
        "POST", tables, 400, json={"name": "cells", "schema_name": "bound_tag"}
    )
    made = {"name": "cells", "schema_name": "bound_tag", "voxel_resolution": SIZES}
    assert owner.post(tables, **made)["n_rows"] == 0
    assert "already exists" in owner.refused("POST", tables, 409, json=made)
    table = f"{tables}/cells"
    changed = owner.put(table, notice="careful", write_permission="GROUP")
    assert (changed["notice"], changed["write_permission"]) == ("careful", "GROUP")
    assert owner.put(table, owner="administrator")["owner_id"] != changed["owner_id"]
    administrator = people["administrator"]
    assert administrator.put(table, owner="owner") == changed
    owner.post(f"{table}/annotations", annotations=[row("a", 1, 2, 3)])
    changed = owner.get(table)
    before = changed["changed_at"]
    assert owner.get(tables) == [changed]
    assert owner.delete(table) == {"message": "ok"}
    assert owner.get(tables) == []
    assert [one["name"] for one in owner.get(tables, with_deleted="true")] == ["cells"]
    assert [one["name"] for one in owner.get(tables, as_of=before)] == ["cells"]
    assert "was deleted" in owner.refused("GET", f"{table}/annotations", 404)
    then = {"as_of": before}
    assert [one["id"] for one in owner.get(f"{table}/annotations", **then)] == [1]
    assert owner.get(f"{table}/count", **then) == 1
    long_ago = {"as_of": "2000-01-01T00:00:00Z"}
    assert "not there yet" in owner.refused("GET", f"{table}/count", 404, query_string=long_ago)
    assert owner.get(table)["deleted_at"] is not None


def test_schemas_of_labs(owner: Person, people: dict[str, Person], tables: str) -> None:
    definition = {
        "properties": {"pt": {"$ref": "#/definitions/BoundSpatialPoint"}, "n": {"type": "integer"}},
        "required": ["pt"],
    }
    added = people["stranger"].post("/api/annotation_schemas", name="spots", definition=definition)
    assert owner.get("/api/annotation_schemas/spots") == added
    assert owner.get("/api/annotation_schemas")[-1] == added
    body = {"name": "spots", "definition": definition}
    assert "already" in owner.refused("POST", "/api/annotation_schemas", 409, json=body)
    assert "no properties" in owner.refused(
        "POST", "/api/annotation_schemas", 400, json={"name": "x", "definition": {"properties": {}}}
    )
    assert owner.refused("GET", "/api/annotation_schemas/nothing", 404)
    owner.post(tables, name="spots", schema_name="spots", voxel_resolution=SIZES)
    rows = f"{tables}/spots/annotations"
    owner.post(rows, annotations=[{"pt": {"position": [1, 1, 1]}, "n": 3}])
    assert owner.get(rows)[0]["values"] == {"pt_position": [1, 1, 1], "n": 3}


def test_rows_are_found(owner: Person, cells: str) -> None:
    def numbers(**query: Any) -> list[int]:
        found = [one["id"] for one in owner.get(cells, **query)]
        assert owner.get(cells.replace("annotations", "count"), **query) == len(found)
        return found

    assert numbers() == [2, 4]
    assert numbers(with_invalid="true") == [1, 2, 3, 4]
    assert numbers(box="0,0,5,5") == [4]
    assert numbers(box="0,-10,1,50,50,1") == [2]
    assert numbers(where=json.dumps([{"field": "tag", "value": "A"}])) == [4]
    assert [one["id"] for one in owner.get(cells, after=2)] == [4]
    assert [one["id"] for one in owner.get(cells, limit=1)] == [2]
    assert [one["id"] for one in owner.get(cells, ids="1,4,99")] == [4]
    first = owner.get(cells, ids="1", with_invalid="true")[0]
    assert (first["superseded_by"], first["is_valid"]) == (4, False)
    assert numbers(as_of=first["created_at"]) == [1, 2, 3]
    moments = {one["id"]: one["created_at"] for one in owner.get(cells)}
    assert moments[2] < moments[4]
    assert numbers(created_since=moments[4]) == [4]
    assert numbers(created_until=moments[2]) == [2]
    assert numbers(user_id=owner.user_id) == [2, 4]
    assert numbers(user_id=99) == []
    states = owner.get(f"{cells}/4/history")
    assert [state["values"]["tag"] for state in states] == ["a", "A"]
    assert states[0] == first | {"user_name": "owner", "deleted_by_name": "owner"}
    assert (states[1]["user_name"], states[1]["deleted_by_name"]) == ("owner", None)
    form = owner.request("POST", f"{cells}/query", data={"ids": "1,2,4"})
    assert [one["id"] for one in form.json["data"]] == [2, 4]
    for query, message in (
        ({"box": "1,2,3"}, "four or six"),
        ({"box": "1,2,3,nan"}, "four or six"),
        ({"ids": "1;2"}, "ids"),
        ({"where": '[{"field": "pt", "value": 1}]'}, "pt"),
        ({"where": '[{"field": "tag", "value": "a\\u0000"}]'}, "NUL"),
        ({"where": '[{"field": "tag", "value": null}]'}, "string"),
        ({"where": f'[{{"field": "id", "value": {2**63}}}]'}, "less than or equal"),
        ({"box": "0,0,1,1", "field": "x"}, 'no point "x"'),
        ({"as_of": "0001-01-01T00:00:00+01:00"}, "years 1 and 9999"),
        ({"as_of": "20260131"}, "text like 2026-01-31"),
        ({"created_until": "9999-12-31T23:59:59-01:00"}, "years 1 and 9999"),
    ):
        assert message in owner.refused("GET", cells, 400, query_string=query)
    many = [{"field": "id", "comparison": "in", "value": [1] * 10_001}] * 2
    assert "20002 values" in owner.refused(
        "POST", f"{cells}/query", 400, data={"where": json.dumps(many)}
    )
    assert owner.refused("GET", f"{cells}/x/history", 400)
    assert owner.refused("GET", f"{cells}/77/history", 404)


def test_what_each_may_do_with_a_table_is_told(
    owner: Person, people: dict[str, Person], tables: str, experiment: str
) -> None:
    owner.put(f"{experiment}/shares/writer", permission="write")
    owner.put(f"{experiment}/shares/reader", permission="read")

    def told(name: str) -> tuple[bool, bool, bool]:
        (table,) = people[name].get(tables)
        return table["may_read"], table["may_write"], table["may_decide"]

    owner.post(tables, name="cells", schema_name="bound_tag", voxel_resolution=SIZES)
    assert owner.get(f"{tables}/cells")["owner_name"] == "owner"
    assert told("owner") == (True, True, True)
    assert told("administrator") == (True, True, True)
    assert told("writer") == (True, False, False)
    owner.put(f"{tables}/cells", read_permission="PRIVATE", write_permission="PUBLIC")
    assert told("writer") == (False, True, False)
    assert told("reader") == (False, False, False)
    rows = f"{tables}/cells/annotations"
    people["writer"].post(rows, annotations=[row("a", 1, 2, 0)])
    assert people["reader"].refused("POST", rows, 403, json={"annotations": []})
    squares = {"box": "0,0,9,9", "side": 3}
    assert people["reader"].refused("GET", f"{tables}/cells/density", 403, query_string=squares)


def test_points_are_counted_in_squares(owner: Person, cells: str, tables: str) -> None:
    def squares(path: str, **query: Any) -> list[list[int]]:
        return owner.get(path.replace("annotations", "density"), **query)["squares"]

    owner.post(cells, annotations=[row("d", x, 2.5, 3) for x in (10, 19.9, 20, -0.1)])
    everywhere = "-50,-50,50,50"
    counted = [[-1, 0, 1], [0, 0, 1], [1, -1, 1], [1, 0, 2], [2, 0, 1]]
    assert squares(cells, box=everywhere, side=10) == counted
    assert squares(cells, box="0,0,20,50", side=10) == [[0, 0, 1], [1, 0, 2], [2, 0, 1]]
    assert squares(cells, box="-50,-50,2.5,50,50,3.5", side=10) == [
        [-1, 0, 1],
        [1, 0, 2],
        [2, 0, 1],
    ]
    tagged = json.dumps([{"field": "tag", "value": "A"}])
    assert squares(cells, box=everywhere, side=7.5, where=tagged) == [[0, 0, 1]]
    assert squares(cells, box="30,30,40,40", side=1) == []
    path = cells.replace("annotations", "density")
    for query, message in (
        ({"box": everywhere, "side": 0.1}, "100000 are the most"),
        ({"box": everywhere, "side": 0}, "side"),
        ({"side": 1}, "box"),
        ({"box": everywhere, "side": 1, "field": "x"}, 'no point "x"'),
    ):
        assert message in owner.refused("GET", path, 400, query_string=query)

    owner.post(tables, name="pairs", schema_name="synapse", voxel_resolution=SIZES)
    pairs = f"{tables}/pairs/annotations"
    ends = {"pre_pt": [1, 1, 0], "ctr_pt": [12, 1, 0], "post_pt": [35, 1, 0]}
    points = {name: {"position": position} for name, position in ends.items()}
    owner.post(pairs, annotations=[points | {"size": 1}])
    found = {
        field: squares(pairs, box=everywhere, side=10, field=field)
        for field in ("pre_pt", "ctr_pt", "post_pt")
    }
    assert found == {"pre_pt": [[0, 0, 1]], "ctr_pt": [[1, 0, 1]], "post_pt": [[3, 0, 1]]}
    assert squares(pairs, box="30,0,40,5", side=10, field="pre_pt") == []


def test_rows_in_the_forms_of_other_programs(owner: Person, cells: str) -> None:
    def content(form: str) -> bytes:
        response = owner.request("GET", cells, query_string={"format": form})
        assert f"cells.{form}" in response.headers["Content-Disposition"]
        return response.data

    frame = pd.read_csv(io.BytesIO(content("csv")))
    assert list(frame["tag"]) == ["b,\n", "A"]
    assert list(frame["pt_x"]) == [10.5, 1]
    with pa.ipc.open_stream(content("arrow")) as stream:
        table = stream.read_all()
    assert table.equals(pq.read_table(io.BytesIO(content("parquet"))))
    assert table["tag"].to_pylist() == ["b,\n", "A"]
    collection = json.loads(content("geojson"))
    assert collection["features"][0]["geometry"] == {"type": "Point", "coordinates": [10.5, -3, 1]}
    empty = {"format": "geojson", "after": 1000}
    assert owner.request("GET", cells, query_string=empty).json["features"] == []


def test_what_cannot_be_leaves_all_as_it_was(
    owner: Person, people: dict[str, Person], cells: str
) -> None:
    before = owner.get(cells, with_invalid="true")
    bad = {"annotations": [row("x", 1, 2, 3), row("x", 1, 2)]}
    assert 'Row 1 (counted from 0), field "pt.position"' in owner.refused(
        "POST", cells, 400, json=bad
    )
    taken = {"annotations": [row("x", 1, 2, 3) | {"id": 4}]}
    assert "an annotation 4" in owner.refused("POST", cells, 409, json=taken)
    superseded = {"annotations": [{"id": 1, "tag": "x"}]}
    assert "superseded" in owner.refused("PUT", cells, 409, json=superseded)
    assert owner.refused("PUT", cells, 404, json={"annotations": [{"id": 77}]})
    assert owner.refused("DELETE", cells, 404, json={"ids": [77]})
    assert owner.get(cells, with_invalid="true") == before
    key = {"Idempotency-Key": "once"}
    for _ in range(2):
        sent = {"annotations": [row("again", 1, 2, 3)]}
        assert owner.request("POST", cells, json=sent, headers=key).json == {"data": [5]}
