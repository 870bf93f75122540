"""Requests that are small to send and would be large to take."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.services.web_server import WebServer, running_web_server
from tests.tmserver.conftest import Person
from tmlib.errors import BadInput, TmError, TooLarge
from tmserver.http.json_bodies import MAX_DEPTH, MAX_DIGITS, check_json
from tmserver.http.operations import Operation
from tmserver.http.routing import LARGE_BODY
from tmserver.serving.limits import SMALL_BODY

JSON = "application/json"
MAX_GROWTH = 150  # MB
MAX_MESSAGE = 2200


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1), BadInput),
        (b"[" * 3_000_000, TooLarge),
        (b'[{"a":' * 40, BadInput),
        (b"[" + b"{}," * 200 + b"{}]", TooLarge),
        (b"[" + b"1," * 1000 + b"1]", TooLarge),
        (b"[" + b"9" * (MAX_DIGITS + 1) + b"]", BadInput),
    ],
)
def test_json_out_of_proportion_is_refused(content: bytes, error: type[TmError]) -> None:
    with pytest.raises(error):
        check_json(content, max_items=1000)


@pytest.mark.parametrize(
    "content",
    [
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        json.dumps(["[{," * 5000, "9" * 1000, 'quoted " and \\', {"a": [1, 2.5e300]}]).encode(),
        b"[[1],[2]]" * MAX_DEPTH,
        b"",
        b'"',
        b'"\\',
    ],
)
def test_what_is_in_strings_does_not_count(content: bytes) -> None:
    check_json(content, max_items=3000)


def test_most_routes_take_kilobytes(app: Flask) -> None:
    operations = {
        operation.view.__name__: operation.max_bytes
        for operation in app.view_functions.values()
        if isinstance(operation, Operation)
    }
    large = {name for name, most in operations.items() if most > SMALL_BODY}
    assert max(operations.values()) == LARGE_BODY
    assert len(large) < len(operations) / 5
    assert {"log_in", "log_in_with_cookie", "create_user"}.isdisjoint(large)


def test_100_000_files_are_registered_at_once(owner: Person, acquisition: str) -> None:
    names = [f"plate_A01_T0001F{number:06d}L01A01Z01C01.tif" for number in range(100_000)]
    assert len(owner.post(f"{acquisition}/upload/validity-check", files=names)) >= 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ([[]] * 500_000, "more than 1000000 values"),
        ([1] * 900_000, "is 1, but must be text"),
        (["a/b" * 1_000_000], "files"),
        ("x" * 5_000_000, "files"),
        ({"x" * 1_000_000: 1}, "files"),
    ],
)
def test_errors_do_not_grow_with_what_is_wrong(
    owner: Person, acquisition: str, value: Any, reason: str
) -> None:
    body = json.dumps({"files": value})
    path = f"{acquisition}/upload/register"
    response = owner.request("POST", path, data=body, content_type=JSON)
    assert response.status_code in (400, 413)
    assert reason in response.text
    assert len(response.text) < MAX_MESSAGE


@pytest.mark.parametrize(
    "description",
    [
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": -Infinity}',
        b'{"a": ' + b"9" * MAX_DIGITS + b"}",
        b'{"type": "canonical", "type": 1, "stages": []}',
        b"[" * MAX_DEPTH + b"]" * MAX_DEPTH,
        b'{"a": "\\ud800"}',
        b'{"\\u0000": 1}',
    ],
)
def test_odd_values_are_no_mistake_of_the_server(
    owner: Person, experiment: str, description: bytes
) -> None:
    path = f"{experiment}/workflow/description"
    body = b'{"description": ' + description + b"}"
    response = owner.request("POST", path, data=body, content_type=JSON)
    assert response.status_code == 400, response.text
    assert len(response.text) < MAX_MESSAGE


def test_addresses_and_queries_are_told_in_part(anonymous: Person, owner: Person) -> None:
    assert len(anonymous.refused("GET", f"/{'a' * 20_000}", 404)) < MAX_MESSAGE
    query = {f"{'b' * 50}{number}": "1" for number in range(500)}
    owner.refused("GET", "/api/experiments", 400, query_string={"limit": "9" * 20_000, **query})


YAML_BOMBS = {
    "nested": "[" * 100_000,
    "nested in lines": "\n".join(" " * level + "a:" for level in range(400)),
    "many": "- a\n" * 60_000,
    "laughs": "a: &a [x, x]\n" + "".join(f"b{n}: [{'*a, ' * 900}*a]\n" for n in range(20)),
    "merged": "a: &a {x: 1}\nb: &b {<<: [*a, *a]}\n",
    "digits": f"a: {'9' * 100_000}",
    "long": "a: " + "b" * 600_000,
}


@pytest.mark.parametrize("text", YAML_BOMBS.values(), ids=YAML_BOMBS)
def test_yaml_out_of_proportion_is_refused(owner: Person, experiment: str, text: str) -> None:
    path = f"/jtui/{experiment.removeprefix('/api/')}/project/check"
    message = owner.refused("POST", path, 400, json={"project": text})
    assert "project" in message
    assert len(message) < MAX_MESSAGE


# the real server, and what it holds afterwards


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[WebServer]:
    with running_web_server(tmp_path_factory.mktemp("bounded"), sqlite_template) as running:
        yield running


def in_chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 65536):
        yield content[start : start + 65536]


@pytest.mark.parametrize("is_chunked", [False, True])
def test_memory_for_strangers_is_bounded(server: WebServer, is_chunked: bool) -> None:
    token, server.token = server.token, ""
    before = server.memory
    bombs = [b"[" * 24_000_000, b'{"a":' * 5_000_000, b"[" + b"{}," * 8_000_000 + b"{}]"]
    try:
        for bomb in bombs:
            for path in ("/auth", "/auth/cookie", "/api/experiments", "/nothing"):
                headers = {"Content-Type": JSON}
                body = in_chunks(bomb) if is_chunked else bomb
                answer = server.call("POST", path, data=body, headers=headers)
                assert answer.status_code in (401, 404, 413), answer.text
                assert answer.headers["Content-Type"] == JSON
                assert server.memory - before < MAX_GROWTH
    finally:
        server.token = token


def test_memory_for_users_is_bounded(server: WebServer) -> None:
    path = server.new_acquisition("bounded")
    experiment = path.rpartition("/acquisitions")[0]
    before = server.memory
    wrong = json.dumps({"files": [1] * 999_000}).encode()
    nested = b'{"description": ' + b'{"a":[' * 30 + b"0," * 900_000 + b"0" + b"]}" * 30 + b"}"
    for where, body in [
        (f"{path}/upload/register", wrong),
        (f"{path}/upload/register", b'{"files":' + b"[" * 30_000_000),
        (f"{experiment}/workflow/description", nested),
    ]:
        answer = server.call("POST", where, data=body, headers={"Content-Type": JSON})
        assert answer.status_code in (400, 413), answer.text
        assert len(answer.content) < MAX_MESSAGE
        assert server.memory - before < MAX_GROWTH
