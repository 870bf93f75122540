"""Ids of requests, in answers and in what is logged."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from tests.tmserver.conftest import PASSWORD, Person
from tmlib import logs
from tmlib.errors import DatabaseBusy
from tmlib.settings import Settings
from tmserver.access import Access
from tmserver.application import create_app
from tmserver.http.api import Api
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message
from tmserver.neuroglancer import NEUROGLANCER


class Lines(logging.Handler):
    """Keeps what is logged as the lines that a server would print."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.setFormatter(logs.formatter(settings))
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def lines(settings: Settings) -> Iterator[Lines]:
    handler = Lines(settings.model_copy(update={"log_format": "json"}))
    logger = logging.getLogger("tmserver")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_an_answer_tells_the_id_that_was_sent_or_a_new_one(anonymous: Person) -> None:
    def id_of(**headers: str) -> str:
        return anonymous.request("GET", "/healthz", headers=headers).headers["X-Request-ID"]

    assert id_of(**{"X-Request-ID": "front-1.a_B"}) == "front-1.a_B"
    made = {id_of(), id_of(), *(id_of(**{"X-Request-ID": bad}) for bad in ("", "a b", "x" * 65))}
    assert len(made) == 5
    assert not made & {"", "a b", "x" * 65}
    assert "X-Request-ID" in anonymous.request("GET", "/nothing").headers


def test_requests_are_logged_with_what_they_belong_to(
    settings: Settings, owner: Person, lines: Lines
) -> None:
    app = create_app(settings.model_copy(update={"log_format": "json"}))
    person = Person(app, owner.user_id)
    person.request("GET", "/api/experiments?name=x", headers={"X-Request-ID": "one"})
    login = {"username": "owner", "password": PASSWORD}
    token = Person(app).request("POST", "/auth", json=login).json["access_token"]
    Person(app).request("GET", f"/api/experiments?signature={token}")
    app.extensions["tmserver"].database.close()
    first, second, third = (json.loads(line) for line in lines.lines)
    assert (first["request_id"], first["user_id"]) == ("one", owner.user_id)
    assert (first["method"], first["path"], first["status"]) == ("GET", "/api/experiments", 200)
    assert first["seconds"] >= 0
    assert (second["path"], second["status"], third["status"]) == ("/auth", 200, 401)
    assert "user_id" not in third
    assert PASSWORD not in str(lines.lines)
    assert token not in str(lines.lines)


def test_no_log_tells_what_proves_who_has_sent_a_request(
    settings: Settings, lines: Lines, interfaces: Sequence[Api]
) -> None:
    routes = Routes("broken")
    place = f"{NEUROGLANCER.roots[0]}/<link>"

    @routes.get(f"{place}/broken", permits="public")
    def fail(access: Access, link: str) -> Message:
        raise RuntimeError("-")

    @routes.get(f"{place}/busy", permits="public")
    def wait(access: Access, link: str) -> Message:
        raise DatabaseBusy("-")

    broken = replace(NEUROGLANCER, resources=[*NEUROGLANCER.resources, routes])
    served = [broken if api is NEUROGLANCER else api for api in interfaces]
    app = create_app(settings.model_copy(update={"log_format": "json"}), served)
    folder, legacy, secret = "/precomputed/a_1/cells/pt/1", "/ispyb/api/v1/legacy", "5ec2e7" * 7
    for method, path, expected in (
        ("GET", f"{folder}/{secret}/info", f"{folder}/***/info"),
        ("GET", f"{folder}/{secret}/spatial0/0_0_0/x", "/precomputed/***"),
        ("POST", f"{folder}/{secret}/info", "/precomputed/***"),
        ("GET", f"/precomputed/{secret}/broken", "/precomputed/***/broken"),
        ("GET", f"/precomputed/{secret}/busy", "/precomputed/***/busy"),
        ("GET", "/precomputed/openapi.json", "/precomputed/openapi.json"),
        ("GET", f"{legacy}/{secret}/session/list", f"{legacy}/***/session/list"),
        ("GET", f"{legacy}/{secret}/session", f"{legacy}/***"),
        ("GET", f"{legacy}/proposals/MX1", f"{legacy}/proposals/MX1"),
        ("GET", f"/ispyb/api/v1/movies/{secret}", f"/ispyb/api/v1/movies/{secret}"),
        *(("GET", api.document_path, api.document_path) for api in interfaces),
    ):
        lines.lines.clear()
        Person(app).request(method, path)
        *_, last = found = [json.loads(line) for line in lines.lines]
        assert last["path"] == expected
        assert all(f"{method} {expected}" in line["message"] for line in found)
        assert path == expected or secret not in str(lines.lines)
        assert len(found) == 1 + path.endswith(("/broken", "/busy"))
    app.extensions["tmserver"].database.close()


def test_text_has_no_line_for_each_request(anonymous: Person, lines: Lines) -> None:
    anonymous.get("/healthz")
    assert lines.lines == []
