"""Tables of remarks on objects in the tools: as training data and as columns, and made of results.

All of it through HTTP, with the jobs that the requests start.
"""

import io
import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from tests.tmserver.api.crowd import Crowd, crowd
from tests.tmserver.conftest import Person

__all__ = ["crowd"]

LOGISTIC = {"method": "logisticregression", "n_fold_cv": 2}


@dataclass
class Remarked:
    """A crowd, and a table with remarks on its objects that anybody may read and write."""

    crowd: Crowd
    people: dict[str, Person]

    @property
    def owner(self) -> Person:
        return self.crowd.owner

    @property
    def tables(self) -> str:
        return f"{self.crowd.experiment}/annotation_tables"

    @property
    def rows(self) -> str:
        return f"{self.tables}/remarks/annotations"

    @property
    def ids(self) -> list[int]:
        """The objects, the smaller half first."""
        first = self.crowd.frame[self.crowd.frame["tpoint"] == 0]
        ids: list[int] = first.sort_values("Area", kind="stable")["mapobject_id"].tolist()
        return ids

    def make(self, name: str, schema_name: str, **more: Any) -> None:
        about = {"reference_table": "mapobjects_cells", "voxel_resolution": [1, 1, 1]}
        self.owner.post(self.tables, name=name, schema_name=schema_name, **about | more)

    def say(self, tag: str, *ids: int) -> list[int]:
        sent = [{"target_id": number, "tag": tag} for number in ids]
        numbers: list[int] = self.owner.post(self.rows, annotations=sent)
        return numbers

    def payload(self, **more: Any) -> dict[str, Any]:
        table = {"table": "remarks", "column": "tag"} | more
        return {
            "chosen_object_type": "Cells",
            "selected_features": ["Area"],
            "training_table": table,
            "options": LOGISTIC,
        }

    def classify(self, payload: dict[str, Any]) -> dict[str, Any]:
        request = f"{self.crowd.experiment}/tools/request"
        number = self.owner.post(request, tool_name="Classification", payload=payload)
        self.crowd.run_tools()
        results = f"{self.crowd.experiment}/tools/results"
        [result] = self.owner.get(results, **number)
        return dict(result)

    def labels(self, result: dict[str, Any]) -> str:
        path = f"{self.crowd.experiment}/tools/results/{result['id']}/labels"
        return self.owner.request("GET", path).text

    def refused(self, payload: dict[str, Any], status: int = 400, who: str = "owner") -> str:
        request = f"{self.crowd.experiment}/tools/request"
        body = {"tool_name": "Classification", "payload": payload}
        return self.people[who].refused("POST", request, status, json=body)


@pytest.fixture
def remarked(crowd: Crowd, people: dict[str, Person]) -> Remarked:
    made = Remarked(crowd, people)
    made.make("remarks", "reference_tag")
    return made


def test_a_table_of_remarks_trains_a_classifier(remarked: Remarked) -> None:
    ids = remarked.ids
    remarked.say("small", *ids[:6])
    remarked.say("large", *ids[-6:])
    by_table = remarked.classify(remarked.payload())
    [table] = remarked.owner.get(remarked.tables)
    told = by_table["attributes"]["training_table"]
    assert told == {
        "table": "remarks",
        "column": "tag",
        "as_of": table["changed_at"],
        "n_rows": 12,
        "left_out": None,
    }
    named = by_table["attributes"]["label_map"]
    assert {label: one["name"] for label, one in named.items()} == {"0.0": "large", "1.0": "small"}
    classes = [
        {"name": "large", "object_ids": ids[-6:], "color": "#000000"},
        {"name": "small", "object_ids": ids[:6], "color": "#ffffff"},
    ]
    one_by_one = remarked.payload() | {"training_table": None, "training_classes": classes}
    by_hand = remarked.classify(one_by_one)
    assert remarked.labels(by_table) == remarked.labels(by_hand)
    for what in ("confusion_matrix", "n_training_objects", "cross_validation"):
        assert by_table["attributes"][what] == by_hand["attributes"][what]
    # whatever is remarked later, a request with the moment finds the same
    remarked.say("odd", *ids[10:14])
    remarked.owner.delete(f"{remarked.tables}/remarks")
    again = remarked.classify(remarked.payload(as_of=told["as_of"]))
    assert again["attributes"]["training_table"] == told
    assert remarked.labels(again) == remarked.labels(by_table)
    assert "was deleted" in remarked.refused(remarked.payload(), 404)


