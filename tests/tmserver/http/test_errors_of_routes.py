"""Every route answers the errors that any route can run into, and answers no other.

What all tests have seen is compared with the document at their end, by `tests.tmserver.answers`.
"""

import io
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.tmserver import answers
from tests.tmserver.conftest import OF_ADMINISTRATORS, PASSWORD, Person, spelled, told_error
from tmlib.annotation import datastacks
from tmlib.db import Database
from tmlib.ids import encode_id
from tmserver.authentication import TOKEN_COOKIE
from tmserver.http.api import Api
from tmserver.http.json_bodies import MAX_DEPTH
from tmserver.http.multipart import FORM_DATA
from tmserver.http.operations import Operation
from tmserver.http.parameters import FORM
from tmserver.http.routing import path_variables

NO_NUMBER = 999999
MISSING = encode_id(NO_NUMBER)
UNREACHABLE = "postgresql://nobody@127.0.0.1:1/nothing"
JSON = "application/json"

Call = tuple[Operation, str]


@pytest.fixture
def calls(app: Flask, experiment_id: int) -> list[Call]:
    """Every operation with a path that leads to the experiment, and to nothing in it."""
    found = []
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        path = rule.rule.replace("<experiment_id>", spelled(operation.api, experiment_id))
        path = path.replace("<datastack>", datastacks.name_of(experiment_id, "Screen"))
        for variable in path_variables(path):
            is_number = variable in operation.ids
            path = path.replace(
                f"<{variable}>", spelled(operation.api, NO_NUMBER) if is_number else MISSING
            )
        found.append((operation, path))
    return found


@pytest.fixture
def documented(documents: dict[Api, dict[str, Any]]) -> dict[str, set[int]]:
    """The statuses that the documents tell of, by the names of interface and view."""
    found: dict[str, set[int]] = {}
    for api, document in documents.items():
        for path, methods in document["paths"].items():
            for operation in methods.values():
                name = f"{api.name}.{operation['operationId'].rstrip('_0123456789')}"
                statuses = {int(status) for status in operation["responses"]}
                assert found.setdefault(name, statuses) == statuses, path
    answers.DOCUMENTED.update(found)
    return found


def test_somebody_who_may_not(
    calls: list[Call], documented: dict[str, set[int]], people: dict[str, Person]
) -> None:
    for name in ("anonymous", "stranger"):
        for operation, path in calls:
            check(people[name].request(operation.method, path), operation, documented)


def test_a_cookie_without_the_header_that_proves_the_page(
    app: Flask, calls: list[Call], documented: dict[str, set[int]]
) -> None:
    login = {"username": "owner", "password": PASSWORD}
    cookie = app.test_client().post("/auth/cookie", json=login).headers["Set-Cookie"]
    assert cookie.startswith(TOKEN_COOKIE)
    for operation, path in calls:
        client = app.test_client()
        client.set_cookie(TOKEN_COOKIE, cookie.partition("=")[2].partition(";")[0])
        check(client.open(path, method=operation.method, buffered=True), operation, documented)


def test_what_does_not_exist_and_what_makes_no_sense(
    calls: list[Call],
    documented: dict[str, set[int]],
    people: dict[str, Person],
    experiment: str,
    experiment_id: int,
) -> None:
    too_deep = {"data": b"[" * (MAX_DEPTH + 1), "content_type": JSON}
    bodies: tuple[dict[str, Any], ...] = (
        {"json": {}},
        {"data": b"{", "content_type": JSON},
        {"data": "x=1"},
        too_deep,
    )
    for operation, path in calls:
        person = people[may(operation)]
        nowhere = path.replace(MISSING, "!").replace(str(NO_NUMBER), "!")
        addresses = [path, nowhere, f"{path}?limit=0&x=-1&format=!"]
        if (operation.method, path) == ("DELETE", experiment):
            addresses = []  # the experiment is needed for the others
        no_experiment = path.replace(f"/{spelled(operation.api, experiment_id)}", "/!")
        for address in (*addresses, no_experiment):
            for body in bodies:
                options: dict[str, Any] = {} if operation.method == "GET" else body
                check(person.request(operation.method, address, **options), operation, documented)


