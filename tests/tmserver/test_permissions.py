"""Every route of the application, as everybody."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.experiments.service import share_experiment
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.permissions import Permission
from tmserver.routing import (
    Operation,
    RouteError,
    Routes,
    path_variables,
    refuse_undeclared,
)
from tmserver.schemas import Message

MISSING = "OTk5OTk5"


@pytest.fixture
def shared(database: Database, experiment_id: int, people: dict[str, Person]) -> None:
    with database.transaction() as session:
        for name in ("reader", "writer"):
            user_id = people[name].user_id
            assert user_id is not None
            share_experiment(session, experiment_id, user_id, write_access=name == "writer")


def requests(app: Flask, experiment: str) -> Iterator[tuple[Operation, str, str]]:
    """Every operation with its method and a path to the experiment; all else does not exist."""
    for rule in app.url_map.iter_rules():
        operation = app.view_functions[rule.endpoint]
        assert isinstance(operation, Operation), rule
        yield operation, operation.method, path_of(rule, experiment)


def path_of(rule: Rule, experiment: str) -> str:
    path = rule.rule.replace("/api/experiments/<experiment_id>", experiment)
    for variable in path_variables(path):
        path = path.replace(f"<{variable}>", MISSING)
    return path


def test_there_are_routes_of_every_permission(app: Flask) -> None:
    operations = [app.view_functions[rule.endpoint] for rule in app.url_map.iter_rules()]
    found = {one.permission for one in operations if isinstance(one, Operation)}
    assert found >= {Permission.PUBLIC, Permission.USER, Permission.READ, Permission.WRITE}
    assert len(operations) > 50


def test_nobody_gets_past_public_routes_without_a_token(
    app: Flask, experiment: str, anonymous: Person
) -> None:
    for operation, method, path in requests(app, experiment):
        status = anonymous.request(method, path).status_code
        is_public = operation.permission is Permission.PUBLIC
        assert (status != 401) == is_public or path == "/auth", f"{method} {path}: {status}"


def test_a_stranger_learns_of_no_experiment(
    app: Flask, experiment: str, people: dict[str, Person]
) -> None:
    for operation, method, path in requests(app, experiment):
        if operation.permission.is_of_experiment:
            there = people["stranger"].refused(method, path, 404)
            nowhere = path.replace(experiment, f"/api/experiments/{MISSING}")
            assert people["stranger"].refused(method, nowhere, 404) == there


@pytest.mark.usefixtures("shared")
def test_a_reader_may_not_write_and_may_read(
    app: Flask, experiment: str, people: dict[str, Person]
) -> None:
    for operation, method, path in requests(app, experiment):
        status = people["reader"].request(method, path).status_code
        is_read = operation.permission in (Permission.READ, Permission.PUBLIC)
        if operation.permission.is_of_experiment:
            assert (status != 403) == is_read, f"{method} {path}"
    assert people["owner"].get(experiment)["name"] == "Screen"


@pytest.mark.usefixtures("shared")
@pytest.mark.parametrize("name", ["writer", "owner"])
def test_writers_and_owners_may_do_everything(
    app: Flask, experiment: str, people: dict[str, Person], name: str
) -> None:
    for operation, method, path in requests(app, experiment):
        if operation.permission in (Permission.READ, Permission.WRITE):
            status = people[name].request(method, path).status_code
            assert status in (200, 400, 404, 409), f"{method} {path}: {status}"


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
