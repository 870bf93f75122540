"""The audit trail: what leaves an event, what is in it, and who may read it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import update

from tests.tmserver.conftest import PASSWORD, Person
from tmlib.accounts import audit_entries
from tmlib.accounts.models import AuditEntry
from tmlib.db import Database
from tmlib.db.base import now
from tmserver.authentication import READING_METHODS
from tmserver.http.operations import Operation

# what changes nothing that lasts, or is repeated for each file of thousands
NO_EVENTS = {
    "add_microscope_file",
    "add_microscope_files",
    "append_to_resumable_upload",
    "check_project",
    "check_validity",
    "create_resumable_upload",
    "get_jobs_output",
    "get_jobs_status",
    "kill_jobs",
    "link_annotation_points",
    "override_method",
    "post_graphql",
    "post_schema_names",
    "query_live",
    "query_table",
    "query_with_targets",
    "record_movies",
    "refresh",
    "run_jobs",
    "sign_url",
    "sign_urls",
    "terminate_resumable_upload",
}


def events(administrator: Person, **query: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = administrator.get("/api/audit", **query)["events"]
    return found


def test_all_routes_that_change_something_leave_events(app: Flask) -> None:
    operations = {
        view.view.__name__: view
        for view in app.view_functions.values()
        if isinstance(view, Operation)
    }
    silent = {
        name
        for name, operation in operations.items()
        if operation.method not in READING_METHODS
        and not operation.takes_form
        and not operation.is_event
    }
    assert silent == NO_EVENTS


def test_an_event_tells_who_did_what_to_what_from_where(
    owner: Person, administrator: Person, experiment: str
) -> None:
    response = owner.request("PUT", experiment, json={"description": "d" * 5000})
    event = events(administrator)[0]
    assert event["at"].endswith("Z")
    assert event | {"at": None, "details": None, "user_id": None} == {
        "at": None,
        "user": "owner",
        "user_id": None,
        "experiment": "Screen",
        "experiment_id": experiment.split("/")[-1],
        "resource_kind": "experiment",
        "resource_id": experiment.split("/")[-1],
        "resource_name": "Screen",
        "action": "update_experiment",
        "details": None,
        "status": 200,
        "address": "127.0.0.1",
        "request_id": response.headers["X-Request-ID"],
    }
    assert event["details"]["experiment_id"] == experiment.split("/")[-1]
    assert event["details"]["description"].endswith("d…")
    assert len(event["details"]["description"]) == 100


def test_what_is_created_is_named(owner: Person, administrator: Person, experiment: str) -> None:
    event = events(administrator)[0]
    assert (event["action"], event["experiment"]) == ("create_experiment", "Screen")
    assert event["experiment_id"] == experiment.split("/")[-1]


def test_refusals_are_events_of_those_who_are_known(
    people: dict[str, Person], experiment: str
) -> None:
    owner, reader = people["owner"], people["reader"]
    people["stranger"].refused("DELETE", experiment, 404)
    owner.put(f"{experiment}/shares/reader", permission="read")
    reader.refused("DELETE", experiment, 403)
    owner.refused("PUT", experiment, 400, json={"name": ""})
    token = owner.post("/auth/tokens", name="script", scope="read")["token"]
    Person(owner.app, authorization=f"Bearer {token}").refused("DELETE", experiment, 403)
    people["anonymous"].refused("DELETE", experiment, 401)
    found = [
        (one["user"], one["status"], one["resource_name"])
        for one in events(people["administrator"])
    ]
    assert found == [
        ("owner", 403, "Screen"),
        ("owner", 200, None),
        ("owner", 400, "Screen"),
        ("reader", 403, "Screen"),
        ("owner", 200, "Screen"),
        ("stranger", 404, "Screen"),
        ("owner", 200, "Screen"),
    ]


def test_reading_and_sending_files_leave_none(
    owner: Person, administrator: Person, experiment: str
) -> None:
    plate = owner.post(f"{experiment}/plates", name="P")["id"]
    acquisition = owner.post(f"{experiment}/acquisitions", name="A", plate_name="P")["id"]
    upload = f"{experiment}/acquisitions/{acquisition}/upload"
    names = [f"p_A01_T1F{number}L1A1Z1C01.png" for number in range(200)]
    owner.post(f"{upload}/validity-check", files=names)
    owner.get(f"{experiment}/plates/{plate}")
    owner.post(f"{upload}/register", files=names)
    found = events(administrator)
    assert [event["action"] for event in found] == [
        "register_upload",
        "create_acquisition",
        "create_plate",
        "create_experiment",
    ]
    assert found[0]["details"]["files"][-1] == "(200 in all)"


def test_logins_are_events_whoever_tries(anonymous: Person, people: dict[str, Person]) -> None:
    anonymous.refused("POST", "/auth", 401, json={"username": "owner", "password": "guess-1"})
    anonymous.refused("POST", "/auth", 401, json={"username": "x" * 300, "password": "guess-2"})
    anonymous.post("/auth", username="owner", password=PASSWORD)
    found = events(people["administrator"], action="log_in")
    assert [(one["user"], one["status"]) for one in found] == [
        ("owner", 200),
        (f"{'x' * 254}…", 401),
        ("owner", 401),
    ]
    assert [one["user_id"] is None for one in found] == [False, True, True]


def test_no_event_has_a_secret(
    anonymous: Person, owner: Person, administrator: Person, database: Database
) -> None:
    created = owner.post("/auth/tokens", name="script", scope="write")
    anonymous.post("/auth", username="owner", password=PASSWORD)
    owner.refused(
        "PUT", "/auth/password", 400, json={"old_password": "wrong-1", "new_password": "wrong-2"}
    )
    administrator.post(
        "/api/users", name="mara", email="mara@lab.example", password="a secret password"
    )
    secrets = [PASSWORD, "wrong-1", "wrong-2", "a secret password", *map(str, created.values())]
    kept = json.dumps(events(administrator))
    assert "create_token" in kept
    assert "create_user" in kept
    assert [secret for secret in secrets if len(secret) > 6 and secret in kept] == []


def test_events_outlive_the_experiment(
    owner: Person, administrator: Person, experiment: str
) -> None:
    owner.delete(experiment)
    found = events(administrator, experiment="Screen")
    assert [one["action"] for one in found] == ["delete_experiment", "create_experiment"]
    by_number = events(administrator, experiment_id=experiment.split("/")[-1])
    assert by_number == found


def test_events_are_filtered_and_come_in_pages(
    owner: Person, administrator: Person, experiment: str
) -> None:
    for name in ("a", "b", "c"):
        owner.put(experiment, description=name)
    first = administrator.get("/api/audit", action="update_experiment", user="owner", limit=2)
    rest = administrator.get(
        "/api/audit", action="update_experiment", user="owner", limit=2, cursor=first["cursor"]
    )
    names = [event["details"]["description"] for event in (*first["events"], *rest["events"])]
    assert names == ["c", "b", "a"]
    assert rest["cursor"] is None
    moment = first["events"][0]["at"]
    assert len(events(administrator, since=moment)) == 1
    assert len(events(administrator, until=moment)) == 4
    assert events(administrator, until="2024-03-14") == []
    too_early = {"since": "0001-01-01T00:00:00+01:00"}
    assert "since" in administrator.refused("GET", "/api/audit", 400, query_string=too_early)
    assert events(administrator, user="administrator") == []


def test_others_cannot_read_it(people: dict[str, Person]) -> None:
    for name in ("owner", "stranger"):
        people[name].refused("GET", "/api/audit", 403)
    people["anonymous"].refused("GET", "/api/audit", 401)
    people["administrator"].refused("GET", "/api/audit", 400, query_string={"cursor": "x"})


def test_old_events_are_forgotten(
    owner: Person, administrator: Person, experiment: str, database: Database
) -> None:
    with database.transaction() as session:
        session.execute(update(AuditEntry).values(at=now() - timedelta(days=11)))
    owner.put(experiment, description="new")
    audit_entries.remove_expired(database, 0)
    assert len(events(administrator)) == 2
    audit_entries.remove_expired(database, 10)
    assert [event["action"] for event in events(administrator)] == ["update_experiment"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"password": "x", "Api-Token": ["y"]}, {"password": "***", "Api-Token": "***"}),
        ({"deep": {"a": {"b": {"c": {"d": 1}}}}}, {"deep": {"a": {"b": {"c": "(1 fields)"}}}}),
        ({"n": float("nan"), "raw": b"123"}, {"n": "nan", "raw": "(3 bytes)"}),
        ({"many": {str(n): n for n in range(30)}}, {"many": {str(n): n for n in range(20)}}),
    ],
)
def test_what_was_sent_is_kept_in_short(sent: dict[str, Any], kept: dict[str, Any]) -> None:
    assert audit_entries.shorten(sent) == kept


def test_what_is_large_in_every_part_is_only_counted() -> None:
    large = {name: [["x" * 99] * 20] * 20 for name in "ab"}
    assert audit_entries.shorten(large) == {"a": "(20 items)", "b": "(20 items)"}