def test_a_request_that_is_too_large(
    calls: list[Call], documented: dict[str, set[int]], people: dict[str, Person], group: str
) -> None:
    for operation, place in calls:
        if operation.body is not None or operation.takes_form:
            path = place.replace(f"/api/groups/{MISSING}", group)
            person = people[may(operation)]
            body = b" " * (operation.max_bytes + 1)
            person.request(operation.method, path, data="x=1", content_type="text/plain")
            response = person.request(operation.method, path, data=body, content_type=JSON)
            assert response.status_code == 413, operation.view.__name__
            check(response, operation, documented)


class Stalled(io.BytesIO):
    """A body of which nothing comes."""

    def readinto(self, buffer: object) -> int:
        raise TimeoutError


def test_a_body_that_takes_too_long(
    calls: list[Call],
    documented: dict[str, set[int]],
    people: dict[str, Person],
    group: str,
    acquisition: str,
) -> None:
    headers = {
        "Tus-Resumable": "1.0.0",
        "Upload-Length": "10",
        "Upload-Offset": "0",
        "Upload-Metadata": "filename cGxhdGVfQTAxX1QwMDAxRjAwMUwwMUEwMVowMUMwMS50aWY=",
        "X-HTTP-Method-Override": "PATCH",
    }
    uploads = f"{acquisition}/tus"
    begun = people["owner"].request("POST", uploads, headers=headers)
    for operation, place in calls:
        if operation.takes_body:
            path = place.replace(f"/api/groups/{MISSING}", group)
            path = path.replace(f"{acquisition.rpartition('/')[0]}/{MISSING}", acquisition)
            response = people[may(operation)].request(
                operation.method,
                path.replace(f"{uploads}/{MISSING}", begun.headers["Location"]),
                input_stream=Stalled(b"something"),
                content_type=content_type(operation),
                query_string=required(operation),
                headers=headers,
            )
            assert response.status_code == 408, operation.view.__name__
            check(response, operation, documented)


def test_a_database_that_does_not_answer(
    app: Flask, calls: list[Call], documented: dict[str, set[int]], owner: Person
) -> None:
    services = app.extensions["tmserver"]
    working, services.database = services.database, Database(UNREACHABLE)
    try:
        for operation, path in calls:
            check(owner.request(operation.method, path), operation, documented)
    finally:
        services.database.close()
        services.database = working


def content_type(operation: Operation) -> str:
    """A type of body that it takes."""
    if operation.takes_file:
        return f"{FORM_DATA}; boundary=x"
    if operation.takes_form:
        return FORM
    return operation.takes_bytes or JSON


def required(operation: Operation) -> dict[str, str]:
    """What its address must say."""
    fields = {} if operation.query is None else operation.query.model_fields
    return {name: "x" for name, field in fields.items() if field.is_required()}


def may(operation: Operation) -> str:
    """Somebody who may do it."""
    is_of_administrators = operation.permission in OF_ADMINISTRATORS
    return "administrator" if is_of_administrators else "owner"


def check(response: TestResponse, operation: Operation, documented: dict[str, set[int]]) -> None:
    name = answers.name_of(operation)
    assert response.status_code in documented[name], f"{name}: {response.text[:300]}"
    if response.status_code >= 400 and operation.method != "HEAD":
        assert told_error(operation.api.errors, response), name


def test_statuses_that_were_not_seen_or_not_documented_are_told() -> None:
    documented = {"one": {200, 404, 507}, "other": {200}}
    seen = {"one": {200}, "other": {200, 409, 500}}
    assert answers.differences(documented, seen) == [
        "one was never seen to answer 404",
        "other has answered 409, which is not in the document",
    ]
