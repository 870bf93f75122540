"""Snapshots, and the forms of the materialization service that its published client never asks."""

from typing import Any

import pyarrow as pa
import pytest

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment

SIZES = [325.0, 325.0, 1000.0]
MOMENT = "2999-01-01T00:00:00"


@pytest.fixture
def snapshots(
    owner: Person,
    people: dict[str, Person],
    experiment: str,
    experiment_id: int,
    database: Database,
) -> str:
    """Path of the snapshots of an experiment with a table that others may see the names of."""
    with database.transaction() as session:
        for name in ("writer", "reader"):
            user_id = people[name].user_id
            assert user_id is not None
            share_experiment(session, experiment_id, user_id, write_access=name == "writer")
    tables = f"{experiment}/annotation_tables"
    options = {"voxel_resolution": SIZES, "read_permission": "PRIVATE"}
    owner.post(tables, name="cells", schema_name="synapse", **options)
    owner.post(
        f"{tables}/cells/annotations",
        annotations=[
            {
                name: {"position": [x, n, 0]}
                for name, x in (("pre_pt", 1), ("ctr_pt", 5), ("post_pt", 9))
            }
            for n in range(3)
        ],
    )
    return f"{experiment}/annotation_snapshots"


@pytest.fixture
def stack(experiment_id: int, snapshots: str) -> str:
    """Path of the datastack."""
    return f"/materialize/api/v3/datastack/screen_{experiment_id}"


def test_snapshots_are_numbered_and_named_by_those_who_may_write(
    people: dict[str, Person], owner: Person, snapshots: str
) -> None:
    first = people["writer"].post(snapshots, name="before")
    second = owner.post(snapshots, name="after")
    assert (first["number"], first["name"], second["number"]) == (1, "before", 2)
    assert first["created_at"] < second["created_at"]
    assert people["reader"].get(snapshots) == [first, second]
    assert people["reader"].refused("POST", snapshots, 403, json={"name": "mine"})
    for name in ("", " ", "a\nb", None):
        assert "name" in owner.refused("POST", snapshots, 400, json={"name": name})


def test_both_versions_of_the_service_tell_the_same(
    anonymous: Person, owner: Person, snapshots: str, stack: str
) -> None:
    assert anonymous.request("GET", "/materialize/version").json == "5.13.0"
    assert anonymous.request("GET", "/materialize/api/versions").json == [2, 3]
    taken = owner.post(snapshots, name="only")
    for path in (
        "versions",
        "metadata",
        "version/1",
        "version/1/tables",
        "version/1/tables/metadata",
        "version/1/table/cells/metadata",
        "version/1/table/cells/count",
    ):
        found, other = (
            owner.request("GET", f"{way}/{path}") for way in (stack, stack.replace("v3", "v2"))
        )
        assert found.status_code == 200
        assert found.json == other.json
    told = owner.request("GET", f"{stack}/version/1").json
    assert f"{told['time_stamp']}Z" == taken["created_at"]
    assert owner.request("GET", f"{stack}/version/1/table/cells/count").json == 3
    for path in ("versions", "metadata"):
        assert "expired" in owner.refused("GET", f"{stack}/{path}?expired=perhaps", 400)
    assert owner.refused("GET", f"{stack}/version/2", 404)
    assert owner.refused("GET", f"{stack}/version/99999999999/tables", 404)


