"""Ids of requests, in answers and in what is logged."""

import json
import logging
from collections.abc import Iterator

import pytest

from tests.tmserver.conftest import PASSWORD, Person
from tmlib import logs
from tmlib.settings import Settings
from tmserver.application import create_app


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


def test_text_has_no_line_for_each_request(anonymous: Person, lines: Lines) -> None:
    anonymous.get("/healthz")
    assert lines.lines == []