def test_the_job_reads_the_table_as_of_the_request(remarked: Remarked) -> None:
    ids = remarked.ids
    remarked.say("small", *ids[:6])
    remarked.say("large", *ids[-6:])
    request = f"{remarked.crowd.experiment}/tools/request"
    number = remarked.owner.post(request, tool_name="Classification", payload=remarked.payload())
    remarked.say("odd", *ids[10:14])
    remarked.crowd.run_tools()
    [result] = remarked.owner.get(f"{remarked.crowd.experiment}/tools/results", **number)
    assert list(result["attributes"]["n_training_objects"]) == ["large", "small"]


def test_rows_that_cannot_be_used_are_named(remarked: Remarked) -> None:
    place = remarked.crowd.places[0]
    there = remarked.crowd.frame.query("plate_name == 'Plate 1' and well_pos_x == 0")
    of_site = sorted(set(there.query("well_name == 'A01'")["mapobject_id"].tolist()))
    others = [number for number in remarked.ids if number not in of_site]
    remarked.say("a", *others[:5], of_site[-1])
    remarked.say("b", *others[-5:])
    remarked.say("", others[6])
    for tpoint in range(2):
        remarked.crowd.record(place["at"], tpoint, len(of_site) - 1)
    result = remarked.classify(remarked.payload())
    sentence = (
        f"Of the table remarks, 1 row about object {of_site[-1]}, gone by now and "
        '1 row without "tag" are left out.'
    )
    assert result["attributes"]["training_table"]["left_out"] == sentence
    assert result["attributes"]["training_table"]["n_rows"] == 10
    jobs = f"{remarked.crowd.experiment}/tools/jobs"
    [job] = remarked.owner.get(jobs, submission_id=result["submission_id"])
    assert sentence in remarked.owner.get(f"{jobs}/{job['id']}/log")["stderr"]


def test_contradictions_are_refused_with_the_objects(remarked: Remarked) -> None:
    ids = remarked.ids
    small = remarked.say("small", *ids[:6])
    remarked.say("large", *ids[-6:], ids[0], ids[2])
    one, other = sorted((ids[0], ids[2]))
    message = remarked.refused(remarked.payload())
    assert f'different "tag" for objects {one}, {other}: update or delete' in message
    changes = [{"id": small[place], "tag": "large"} for place in (0, 2)]
    remarked.owner.put(remarked.rows, annotations=changes)
    counts = remarked.classify(remarked.payload())["attributes"]["confusion_matrix"]["counts"]
    assert np.sum(counts) == 2 * 12  # rows that agree are about one object


def test_answers_of_several_kinds_are_classes(remarked: Remarked) -> None:
    ids = remarked.ids
    remarked.make("ready", "reference_synapse_valid")
    remarked.make("groups", "reference_simple_group")
    sent: dict[str, Any] = {
        "ready": [{"target_id": one, "is_valid": place % 2 == 0} for place, one in enumerate(ids)],
        "groups": [{"target_id": one, "group_id": 9 + place % 2} for place, one in enumerate(ids)],
    }
    for table, rows in sent.items():
        remarked.owner.post(f"{remarked.tables}/{table}/annotations", annotations=rows)
    for table, column, names in (
        ("ready", "is_valid", ["false", "true"]),
        ("groups", "group_id", ["9", "10"]),
    ):
        payload = remarked.payload(table=table, column=column)
        found = remarked.classify(payload)["attributes"]["label_map"].values()
        assert [one["name"] for one in found] == names


