import logging
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from werkzeug.exceptions import Locked

from tests.tmserver.conftest import Person
from tmlib.accounts.models import User
from tmlib.db import Database
from tmlib.settings import Settings
from tmserver.access import Access
from tmserver.api import TISSUEMAPS
from tmserver.application import create_app
from tmserver.http.routing import Routes
from tmserver.http.schemas import Message
from tmserver.serving.limits import SMALL_BODY


def test_what_is_not_there(anonymous: Person) -> None:
    assert "/nothing" in anonymous.refused("GET", "/nothing", 404)
    assert "/api//experiments" in anonymous.refused("GET", "/api//experiments", 404)


def test_what_a_route_does_not_take(anonymous: Person) -> None:
    assert "PATCH" in anonymous.refused("PATCH", "/auth", 405)
    allowed = anonymous.request("PATCH", "/auth").headers["Allow"]
    assert set(allowed.split(", ")) == {"OPTIONS", "POST"}


def test_a_body_that_is_too_large(anonymous: Person) -> None:
    content = b"{" + b" " * SMALL_BODY
    anonymous.refused("POST", "/auth", 413, data=content, content_type="application/json")


def test_a_body_that_is_not_json(anonymous: Person) -> None:
    assert "JSON" in anonymous.refused("POST", "/auth", 415, data="name=mara")
    for content in (b"{", b"\xff", b"[]", b"null", b"1"):
        message = anonymous.refused(
            "POST", "/auth", 400, data=content, content_type="application/json"
        )
        assert "JSON" in message


def test_what_is_missing_is_named(owner: Person) -> None:
    message = owner.refused("POST", "/api/experiments", 400, json={"name": "Screen"})
    assert message == (
        "The following POST parameters are required but were missing in the request body: "
        '"workflow_type", "microscope_type", "plate_format", "plate_acquisition_mode".'
    )


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("plate_acquisition_mode", "fast", "must be 'basic' or 'multiplexing'"),
        ("plate_format", "many", "must be a whole number"),
        ("plate_format", 97, "1, 6, 12, 24, 48, 96, 384, 1536"),
        ("microscope_type", "telescope", "cellvoyager"),
        ("workflow_type", "magic", "canonical"),
        ("name", "", '"name" must not be empty'),
        ("name", "x" * 256, "at most 255"),
        ("name", "a\x00b", "control characters"),
        ("name", ["Screen"], '"name" is a list, but must be text'),
        ("description", "a\x00b", "NUL"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(
    owner: Person, field: str, value: object, problem: str
) -> None:
    body = {
        "name": "Screen",
        "workflow_type": "canonical",
        "microscope_type": "cellvoyager",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
        field: value,
    }
    assert problem in owner.refused("POST", "/api/experiments", 400, json=body)


def test_a_wrong_id_and_a_wrong_number_in_the_query(owner: Person, experiment: str) -> None:
    assert '"!"' in owner.refused("GET", "/api/experiments/!", 400)
    message = owner.refused("GET", f"{experiment}/sites", 400, query_string={"limit": "0"})
    assert message == "Parameter \"limit\" is '0', but must be at least 1."


def test_a_mistake_of_the_server_tells_nothing_but_a_number_of_the_log(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    routes = Routes("broken")

    @routes.get("/broken", permits="public")
    def fail(access: Access) -> Message:
        raise RuntimeError("the secret is 42")

    app = create_app(settings, [replace(TISSUEMAPS, resources=[routes])])
    with caplog.at_level(logging.ERROR):
        message = Person(app).refused("GET", "/broken", 500)
    app.extensions["tmserver"].database.close()
    assert "secret" not in message
    number = caplog.records[0].getMessage().split()[1]
    assert number in message
    assert "the secret is 42" in caplog.text


def test_what_somebody_else_has_deleted_in_the_meantime(
    settings: Settings, database: Database, people: dict[str, Person]
) -> None:
    routes = Routes("broken")

    def forget(session: Session) -> User:
        user = session.get_one(User, people["stranger"].user_id)
        session.execute(text("DELETE FROM users WHERE name = 'stranger'"))
        return user

    @routes.get("/changed", permits="public")
    def change(access: Access) -> Message:
        with access.database.transaction() as session:
            forget(session).name = "another"
        return Message()

    @routes.get("/read", permits="public")
    def read(access: Access) -> Message:
        with access.database.transaction() as session:
            user = forget(session)
            session.expire(user)
            return Message(message=user.name)

    @routes.get("/found", permits="public")
    def find(access: Access) -> Message:
        with access.database.transaction() as session:
            return Message(message=session.get_one(User, 999).name)

    app = create_app(settings, [replace(TISSUEMAPS, resources=[routes])])
    assert "Somebody else changed" in Person(app).refused("GET", "/changed", 409)
    for path in ("/read", "/found"):
        assert "Somebody else has deleted" in Person(app).refused("GET", path, 404)
    app.extensions["tmserver"].database.close()


def test_what_foreign_code_says_is_told_as_it_is(settings: Settings) -> None:
    routes = Routes("foreign")

    @routes.get("/foreign", permits="public")
    def refuse(access: Access) -> Message:
        raise Locked("Neither {0} nor {path} {")

    app = create_app(settings, [replace(TISSUEMAPS, resources=[routes])])
    assert Person(app).refused("GET", "/foreign", 423) == "Neither {0} nor {path} {"
    app.extensions["tmserver"].database.close()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_request_that_waits_too_long_for_another_is_told_to_try_again(
    settings: Settings, database: Database, owner: Person, experiment: str
) -> None:
    changes = {"lock_seconds": 0.2, "queue": "tests.tmserver.conftest:ListQueue"}
    impatient = create_app(settings.model_copy(update=changes))
    with database.transaction() as session:
        session.execute(text("SELECT id FROM experiments FOR UPDATE"))
        path, body = experiment, {"description": "new"}
        response = Person(impatient, owner.user_id).request("PUT", path, json=body)
    assert (response.status_code, response.headers["Retry-After"]) == (503, "2")
    assert response.json["error"] == {
        "error": True,
        "message": "Somebody else is changing the same thing, and for longer than this could "
        "wait: try again in a moment.",
        "status_code": 503,
        "type": "DatabaseBusy",
    }
    impatient.extensions["tmserver"].database.close()
