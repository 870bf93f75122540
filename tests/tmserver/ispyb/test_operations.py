"""Every operation of the interface refuses what it cannot take, and what is not there."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import Visitor
from tmserver.ispyb import ISPYB
from tmserver.ispyb.forms import PREFIX

N_OPERATIONS = 117
"""As many as the reference has."""

OWN = (
    "/proposals/{proposal}/experiments",
    "/experiments/{experiment_id}/proposal",
    "/em/datacollections/{collection_id}/movies",
    "/openapi.json",
    "/docs",
)
"""What the reference does not have."""

BOOKING = (
    ("POST", "/sessions"),
    ("PATCH", "/sessions/{session_id}"),
    ("DELETE", "/sessions/{session_id}"),
)
"""Sessions are only read there."""

NOBODY = "987654321"

NEEDED = {"attachmentType": "resultFilePath"}
"""What has to be given of a parameter that is no number."""


@pytest.fixture
def paths(admin: Visitor) -> dict[str, Any]:
    """The operations of the document by their paths, with those that are switched on."""
    admin.patch("/options", {"enable_legacy_routes": True})
    found: dict[str, Any] = Person(admin.person.app).get(ISPYB.document_path)["paths"]
    return {path.removeprefix(PREFIX): operations for path, operations in found.items()}


def operations(paths: dict[str, Any]) -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    for path, of_methods in paths.items():
        if not path.startswith(OWN):
            for method, operation in of_methods.items():
                yield path, method.upper(), operation.get("parameters", [])


def is_integer(parameter: dict[str, Any]) -> bool:
    schema = parameter["schema"]
    return "integer" in {schema.get("type"), *(one.get("type") for one in schema.get("anyOf", []))}


def filled(path: str, parameters: list[dict[str, Any]], **given: str) -> str:
    """The path with values for its variables: those that are given, and else of nothing."""
    for parameter in parameters:
        name = parameter["name"]
        value = given.get(name, NOBODY if is_integer(parameter) else "20210401")
        path = path.replace(f"{{{name}}}", value)
    return path


def test_there_are_all_operations_of_the_reference(paths: dict[str, Any]) -> None:
    offered = {(method, path) for path, method, _ in operations(paths)}
    assert offered.issuperset(BOOKING)
    assert len(offered.difference(BOOKING)) == N_OPERATIONS


def test_what_is_no_number_is_refused(admin: Visitor, paths: dict[str, Any]) -> None:
    asked = 0
    for path, method, parameters in operations(paths):
        if "{token}" in path:
            continue
        for parameter in filter(is_integer, parameters):
            name = parameter["name"]
            is_query = parameter["in"] == "query"
            if is_query and "{" in path:
                continue  # what the path names is looked for first
            given = {} if is_query else {name: "x"}
            response = admin.person.request(
                method,
                PREFIX + filled(path, parameters, **given),
                query_string={name: "x"} if is_query else None,
                json={} if method in ("POST", "PATCH", "PUT") else None,
            )
            assert response.status_code == 422, (method, path, name, response.text)
            assert any(name in one["loc"] for one in response.json["detail"])
            asked += 1
    assert asked > 100


def test_what_is_not_there_is_not_found(admin: Visitor, paths: dict[str, Any]) -> None:
    asked = 0
    for path, method, parameters in operations(paths):
        numbers = [one for one in parameters if one["in"] == "path" and is_integer(one)]
        if method != "GET" or not numbers or "/legacy/" in path:
            continue
        needed = [one["name"] for one in parameters if one["in"] == "query" and one["required"]]
        response = admin.person.request(
            "GET",
            PREFIX + filled(path, parameters),
            query_string={name: NEEDED.get(name, "1") for name in needed},
        )
        assert response.status_code == 404, (method, path, response.text)
        assert response.json["detail"]
        asked += 1
    assert asked > 15


def test_what_is_no_body_is_refused(admin: Visitor, paths: dict[str, Any]) -> None:
    asked = 0
    for path, method, _ in operations(paths):
        if method in ("POST", "PATCH", "PUT") and "{" not in path:
            response = admin.person.request(method, PREFIX + path, json=[1])
            assert response.status_code == 422, (method, path, response.text)
            asked += 1
    assert asked > 8
