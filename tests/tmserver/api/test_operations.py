"""What operators see over HTTP, and what they may ask for."""

import json
from typing import Any

import pytest
from flask import Flask

from tests.services.ledger import ListQueue, planned
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.ids import decode_id
from tmlib.ledger import engine, worker_pools
from tmlib.ledger.engine import Outcome
from tmlib.workflow import service

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}


@pytest.fixture
def at_work(database: Database, owner: Person, experiment_id: int) -> list[int]:
    """A workflow with a failed job, one that ended well, one that runs, and two that wait."""
    assert owner.user_id is not None
    queue = ListQueue()
    service.submit(database, queue, experiment_id, owner.user_id, CONVERSION)
    [job_id] = queue.job_ids
    following = end(
        database, job_id, Outcome(0, following=planned([[{"number": n} for n in range(5)]]))
    )
    failed = Outcome(
        1,
        error="The file is truncated.",
        stderr="Needle in the log of Zoë\n",
        wall_time=2.0,
        memory=300,
    )
    end(database, following[0], failed)
    end(database, following[1], Outcome(0, cpu_time=1.5, memory=500))
    claim(database, following[2])
    # not all of them are handed out yet
    return [job_id, *range(following[0], following[0] + 5)]


def claim(database: Database, job_id: int) -> engine.Claim:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, "node1:7", "node1", lease=30)
    assert taken is not None
    return taken


def end(database: Database, job_id: int, outcome: Outcome) -> list[int]:
    taken = claim(database, job_id)
    with database.transaction() as session:
        return engine.finish(session, job_id, taken.attempt, outcome)


def numbers(page: dict[str, Any]) -> list[int]:
    return [decode_id(job["id"]) for job in page["jobs"]]


def test_the_installation_is_shown_to_administrators(
    administrator: Person, owner: Person, experiment: str, at_work: list[int]
) -> None:
    found = administrator.get("/api/operations")
    assert found["queues"]["jobs"] == {"messages": None, "waiting": 2, "running": 1}
    assert found["hosts"] == {
        "node1": {"state": "working", "processes": 0, "busy": 1, "running": 1, "overdue": 0}
    }
    [(name, workflow)] = found["workflows"].items()
    assert name == experiment.rpartition("/")[2]
    assert (workflow["state"], workflow["steps"]) == ("running", ["metaextract"])
    assert (workflow["waiting"], workflow["running"], workflow["failed"]) == (2, 1, 1)
    [failure] = found["failures"]
    assert (failure["error"], failure["host"]) == ("The file is truncated.", "node1")
    assert "administrator" in owner.refused("GET", "/api/operations", 403)


def test_the_list_of_experiments_tells_what_became_of_their_workflows(
    people: dict[str, Person], experiment: str, at_work: list[int]
) -> None:
    owner = people["owner"]
    [found] = owner.get("/api/workflows")
    assert found["experiment_id"] == experiment.rpartition("/")[2]
    assert (found["state"], found["finished_at"]) == ("running", None)
    assert people["stranger"].get("/api/workflows") == []
    owner.post(f"{experiment}/workflow/kill")
    [found] = owner.get("/api/workflows")
    assert found["state"] == "killed"
    assert found["submitted_at"] <= found["finished_at"]


def test_a_workflow_is_shown_with_what_its_steps_use(
    owner: Person, experiment: str, at_work: list[int]
) -> None:
    found = owner.get(f"{experiment}/workflow/operations")
    assert found["workflow"]["experiment"] == "Screen"
    step = found["steps"]["metaextract"]
    assert (step["position"], step["stage"], step["state"]) == (0, "image_conversion", "running")
    counts = {name: step[name] for name in ("jobs", "waiting", "running", "done", "failed")}
    assert counts == {"jobs": 6, "waiting": 2, "running": 1, "done": 2, "failed": 1}
    assert step["memory_mb"] == 500
    assert step["cpu_seconds"] == 1.5
    [running] = owner.get(f"{experiment}/workflow/operations/jobs", state="running")["jobs"]
    assert step["oldest_started_at"] == running["started_at"]
    assert step["limits"] == {"seconds": 21600, "memory_mb": 8000, "cores": 1}
    assert 0 < step["percent_done"] < 100
    assert found["steps"]["imextract"]["state"] == "new"
    assert [failure["error"] for failure in found["failures"]] == ["The file is truncated."]


