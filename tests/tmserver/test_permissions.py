"""Every route of the application, as everybody: who may, and that a refusal changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from tests.tmserver import notebooks
from tests.tmserver.conftest import Person, documented_path, spelled, told_error
from tmlib.accounts import groups
from tmlib.accounts.identity import Account
from tmlib.accounts.models import AuditEntry
from tmlib.annotation import datastacks
from tmlib.db import Base, Database
from tmlib.db.base import now
from tmlib.experiments.sharing import share_experiment
from tmlib.ids import decode_id
from tmlib.settings import Settings
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.api import TISSUEMAPS
from tmserver.api.error_objects import Error
from tmserver.application import INTERFACES
from tmserver.authentication import READING_METHODS, SIGNATURE, Login, Proof, sign
from tmserver.http.api import Api
from tmserver.http.operations import Operation
from tmserver.http.registration import refuse_undeclared
from tmserver.http.routing import RouteError, Routes, path_variables
from tmserver.http.schemas import Message
from tmserver.ispyb.scope import FACILITY
from tmserver.permissions import PUBLIC, Permission

NO_NUMBER = 999999

READER, WRITER, OWNER = "reader", "writer", "owner"

# what somebody may do with the installation
OF_INSTALLATION = {
    "anonymous": (),
    "stranger": ("user", "login"),
    READER: ("user", "login"),
    WRITER: ("user", "login"),
    OWNER: ("user", "login"),
    "administrator": ("user", "login", "admin", "monitor", *FACILITY.actions),
    "reading token": ("user",),  # of the owner, with methods that read
    "writing token": ("user",),
    "signed URL": (),
}
ONLY_READ = ("reading token", "signed URL")

# by scope, what a reader, a writer and an owner may do with a resource
ROLES = {
    "experiment": {
        READER: ("read",),
        WRITER: ("read", "write"),
        OWNER: ("read", "write", "owner"),
    },
    "datastack": {
        READER: ("read",),
        WRITER: ("read", "write"),
        OWNER: ("read", "write"),
    },
    "group": {
        READER: ("read", "leave"),
        WRITER: ("read", "leave"),
        OWNER: ("read", "leave", "owner"),
    },
    "notebook": {READER: ("read",), WRITER: ("read", "edit"), OWNER: ("read", "edit", "burn")},
}
LIKE_OWNER = ("administrator", "reading token", "writing token")


def allowed(who: str, permission: Permission) -> bool:
    """Whether somebody has a permission."""
    if not permission.is_of_resource:
        return permission == PUBLIC or permission.action in OF_INSTALLATION[who]
    if who == "signed URL":
        return permission.action == "read"
    roles = ROLES[permission.scope.kind]
    return permission.action in roles.get(OWNER if who in LIKE_OWNER else who, ())


Known = Mapping[str, int | str]
"""Numbers and names, by the variables of paths that they are for."""


@dataclass(frozen=True)
class Call:
    """A request to one route.

    In ``path`` all ids are of things that exist, as far as there are any; in ``path_to_nothing``
    only that of the scope's resource is, and in ``nowhere`` that one is not.
    """

    operation: Operation
    path: str
    path_to_nothing: str
    nowhere: str
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
        if self.permission == PUBLIC:
            return True
        reads = (
            self.method in READING_METHODS or self.operation.takes_form or self.operation.only_reads
        )
        if who in ONLY_READ and not reads:
            return False
        return allowed(who, self.permission)


WITH_NOTEBOOKS = replace(TISSUEMAPS, resources=[*TISSUEMAPS.resources, notebooks.routes])


@pytest.fixture
def interfaces() -> Sequence[Api]:
    """All that the product serves, with routes of one more scope."""
    return [WITH_NOTEBOOKS if api is TISSUEMAPS else api for api in INTERFACES]


def number(people: dict[str, Person], name: str) -> int:
    user_id = people[name].user_id
    assert user_id is not None
    return user_id


@pytest.fixture
def resources(
    database: Database, experiment_id: int, everybody: dict[str, Person]
) -> dict[str, int | str]:
    """The resource of each scope that the readers, writers and owners of the matrix belong to."""
    editors = {number(everybody, name): name == WRITER for name in (READER, WRITER)}
    with database.transaction() as session:
        group_id = groups.create_group(session, "imaging", number(everybody, OWNER)).id
        for user_id in editors:
            groups.put_member(session, group_id, user_id, is_owner=False)
    notebook_id = notebooks.add_notebook(database, number(everybody, OWNER), editors)
    return {
        "experiment_id": experiment_id,
        "datastack": datastacks.name_of(experiment_id, "Screen"),
        "group_id": group_id,
        "notebook_id": notebook_id,
    }


@pytest.fixture
def everybody(
    app: Flask, database: Database, acquisition: str, experiment_id: int, people: dict[str, Person]
) -> dict[str, Person]:
    """All who are in the matrix, with an experiment that has a plate and an acquisition."""
    with database.transaction() as session:
        for name in (READER, WRITER):
            share_experiment(
                session, experiment_id, number(people, name), write_access=name == WRITER
            )
    for scope, name in (("read", "reading token"), ("write", "writing token")):
        made = people["owner"].post("/auth/tokens", name=name, scope=scope)
        people[name] = Person(app, authorization=f"Bearer {made['token']}")
    return people


@pytest.fixture
def calls(
    app: Flask,
    everybody: dict[str, Person],
    acquisition: str,
    resources: dict[str, int],
    documents: dict[Api, dict[str, Any]],
) -> list[Call]:
    """A request to every route, with the examples of the OpenAPI document for what it takes."""
    experiment, _, run = acquisition.rsplit("/", 2)
    [plate] = everybody["owner"].get(f"{experiment}/plates")
    [token, _] = everybody["owner"].get("/auth/tokens")
    known: dict[str, int | str] = {
        **resources,
        "plate_id": decode_id(plate["id"]),
        "acquisition_id": decode_id(run),
        "user_id": number(everybody, "stranger"),
        "user_name": "reader",
        "group_name": "imaging",
        "token_id": decode_id(token["id"]),
    }
    found = []
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation)
        path = documented_path(rule.rule)
        described = documents[operation.api]["paths"][path][operation.method.lower()]
        content = described.get("requestBody", {}).get("content", {})
        parameters = described["parameters"]
        found.append(
            Call(
                operation,
                fill(operation, rule.rule, known),
                fill(operation, rule.rule, resources),
                fill(operation, rule.rule, known | dict.fromkeys(resources, NO_NUMBER)),
                query={p["name"]: p["example"] for p in parameters if p["in"] == "query"},
                body=content.get("application/json", {}).get("example", {}),
            )
        )
    return found


def fill(operation: Operation, path: str, values: Known) -> str:
    """A path with values for its variables; what is not known is of nothing."""
    for variable in path_variables(path):
        value = values.get(variable, NO_NUMBER)
        text = value if isinstance(value, str) else spelled(operation.api, value)
        for form in (f"<{variable}>", f"<path:{variable}>"):
            path = path.replace(form, text)
    return path


def send(everybody: dict[str, Person], who: str, call: Call, path: str, body: Any) -> int:
    """The status of the answer, which must have the right form if it is an error."""
    query = {name: value for name, value in call.query.items() if value is not None}
    person = everybody["anonymous" if who == "signed URL" else who]
    if who == "signed URL":
        owner = Account(number(everybody, OWNER), OWNER)
        login = Login("a login", now(), now(), in_cookie=False)
        with person.app.app_context():
            query[SIGNATURE] = sign(path, Proof(owner, login), now().replace(year=9999))
    response = person.request(call.method, path, query_string=query, json=body)
    if response.status_code >= 400 and call.method != "HEAD":
        form = call.operation.api.errors
        told = told_error(form, response)
        if isinstance(told, Error):
            assert told.error.status_code == response.status_code
            assert len(told.error.message) > 10
    return response.status_code


def refusal(who: str, permission: Permission) -> int:
    """The status with which somebody is refused."""
    if who == "anonymous":
        return 401
    return 404 if who == "stranger" and permission.is_of_resource else 403


def state(app: Flask, database: Database, settings: Settings) -> dict[str, Any]:
    """All rows of all tables but the audit trail, all files, and what waits for workers."""
    with database.session() as session:
        found: dict[str, Any] = {
            table.name: sorted(map(repr, session.execute(select(table))))
            for table in Base.metadata.sorted_tables
            if table.name != AuditEntry.__tablename__  # tells of refusals
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
    for who in OF_INSTALLATION:
        refused = [call for call in calls if not call.allows(who)]
        assert refused or who == "administrator"
        for call in refused:
            status = send(everybody, who, call, call.path, call.body)
            assert status == refusal(who, call.permission), f"{who}: {call}"
        assert state(app, database, settings) == before, who


def test_who_may_is_let_through(
    everybody: dict[str, Person], calls: list[Call], resources: dict[str, int]
) -> None:
    for who in OF_INSTALLATION:
        allowed = [
            call
            for call in calls
            if call.allows(who)
            # what is for everybody asks nobody who they are
            and (call.permission != PUBLIC or who == "anonymous")
        ]
        for call in sorted(allowed, key=lambda call: call.path == "/auth/logout"):  # the last one
            of_scope = call.permission.scope.path
            itself = fill(call.operation, of_scope, resources) if of_scope else ""
            if call.method == "DELETE" and call.path == itself:
                continue  # the others need it
            body: list[object] | None = (
                None if call.method in READING_METHODS else []
            )  # which nothing takes
            status = send(everybody, who, call, call.path_to_nothing, body)
            expected = {200, 204, 400, 404, 409, 412, 415, 422}
            if call.permission == PUBLIC:
                expected.add(503)  # the viewer is not built
            assert status in expected, f"{who}: {call}: {status}"


def test_a_stranger_learns_of_no_resource(everybody: dict[str, Person], calls: list[Call]) -> None:
    stranger = everybody["stranger"]
    for call in calls:
        if call.permission.is_of_resource and call.method != "HEAD":
            assert call.nowhere != call.path
            there, nowhere = (
                stranger.request(call.method, path) for path in (call.path, call.nowhere)
            )
            assert there.status_code == nowhere.status_code == 404
            assert there.json == nowhere.json


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
        and (operation.permission == PUBLIC or operation.permission.only_reads)
    }
    # queries of GraphQL and of annotation tables come by POST, and change nothing
    queries = {"post_graphql", "query_table", "query_live", "query_with_targets"}
    assert exceptions - queries == {
        *("log_in", "log_in_with_cookie", "log_out_of_cookie", "sign_urls"),
        "link_annotation_points",
    }


def test_there_are_routes_of_every_permission(app: Flask) -> None:
    found = list(operations(app))
    assert len(found) > 80
    permissions = {operation.permission for operation in found}
    assert permissions == {
        Permission(scope, action)
        for scope in {permission.scope for permission in permissions}
        for action in scope.actions
    }


def test_the_matrix_knows_every_scope(app: Flask) -> None:
    permissions = {operation.permission for operation in operations(app)}
    assert {one.scope.kind for one in permissions if one.is_of_resource} == set(ROLES)
    for kind, roles in ROLES.items():
        actions = [one.action for one in permissions if one.scope.kind == kind]
        assert sorted(roles[OWNER]) == sorted(actions)


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
