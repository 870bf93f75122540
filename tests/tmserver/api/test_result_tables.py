"""Results of tools that are saved as annotation tables, through HTTP and by jobs."""

import io
from typing import Any

import pandas as pd
import pytest

from tests.tmserver.api.crowd import TPOINTS, Crowd, crowd
from tests.tmserver.conftest import Person
from tmlib.programs import result_tables

__all__ = ["crowd", "result_tables"]


def result_of(crowd: Crowd, name: str) -> str:
    """Path of the tables of a result."""
    results = f"{crowd.experiment}/tools/results"
    [result] = crowd.owner.get(results, name=name)
    return f"{results}/{result['id']}/annotation_tables"


def labels(crowd: Crowd, tables: str, tpoint: int) -> dict[int, Any]:
    """What a tool has found at a time point, by object."""
    sheet = crowd.owner.request("GET", f"{tables.rpartition('/')[0]}/labels?format=parquet").data
    frame = pd.read_parquet(io.BytesIO(sheet))
    found = frame[frame["tpoint"] == tpoint]
    return dict(zip(found["mapobject_id"].tolist(), found["label"], strict=True))


def rows(crowd: Crowd, name: str) -> dict[int, dict[str, Any]]:
    """The rows of a table by the objects that they are about."""
    found = crowd.owner.get(f"{crowd.experiment}/annotation_tables/{name}/annotations")
    assert [row["id"] for row in found] == list(range(1, len(found) + 1))
    return {row["values"].pop("target_id"): row["values"] for row in found}


def test_classes_become_tags(crowd: Crowd) -> None:
    tables = result_of(crowd, crowd.clustering())
    assert crowd.owner.get(tables) == []
    wanted = {"name": "groups", "description": "by size", "tpoint": 1}
    asked = crowd.owner.post(tables, **wanted, read_permission="GROUP")
    assert (asked["name"], asked["state"], asked["n_rows"]) == ("groups", "waiting", None)
    crowd.run_tools()
    [done] = crowd.owner.get(tables)
    expected = {one: {"tag": label} for one, label in labels(crowd, tables, 1).items()}
    assert done == asked | {"state": "done", "percent_done": 100.0, "n_rows": len(expected)}
    assert rows(crowd, "groups") == expected
    [table] = crowd.owner.get(f"{crowd.experiment}/annotation_tables")
    assert table["reference_table"] == "mapobjects_cells"
    assert (table["schema_name"], table["description"]) == ("reference_tag", "by size")
    assert (table["read_permission"], table["write_permission"]) == ("GROUP", "PRIVATE")
    assert table["n_rows"] == len(expected)
    # it is a table like any other
    path = f"{crowd.experiment}/annotation_tables/groups"
    sent = [{"target_id": next(iter(expected)), "tag": "odd"}]
    assert crowd.owner.post(f"{path}/annotations", annotations=sent) == [len(expected) + 1]


def test_classes_have_their_names_and_numbers_their_values(crowd: Crowd) -> None:
    ids = crowd.frame["mapobject_id"].unique().tolist()
    crowd.ask("Selection", object_ids=ids[:4], name="odd")
    heatmap = crowd.heatmap()
    crowd.owner.post(result_of(crowd, "odd"), name="odd_ones", tpoint=0)
    numbers = result_of(crowd, heatmap)
    crowd.owner.post(numbers, name="areas", tpoint=0)
    crowd.run_tools()
    tags = {one: said["tag"] for one, said in rows(crowd, "odd_ones").items()}
    assert tags == {one: "odd" if one in ids[:4] else "others" for one in ids}
    first = crowd.frame[crowd.frame["tpoint"] == 0].set_index("mapobject_id")["Area"]
    found = rows(crowd, "areas")
    assert {one: said["value"] for one, said in found.items()} == dict(first.items())
    assert {said["tag"] for said in found.values()} == {heatmap}


