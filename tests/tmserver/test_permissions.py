"""Every route of the application, as everybody: who may, and that a refusal changes nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.tmserver.conftest import Person
from tmlib.accounts.models import AuditEvent, User
from tmlib.db import Base, Database
from tmlib.db.base import now
from tmlib.experiments.service import share_experiment
from tmlib.ids import encode_id
from tmlib.settings import Settings
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.authentication import READING_METHODS, SIGNATURE, Login, Proof, sign
from tmserver.http.routing import (
    Operation,
    RouteError,
    Routes,
    path_variables,
    refuse_undeclared,
)
from tmserver.http.schemas import Message
from tmserver.permissions import Permission

MISSING = "OTk5OTk5"
EXPERIMENT = (Permission.READ, Permission.WRITE, Permission.OWNER)
LOGGED_IN = (Permission.USER, Permission.LOGIN)

ALLOWED = {
    "anonymous": (),
    "stranger": LOGGED_IN,
    "reader": (*LOGGED_IN, Permission.READ),
    "writer": (*LOGGED_IN, Permission.READ, Permission.WRITE),
    "owner": (*LOGGED_IN, *EXPERIMENT),
    "administrator": (*LOGGED_IN, *EXPERIMENT, Permission.ADMIN, Permission.MONITOR),
    "reading token": (Permission.USER, Permission.READ),  # of the owner, with methods that read
    "writing token": (Permission.USER, *EXPERIMENT),
    "signed URL": (Permission.READ,),  # likewise
}
ONLY_READ = ("reading token", "signed URL")


@dataclass(frozen=True)
class Call:
    """A request to one route.

    In ``path`` all ids are of things that exist, as far as there are any; in ``path_to_nothing``
    only that of the experiment is.
    """

    operation: Operation
    path: str
    path_to_nothing: str
    query: dict[str, Any]
    body: dict[str, Any]

    @property
    def method(self) -> str:
        return self.operation.method

    @property
    def permission(self) -> Permission:
        return self.operation.permission

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def allows(self, who: str) -> bool:
        """Whether somebody may send this."""
        if self.permission is Permission.PUBLIC:
            return True
        reads = self.method in READING_METHODS or self.operation.takes_form
        if who in ONLY_READ and not reads:
            return False
        return self.permission in ALLOWED[who]


@pytest.fixture
def everybody(
    app: Flask, database: Database, acquisition: str, experiment_id: int, people: dict[str, Person]
) -> dict[str, Person]:
    """All who are in the matrix, with an experiment that has a plate and an acquisition."""
    with database.transaction() as session:
        for name in ("reader", "writer"):
            user_id = people[name].user_id
            assert user_id is not None
            share_experiment(session, experiment_id, user_id, write_access=name == "writer")
    for scope, name in (("read", "reading token"), ("write", "writing token")):
        made = people["owner"].post("/auth/tokens", name=name, scope=scope)
        people[name] = Person(app, authorization=f"Bearer {made['token']}")
    return people


@pytest.fixture
def calls(app: Flask, everybody: dict[str, Person], acquisition: str) -> list[Call]:
    """A request to every route, with the examples of the OpenAPI document for what it takes."""
    document = everybody["anonymous"].get("/api/openapi.json")
    _, _, _, experiment, _, run = acquisition.split("/")
    [plate] = everybody["owner"].get(f"/api/experiments/{experiment}/plates")
    stranger_id = everybody["stranger"].user_id
    assert stranger_id is not None
    [token, _] = everybody["owner"].get("/auth/tokens")
    nothing = {"experiment_id": experiment}
    known = nothing | {
        "plate_id": plate["id"],
        "acquisition_id": run,
        "user_id": encode_id(stranger_id),
        "user_name": "reader",
        "token_id": token["id"],
    }
    found = []
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        path = rule.rule.replace("<", "{").replace(">", "}")
        described = document["paths"][path][operation.method.lower()]
        content = described.get("requestBody", {}).get("content", {})
        parameters = described["parameters"]
        found.append(
            Call(
                operation,
                fill(rule.rule, known),
                fill(rule.rule, nothing),
                query={p["name"]: p["example"] for p in parameters if p["in"] == "query"},
                body=content.get("application/json", {}).get("example", {}),
            )
        )
    return found


def fill(path: str, values: dict[str, str]) -> str:
    for variable in path_variables(path):
        for form in (f"<{variable}>", f"<path:{variable}>"):
            path = path.replace(form, values.get(variable, MISSING))
    return path


def send(everybody: dict[str, Person], who: str, call: Call, path: str, body: Any) -> int:
    """The status of the answer, which must have the right form if it is an error."""
    query = {name: value for name, value in call.query.items() if value is not None}
    person = everybody["anonymous" if who == "signed URL" else who]
    if who == "signed URL":
        owner = User(id=everybody["owner"].user_id, login_generation=0)
        login = Login("a login", now(), now(), in_cookie=False)
        with person.app.app_context():
            query[SIGNATURE] = sign(path, Proof(owner, login), now().replace(year=9999))
    response = person.request(call.method, path, query_string=query, json=body)
    if response.status_code >= 400 and call.method != "HEAD":
        assert response.json is not None
        assert response.json["error"]["status_code"] == response.status_code
        assert len(response.json["error"]["message"]) > 10
    return response.status_code


def refusal(who: str, permission: Permission) -> int:
    """The status with which somebody is refused."""
    if who == "anonymous":
        return 401
    return 404 if who == "stranger" and permission in EXPERIMENT else 403


def state(app: Flask, database: Database, settings: Settings) -> dict[str, Any]:
    """All rows of all tables but the audit trail, all files, and what waits for workers."""
    with database.session() as session:
        found: dict[str, Any] = {
            table.name: sorted(map(repr, session.execute(select(table))))
            for table in Base.metadata.sorted_tables
            if table.name != AuditEvent.__tablename__  # tells of refusals
        }
    found["files"] = sorted(
        (str(path), path.stat().st_size)
        for path in settings.data_dir.rglob("*")
        if not path.name.startswith("tmserver.db")
    )
    found["queue"] = list(app.extensions["tmserver"].queue.job_ids)
    return found


def test_who_may_not_is_refused_and_changes_nothing(
    app: Flask,
    database: Database,
    settings: Settings,
    everybody: dict[str, Person],
    calls: list[Call],
) -> None:
    before = state(app, database, settings)
    for who in ALLOWED:
        refused = [call for call in calls if not call.allows(who)]
        assert refused or who == "administrator"
        for call in refused:
            status = send(everybody, who, call, call.path, call.body)
            assert status == refusal(who, call.permission), f"{who}: {call}"
        assert state(app, database, settings) == before, who


def test_who_may_is_let_through(
    everybody: dict[str, Person], calls: list[Call], experiment: str
) -> None:
    for who in ALLOWED:
        allowed = [
            call
            for call in calls
            if call.allows(who)
            # what is for everybody asks nobody who they are
            and (call.permission is not Permission.PUBLIC or who == "anonymous")
        ]
        for call in sorted(allowed, key=lambda call: call.path == "/auth/logout"):  # the last one
            if (call.method, call.path) == ("DELETE", experiment):
                continue  # the others need it
            body = None if call.method in READING_METHODS else []  # which nothing takes
            status = send(everybody, who, call, call.path_to_nothing, body)
            expected = {200, 204, 400, 404, 409, 412, 415}
            if call.permission is Permission.PUBLIC:
                expected.add(503)  # the viewer is not built
            assert status in expected, f"{who}: {call}: {status}"


def test_a_stranger_learns_of_no_experiment(
    everybody: dict[str, Person], calls: list[Call], experiment: str
) -> None:
    stranger = everybody["stranger"]
    for call in calls:
        if call.permission in EXPERIMENT and call.method != "HEAD":
            there = stranger.refused(call.method, call.path, 404)
            nowhere = call.path.replace(experiment, f"/api/experiments/{MISSING}")
            assert stranger.refused(call.method, nowhere, 404) == there


def operations(app: Flask) -> Iterator[Operation]:
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation), rule
        yield operation


def test_what_changes_something_needs_more_than_to_read(app: Flask) -> None:
    exceptions = {
        operation.view.__name__
        for operation in operations(app)
        if operation.method not in READING_METHODS
        and not operation.takes_form
        and operation.permission in (Permission.PUBLIC, Permission.READ)
    }
    assert exceptions == {"log_in", "log_in_with_cookie", "log_out_of_cookie", "sign_urls"}


def test_there_are_routes_of_every_permission(app: Flask) -> None:
    found = list(operations(app))
    assert {operation.permission for operation in found} == set(Permission)
    assert len(found) > 80


def test_a_route_without_permission_is_refused(app: Flask) -> None:
    bare = Flask(__name__, static_folder=None)
    bare.add_url_rule("/open", view_func=lambda: "open")
    with pytest.raises(RouteError, match="/open"):
        refuse_undeclared(bare)
    refuse_undeclared(app)


def anyone(access: Access) -> Message:
    return Message()


def any_user(access: UserAccess) -> Message:
    return Message()


def any_reader(access: ExperimentAccess) -> Message:
    return Message()


@pytest.mark.parametrize(
    ("path", "permission", "view"),
    [
        ("/api/experiments/<experiment_id>", "public", anyone),
        ("/api/experiments/<experiment_id>", "user", any_user),
        ("/api/things", "read", any_reader),
        ("/api/things", "public", any_user),
        ("/api/things", "user", any_reader),
        ("/api/things/<thing_id>", "user", any_user),
    ],
)
def test_a_permission_that_does_not_fit_the_route_is_refused(
    path: str, permission: str, view: object
) -> None:
    with pytest.raises(RouteError):
        Routes("thing").get(path, permits=permission)(view)  # type: ignore[type-var]
