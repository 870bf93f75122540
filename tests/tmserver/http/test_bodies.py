"""What requests send to TissueMAPS: nothing but what its document names, of the types there."""

import copy
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from flask import Flask

from tests.tmserver.conftest import OF_ADMINISTRATORS, Person, documented_path
from tmlib.annotation import datastacks
from tmserver.api import TISSUEMAPS
from tmserver.http.api import Api
from tmserver.http.operations import Operation
from tmserver.http.routing import path_variables

MISSING = "OTk5OTk5"
JSON = "application/json"
WRONG: tuple[Any, ...] = (None, True, 0, 1, -1, 1.0, 1.5, "", "3", "true", [], [None], {}, {"a": 1})

# what may come as text as well: forms of the original's viewer, and users of CAVE, send it so
DIGITS = {
    ("create_experiment", "plate_format"),
    ("create_table", "user_id"),
    ("update_metadata", "user_id"),
}
# of a project that brings no modules
MAY_BE_NULL = {"modules"}


class Request(NamedTuple):
    """A request with the example of its body, and with the schema of that."""

    operation: Operation
    person: Person
    path: str
    schema: dict[str, Any]
    example: dict[str, Any]

    @property
    def name(self) -> str:
        return self.operation.view.__name__

    def refuse(self, body: Any) -> str:
        return self.person.refused(self.operation.method, self.path, 400, json=body)


@pytest.fixture
def requests(
    app: Flask,
    experiment: str,
    experiment_id: int,
    group: str,
    people: dict[str, Person],
    documents: dict[Api, dict[str, Any]],
) -> list[Request]:
    """One for each operation that takes JSON."""
    found = []
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        if operation.body is None or operation.api is not TISSUEMAPS:
            continue
        document = documents[operation.api]
        described = document["paths"][documented_path(rule.rule)]
        content = described[operation.method.lower()]["requestBody"]["content"][JSON]
        path = rule.rule.replace("<experiment_id>", experiment.rpartition("/")[2])
        path = path.replace("/api/groups/<group_id>", group)
        path = path.replace("<datastack>", datastacks.name_of(experiment_id, "Screen"))
        for variable in path_variables(path):
            path = path.replace(f"<{variable}>", MISSING)
        role = "administrator" if operation.permission in OF_ADMINISTRATORS else "owner"
        schema = {**content["schema"], "components": document["components"]}
        found.append(Request(operation, people[role], path, schema, content["example"]))
    return found


def changes(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Places of all values in an example, objects of any content but not what is in them."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in items:
        yield (*place, key)
        if isinstance(part, list) or (isinstance(part, dict) and not place):
            yield from changes(part, (*place, key))


def with_value(example: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(example)
    inner = changed
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return changed


def test_a_value_of_another_type_is_refused_and_named(requests: list[Request]) -> None:
    n_tried = 0
    for request in requests:
        validator = jsonschema_rs.Draft202012Validator(request.schema)
        for place in changes(request.example):
            for value in WRONG:
                body = with_value(request.example, place, value)
                # to JSON Schema 1.0 is an integer; here it is a number with a point
                is_float = isinstance(value, float) and not is_number(validator, request, place)
                if validator.is_valid(body) and not is_float:
                    continue
                if (request.name, place[-1]) in DIGITS and value == "3":
                    continue
                message = request.refuse(body)
                assert str(place[0]) in message, f"{request.name}: {json.dumps(body)}: {message}"
                n_tried += 1
    assert n_tried > 300


def is_number(validator: Any, request: Request, place: tuple[Any, ...]) -> bool:
    """Whether numbers with decimals may be there."""
    return bool(validator.is_valid(with_value(request.example, place, 0.5)))


def test_what_nobody_reads_is_refused(requests: list[Request]) -> None:
    for request in requests:
        assert '"nobody_reads"' in request.refuse({**request.example, "nobody_reads": 1})
        others: tuple[object, ...] = ([], "text", 3)
        for body in others:
            assert "object" in request.refuse(body), request.name


def test_what_changes_nothing_is_refused(requests: list[Request]) -> None:
    for request in requests:
        if request.operation.view.__name__ == "put_member":
            continue  # it adds who is not there yet, by default without any rights
        if request.operation.method in ("PUT", "PATCH"):
            request.refuse({})
            request.person.refused(request.operation.method, request.path, 400)
            for name in request.example.keys() - MAY_BE_NULL:
                message = request.refuse(request.example | {name: None})
                assert name in message, request.name


def test_a_parameter_that_nobody_reads_is_refused(
    app: Flask, experiment: str, group: str, owner: Person
) -> None:
    message = owner.refused("GET", f"{experiment}/wells", 400, query_string={"plate_nam": "a"})
    assert message == 'Parameter "plate_nam" is unknown: did you mean "plate_name"?'
    n_tried = 0
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        is_asked = operation.method == "GET" and operation.permission.only_reads
        if operation.api is TISSUEMAPS and is_asked and operation.query is not None:
            path = rule.rule.replace("<experiment_id>", experiment.rpartition("/")[2])
            path = path.replace("/api/groups/<group_id>", group)
            for variable in path_variables(path):
                path = path.replace(f"<{variable}>", MISSING)
            query = {"nobody_reads": "1"}
            message = owner.refused(operation.method, path, 400, query_string=query)
            assert '"nobody_reads" is unknown' in message
            n_tried += 1
    assert n_tried > 30