def test_there_need_be_no_workflow(owner: Person, administrator: Person, experiment: str) -> None:
    found = owner.get(f"{experiment}/workflow/operations")
    assert (found["workflow"], found["steps"], found["failures"]) == (None, {}, [])
    assert owner.get(f"{experiment}/workflow/operations/jobs") == {"jobs": [], "has_more": False}
    assert administrator.get("/api/operations")["workflows"] == {}


def test_jobs_are_listed_by_pages(owner: Person, experiment: str, at_work: list[int]) -> None:
    path = f"{experiment}/workflow/operations/jobs"
    first = owner.get(path, limit=4)
    assert numbers(first) == at_work[:1:-1]
    assert first["has_more"]
    second = owner.get(path, limit=4, before=first["jobs"][-1]["id"])
    assert numbers(second) == at_work[1::-1]
    assert not second["has_more"]
    assert numbers(owner.get(path, state="running")) == [at_work[3]]
    assert numbers(owner.get(path, step="metaextract", state="failed")) == [at_work[1]]
    assert numbers(owner.get(path, step="imextract")) == []
    assert "limit" in owner.refused("GET", path, 400, query_string={"limit": 1001})


def test_failures_are_found_by_their_reason_and_log(
    owner: Person, administrator: Person, experiment: str, at_work: list[int]
) -> None:
    for person, path in (
        (owner, f"{experiment}/workflow/operations/jobs"),
        (administrator, "/api/operations/jobs"),
    ):
        for text in ("truncated", "NEEDLE in", "zoË"):
            assert numbers(person.get(path, text=text)) == [at_work[1]]
        assert numbers(person.get(path, text="100%")) == []
        message = person.refused("GET", path, 400, query_string={"text": "in", "state": "done"})
        assert "failed" in message


def test_hosts_are_drained_by_administrators(
    database: Database, administrator: Person, owner: Person
) -> None:
    path = "/api/operations/hosts/node1"
    assert "no host has workers" in administrator.refused("POST", f"{path}/drain", 404)
    assert "node1" in administrator.refused("POST", f"{path}/undrain", 404)
    with database.transaction() as session:
        worker_pools.report(session, worker_pools.Pool("node1", 7, "jobs", 16), now())

    def state() -> str:
        host = administrator.get("/api/operations")["hosts"]["node1"]
        assert (host["processes"], host["busy"]) == (16, 0)
        return str(host["state"])

    assert state() == "idle"
    owner.refused("POST", f"{path}/drain", 403)
    administrator.post(f"{path}/drain")
    assert state() == "draining"
    administrator.post(f"{path}/undrain")
    assert state() == "idle"


def test_events_tell_the_state_and_end_when_they_should(
    app: Flask, administrator: Person, owner: Person, experiment: str, at_work: list[int]
) -> None:
    owner.post(f"{experiment}/workflow/kill")  # so that nothing changes any more
    live = app.extensions["tmserver"].live
    live.is_closed = False
    for person, path in (
        (administrator, "/api/operations"),
        (owner, f"{experiment}/workflow/operations"),
    ):
        answer = person.request("GET", f"{path}/events?seconds=0")
        assert answer.mimetype == "text/event-stream"
        retry, state, rest = answer.text.split("\n\n")
        assert retry == "retry: 2000"
        assert rest == ""
        event, number, data = state.split("\n")
        assert event == "event: state"
        content = json.loads(data.removeprefix("data: "))
        shown = person.get(path)
        assert content["failures"][0]["error"] == shown["failures"][0]["error"]
        assert "time" not in content
        assert "null" not in data
        known = {"Last-Event-ID": number.removeprefix("id: ")}
        again = person.request("GET", f"{path}/events?seconds=0", headers=known)
        assert "data:" not in again.text
        assert "seconds" in person.refused("GET", f"{path}/events?seconds=-1", 400)
    live.close()


def test_events_need_a_place(app: Flask, administrator: Person) -> None:
    live = app.extensions["tmserver"].live
    listeners = [live.listen(None) for _ in range(24)]
    answer = administrator.request("GET", "/api/operations/events")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
    assert "TM_LIVE_LISTENERS" in answer.json["error"]["message"]
    listeners[0].close()
    assert administrator.request("GET", "/api/operations/events").status_code == 200
    assert administrator.request("GET", "/api/operations/events").status_code == 200