def test_rows_in_each_form(
    people: dict[str, Person], owner: Person, snapshots: str, stack: str
) -> None:
    owner.post(snapshots, name="only")
    query = f"{stack}/version/1/table/cells/query"
    near = {"filter_spatial_dict": {"cells": {"post_pt_position": [[9, 2, 1], [8, 1, 0]]}}}
    body: dict[str, Any] = near | {"select_columns": ["id", "ctr_pt_position"]}

    def columns(**options: Any) -> dict[str, Any]:
        answer = owner.request("POST", query, json=body, **options)
        assert answer.content_type == "data.arrow"
        found: dict[str, Any] = pa.ipc.open_stream(answer.data).read_all().to_pydict()
        return found

    assert columns() == {"id": [2, 3], "ctr_pt_position": [[5, 1, 0], [5, 2, 0]]}
    assert columns(headers={"Accept-Encoding": "zstd"}) == columns()
    assert columns(query_string={"count": "True"}) == {"count": [2]}
    as_json = {"return_pyarrow": "False", "split_positions": "True"}
    [first, _] = owner.request("POST", query, json=body, query_string=as_json).json
    assert first == {"id": 2} | {
        f"ctr_pt_position_{axis}": n for axis, n in zip("xyz", (5, 1, 0), strict=True)
    }
    counted = owner.request("POST", query, json={}, query_string={**as_json, "count": "true"})
    assert counted.json == [{"count": 3}]
    none = {"filter_equal_dict": {"cells": {"id": 9}}}
    assert owner.request("POST", query, json=none, query_string=as_json).json == []
    live = {
        "table": "cells",
        "timestamp": MOMENT,
        "select_columns": ["id"],
        "offset": 1,
        "limit": 1,
    }
    answer = owner.request("POST", f"{stack}/query", json=live, query_string=as_json)
    assert answer.json == [{"id": 2}]
    for wrong in ("0001-01-01T00:00:00+01:00", "1769860800", 1769860800, 1.5, True):
        body = live | {"timestamp": wrong}
        assert "timestamp" in owner.refused("POST", f"{stack}/query", 400, json=body)
    # the table is its owner's alone
    assert people["writer"].refused("POST", query, 403, json={})
    assert people["writer"].refused("GET", query.replace("/query", "/count"), 403)
    assert people["stranger"].refused("POST", query, 404, json={})


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"filter_equal_dict": {"others": {"id": 1}}}, "about table others"),
        ({"filter_in_dict": {"cells": {"id": 1}}}, "needs a list"),
        ({"filter_in_dict": {"cells": {"id": list(range(20_001))}}}, "20001 values"),
        ({"filter_equal_dict": {"cells": {"id": 2**63}}}, "less than or equal"),
        ({"filter_less_dict": {"cells": {"id": None}}}, "integer"),
        ({"filter_spatial_dict": {"cells": {"pre_pt": "here"}}}, "two corners"),
        ({"filter_spatial_dict": {"cells": {"nope": [[0, 0, 0], [1, 1, 1]]}}}, '"nope"'),
        (
            {"filter_spatial_dict": {"cells": {"pre_pt": [], "post_pt": []}}},
            "One box",
        ),
        ({"desired_resolution": [1, 2]}, "three sizes"),
        ({"desired_resolution": [1, 2, 0]}, "three sizes"),
        ({"select_column_map": {"cells": []}}, "No columns"),
        ({"limit": 0}, "limit"),
        ({"suffixes": []}, "suffixes"),
    ],
)
def test_queries_that_cannot_be_answered_say_why(
    owner: Person, snapshots: str, stack: str, body: dict[str, Any], words: str
) -> None:
    owner.post(snapshots, name="only")
    assert words in owner.refused("POST", f"{stack}/version/1/table/cells/query", 400, json=body)


def test_only_tables_that_refer_to_each_other_are_joined(
    owner: Person, snapshots: str, stack: str
) -> None:
    tables = snapshots.replace("snapshots", "tables")
    owner.post(
        tables,
        name="remarks",
        schema_name="reference_tag",
        voxel_resolution=SIZES,
        reference_table="cells",
    )
    owner.post(f"{tables}/remarks/annotations", annotations=[{"target_id": 2, "tag": "odd"}])
    owner.post(snapshots, name="only")
    query = f"{stack}/version/1/query"
    pair = [["remarks", "target_id"], ["cells", "id"]]
    chosen = {"remarks": ["id", "tag"], "cells": ["id", "pre_pt_position"]}
    joined = owner.request(
        "POST",
        query,
        json={"tables": pair, "select_column_map": chosen, "suffix_map": {"cells": "_ref"}},
        query_string={"return_pyarrow": "false"},
    )
    assert joined.json == [{"id": 1, "tag": "odd", "id_ref": 2, "pre_pt_position": [1, 1, 0]}]
    wrongs: list[Any] = [pair[::-1], [["remarks", "id"], ["cells", "id"]], [[], []]]
    for wrong in wrongs:
        owner.refused("POST", query, 404 if wrong == [[], []] else 400, json={"tables": wrong})