def test_tables_that_cannot_train_are_refused(remarked: Remarked) -> None:
    remarked.say("small", *remarked.ids[:6])
    remarked.make("dots", "bound_tag", reference_table=None)
    remarked.owner.post(f"{remarked.crowd.experiment}/mapobject_types", name="Nuclei")
    remarked.make("nuclei", "reference_tag", reference_table="mapobjects_nuclei")
    remarked.make("scores", "reference_tag_float")
    payload = remarked.payload
    assert "at least two classes" in remarked.refused(payload())
    remarked.say("large", remarked.ids[-1])
    assert 'class "large" has 1 training objects' in remarked.refused(payload())
    assert "refer to nothing" in remarked.refused(payload(table="dots"))
    assert 'not to objects of "Cells"' in remarked.refused(payload(table="nuclei"))
    assert 'no column "value"' in remarked.refused(payload(table="scores", column="value"))
    assert "use one of tag." in remarked.refused(payload(column="target_id"))
    assert "No table named 'none'" in remarked.refused(payload(table="none"), 404)
    early = payload(as_of="2001-01-01T00:00:00Z")
    assert "not there yet" in remarked.refused(early, 404)
    assert "training_table" in remarked.refused(payload(as_of="yesterday"))
    both = payload() | {"training_classes": [{"name": "a", "object_ids": [1], "color": "#000000"}]}
    assert "either" in remarked.refused(both)


def test_only_who_may_read_a_table_trains_with_it(remarked: Remarked) -> None:
    remarked.say("small", *remarked.ids[:6])
    remarked.say("large", *remarked.ids[-6:])
    shares = f"{remarked.crowd.experiment}/shares"
    remarked.owner.put(f"{shares}/writer", permission="write")
    remarked.owner.put(f"{remarked.tables}/remarks", read_permission="PRIVATE")
    message = remarked.refused(remarked.payload(), 403, "writer")
    assert "can only be read by its owner" in message
    remarked.owner.put(f"{remarked.tables}/remarks", read_permission="PUBLIC")
    request = f"{remarked.crowd.experiment}/tools/request"
    body = {"tool_name": "Classification", "payload": remarked.payload()}
    remarked.people["writer"].post(request, **body)
    # it is asked again when the job runs
    remarked.owner.put(f"{remarked.tables}/remarks", read_permission="PRIVATE")
    remarked.crowd.run_tools()
    [job] = remarked.owner.get(f"{remarked.crowd.experiment}/tools/jobs")
    assert job["exitcode"] == 1
    assert remarked.owner.get(f"{remarked.crowd.experiment}/tools/results") == []


def ask(remarked: Remarked, what: str = "", who: str = "owner", **query: Any) -> Any:
    """What a route of the table of objects answers; lists are sent as JSON."""
    path = f"{remarked.crowd.path}/table{what}"
    return remarked.people[who].get(path, **encoded(query))


def encoded(query: dict[str, Any]) -> dict[str, Any]:
    return {
        name: json.dumps(value) if isinstance(value, list) else value
        for name, value in query.items()
    }