def test_a_saved_result_trains_a_classifier(crowd: Crowd) -> None:
    tables = result_of(crowd, crowd.clustering())
    crowd.owner.post(tables, name="groups", tpoint=0)
    crowd.run_tools()
    name = crowd.ask(
        "Classification",
        selected_features=["Area"],
        training_table={"table": "groups", "column": "tag"},
        options={"method": "logisticregression", "n_fold_cv": 2},
    )
    [result] = crowd.owner.get(f"{crowd.experiment}/tools/results", name=name)
    assert list(result["attributes"]["n_training_objects"]) == ["0", "1", "2"]


def test_names_are_given_once(crowd: Crowd) -> None:
    tables = result_of(crowd, crowd.clustering())
    body: dict[str, Any] = {"json": {"name": "groups", "tpoint": 0}}
    crowd.owner.post(tables, **body["json"])
    assert "is being made already" in crowd.owner.refused("POST", tables, 409, **body)
    crowd.run_tools()
    assert "already exists" in crowd.owner.refused("POST", tables, 409, **body)
    assert len(crowd.owner.get(tables)) == 1
    crowd.owner.post(tables, name="others", tpoint=0)
    about: dict[str, Any] = {"schema_name": "bound_tag", "voxel_resolution": [1, 1, 1]}
    crowd.owner.post(f"{crowd.experiment}/annotation_tables", name="others", **about)
    crowd.run_tools()
    [_, failed] = crowd.owner.get(tables)
    assert (failed["state"], failed["n_rows"]) == ("failed", None)
    assert "Table others already exists" in failed["error"]
    assert rows(crowd, "others") == {}


def test_objects_that_are_gone_are_left_out(crowd: Crowd) -> None:
    tables = result_of(crowd, crowd.clustering())
    n_before = len(labels(crowd, tables, 0))
    for tpoint in range(TPOINTS):
        crowd.record(0, tpoint, 4)
    crowd.owner.post(tables, name="groups", tpoint=0)
    crowd.run_tools()
    assert len(rows(crowd, "groups")) == n_before - 2


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"name": "groups"}, "labels at the time points 0, 1, and a table has one for each object"),
        ({"name": "groups", "tpoint": 7}, "no labels at time point 7: use one of 0, 1."),
        ({"name": "Groups", "tpoint": 0}, "lowercase letters"),
        ({"name": "mapobjects_x", "tpoint": 0}, "those of mapobject types"),
        ({"tpoint": 0}, '"name"'),
    ],
)
def test_what_cannot_be_saved_is_refused_at_once(
    crowd: Crowd, body: dict[str, Any], message: str
) -> None:
    tables = result_of(crowd, crowd.clustering())
    assert message in crowd.owner.refused("POST", tables, 400, json=body)
    assert crowd.owner.get(tables) == []


def test_results_are_saved_by_who_may_write(crowd: Crowd, people: dict[str, Person]) -> None:
    tables = result_of(crowd, crowd.clustering())
    crowd.owner.put(f"{crowd.experiment}/shares/reader", permission="read")
    body: dict[str, Any] = {"json": {"name": "groups", "tpoint": 0}}
    people["reader"].refused("POST", tables, 403, **body)
    missing = tables.replace(f"{tables.split('/')[-2]}/annotation", "OTk=/annotation")
    for method in ("GET", "POST"):
        told = crowd.owner.refused(method, missing, 404, **(body if method == "POST" else {}))
        assert "no such tool result" in told
    crowd.owner.put(f"{crowd.experiment}/shares/writer", permission="write")
    people["writer"].post(tables, **body["json"])
    crowd.run_tools()
    [table] = people["writer"].get(f"{crowd.experiment}/annotation_tables")
    assert people["writer"].get(tables)[0]["state"] == "done"
    assert table["write_permission"] == "PRIVATE"
    writes = f"{crowd.experiment}/annotation_tables/groups/annotations"
    crowd.owner.refused("DELETE", writes, 403, json={"ids": [1]})