def test_remarks_are_columns_like_others(remarked: Remarked) -> None:
    ids = remarked.ids
    remarked.make("scores", "reference_tag_float")
    remarked.say("small", *ids[:6])
    remarked.say("large", *ids[-6:], ids[0])  # the latest remark on an object counts
    scores = [{"target_id": one, "tag": "-", "value": 0.5 * one} for one in ids[:4]]
    remarked.owner.post(f"{remarked.tables}/scores/annotations", annotations=scores)
    columns = {one["name"]: one for one in ask(remarked, "/columns")}
    assert columns["remarks.tag"] == {"name": "remarks.tag", "kind": "remark", "type": "text"}
    assert columns["scores.value"]["type"] == "float"
    assert list(columns)[-3:] == ["remarks.tag", "scores.tag", "scores.value"]
    found = ask(remarked, columns=["mapobject_id", "remarks.tag", "scores.value"], tpoint=1)
    expected = dict.fromkeys(ids[1:6], "small") | dict.fromkeys([*ids[-6:], ids[0]], "large")
    assert {one: tag for one, tag, _ in found["rows"] if tag is not None} == expected
    values = {one: value for one, _, value in found["rows"] if value is not None}
    assert values == {one: 0.5 * one for one in ids[:4]}
    large = [{"column": "remark:remarks.tag", "values": ["large"]}]
    assert ask(remarked, filter=large)["n_rows"] == 2 * 7  # at both time points
    groups = ask(remarked, "/groups", by=["remarks.tag"], columns=["Area"])["groups"]
    counted = {group["key"][0]: group["n_objects"] for group in groups}
    assert counted == {None: 18, "large": 7, "small": 5}
    path = f"{remarked.crowd.path}/metadata"
    sheet = pd.read_csv(io.StringIO(remarked.owner.request("GET", path).text))
    first = sheet[sheet["tpoint"] == 0].set_index("mapobject_id")
    assert first["remarks.tag"].dropna().to_dict() == expected
    assert first["scores.value"].dropna().to_dict() == values


def test_columns_of_remarks_change_with_their_tables(remarked: Remarked) -> None:
    ids = remarked.ids
    rows = remarked.say("small", *ids[:3])
    path = f"{remarked.crowd.path}/values"
    query: dict[str, Any] = {"query_string": {"column": "remarks.tag", "tpoint": 0}}

    def texts() -> tuple[str, list[Any]]:
        answer = remarked.owner.request("GET", path, **query)
        table = pa.ipc.open_stream(answer.data).read_all()
        said = table.filter(pc.is_valid(table["remarks.tag"]))["remarks.tag"].to_pylist()
        return answer.headers["ETag"], said

    before, said = texts()
    assert said == ["small"] * 3
    headers = {"If-None-Match": before}
    assert remarked.owner.request("GET", path, headers=headers, **query).status_code == 304
    remarked.owner.put(remarked.rows, annotations=[{"id": rows[0], "tag": "large"}])
    remarked.owner.request("DELETE", remarked.rows, json={"ids": [rows[1]]})
    after, said = texts()
    assert after != before
    assert sorted(said) == ["large", "small"]
    remarked.owner.delete(f"{remarked.tables}/remarks")
    message = remarked.owner.refused("GET", path, 400, **query)
    assert 'no column "remarks.tag"' in message


def test_only_who_may_read_a_table_has_its_columns(remarked: Remarked) -> None:
    remarked.say("small", *remarked.ids[:3])
    shares = f"{remarked.crowd.experiment}/shares"
    remarked.owner.put(f"{shares}/reader", permission="read")
    columns = ["mapobject_id", "remarks.tag"]
    assert ask(remarked, who="reader", columns=columns)["n_rows"] == len(remarked.crowd.frame)
    remarked.owner.put(f"{remarked.tables}/remarks", read_permission="PRIVATE")
    assert "remarks.tag" not in {one["name"] for one in ask(remarked, "/columns", "reader")}
    assert "remarks.tag" in {one["name"] for one in ask(remarked, "/columns", "administrator")}
    reader = remarked.people["reader"]
    table, sheet = f"{remarked.crowd.path}/table", f"{remarked.crowd.path}/metadata"
    for more in ({"columns": columns}, {"filter": [{"column": "remarks.tag", "missing": False}]}):
        message = reader.refused("GET", table, 400, query_string=encoded(more))
        assert 'no column "remarks.tag"' in message
    assert "remarks" not in reader.request("GET", sheet).text
    assert "remarks.tag" in remarked.owner.request("GET", sheet).text
