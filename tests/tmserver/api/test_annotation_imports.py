"""Imports of annotations over HTTP: a file, the job that enters its rows, and what is refused."""

from typing import Any

import pytest
from flask import Flask

from tests.tmserver.conftest import Person
from tmlib.annotation import import_jobs, imports
from tmlib.db import Database
from tmlib.experiments.sharing import share_experiment
from tmlib.ledger.execution import Worker
from tmlib.settings import Settings

SHEET = b"tag,pt_x,pt_y,pt_z\na,1,2,3\nb,4,5,6\n"
BYTES = "application/octet-stream"


@pytest.fixture
def cells(owner: Person, experiment: str) -> str:
    """Path of an empty table, to which all may write who may change the experiment."""
    sizes = [325, 325, 1000]
    tables = f"{experiment}/annotation_tables"
    owner.post(tables, name="cells", schema_name="bound_tag", voxel_resolution=sizes)
    return f"{tables}/cells"


def send(
    person: Person, cells: str, content: bytes = SHEET, key: str | None = None
) -> dict[str, Any]:
    headers = {} if key is None else {"Idempotency-Key": key}
    answer = person.request(
        "POST", f"{cells}/imports", data=content, content_type=BYTES, headers=headers
    )
    assert answer.status_code == 200, answer.json
    sent: dict[str, Any] = answer.json["data"]
    return sent


def test_rows_of_a_file_are_entered_by_a_job(
    owner: Person, cells: str, app: Flask, database: Database, settings: Settings
) -> None:
    assert import_jobs.Importing.name  # whoever runs the jobs knows what they are for
    asked = send(owner, cells, key="once")
    assert (asked["state"], asked["n_rows"], asked["percent_done"]) == ("waiting", None, 0)
    assert send(owner, cells, key="once") == asked
    other: dict[str, Any] = {"data": b"x", "content_type": BYTES}
    other["headers"] = {"Idempotency-Key": "once"}
    assert "another request" in owner.refused("POST", f"{cells}/imports", 409, **other)
    killed = send(owner, cells)
    path = f"{cells}/imports/{killed['id']}"
    assert owner.post(f"{path}/kill") == {"message": "ok"}
    assert owner.get(path)["state"] == "killed"
    wrong = send(owner, cells, SHEET + b"c,x,8,9\n")
    queue = app.extensions["tmserver"].queue
    worker = Worker(database, queue, settings)
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))
    done, _, failed = owner.get(f"{cells}/imports")
    assert done == owner.get(f"{cells}/imports/{asked['id']}")
    assert (done["state"], done["n_rows"], done["error"]) == ("done", 2, None)
    assert (failed["id"], failed["state"], failed["n_rows"]) == (wrong["id"], "failed", None)
    assert 'Row 2 (counted from 0), field "pt.position.0"' in failed["error"]
    rows = owner.get(f"{cells}/annotations")
    assert [row["values"]["pt_position"] for row in rows] == [[1, 2, 3], [4, 5, 6]]
    assert {row["created_at"] for row in rows} == {done["entered_at"]}


def test_errors_are_for_who_may_read_the_rows_or_has_sent_them(
    owner: Person,
    people: dict[str, Person],
    experiment: str,
    experiment_id: int,
    app: Flask,
    database: Database,
    settings: Settings,
) -> None:
    """They quote rows, as what their jobs have printed does."""
    assert import_jobs.Importing.name
    with database.transaction() as session:
        for name in ("writer", "reader"):
            user_id = people[name].user_id
            assert user_id is not None
            share_experiment(session, experiment_id, user_id, write_access=name == "writer")
    tables = f"{experiment}/annotation_tables"
    levels = {"read_permission": "PRIVATE", "write_permission": "PUBLIC"}
    sizes = [325, 325, 1000]
    owner.post(tables, name="mine", schema_name="bound_tag", voxel_resolution=sizes, **levels)
    path = f"{tables}/mine"
    for person in (owner, people["writer"]):
        send(person, path, SHEET + b"c,secret,8,9\n")
    queue = app.extensions["tmserver"].queue
    worker = Worker(database, queue, settings)
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))
    told = {
        name: ["secret" in one["error"] for one in person.get(f"{path}/imports")]
        for name, person in people.items()
        if name not in ("stranger", "anonymous")
    }
    assert told["owner"] == told["administrator"] == [True, True]
    assert (told["writer"], told["reader"]) == ([False, True], [False, False])
    hidden = people["reader"].get(f"{path}/imports")[0]["error"]
    assert "whoever has sent the file" in hidden
    jobs = f"{experiment}/workflow/operations/jobs"
    assert people["reader"].get(jobs)["jobs"] == []
    assert people["reader"].get(jobs, text="secret")["jobs"] == []
    of_all = people["administrator"].get("/api/operations/jobs", text="secret")["jobs"]
    assert len(of_all) == 2
    for place in ("workflow", "tools"):
        log = f"{experiment}/{place}/jobs/{of_all[0]['id']}/log"
        assert "no such job" in people["reader"].refused("GET", log, 404)


def test_what_is_refused_leaves_no_import(
    owner: Person, people: dict[str, Person], cells: str, monkeypatch: Any
) -> None:
    path = f"{cells}/imports"
    sent: dict[str, Any] = {"data": SHEET, "content_type": BYTES}
    assert "format" in owner.refused("POST", path, 400, query_string={"format": "xls"}, **sent)
    assert "no file" in owner.refused("POST", path, 400, content_type=BYTES)
    missing = path.replace("cells", "nothing")
    assert "No table" in owner.refused("POST", missing, 404, **sent)
    assert "No table" in owner.refused("GET", missing, 404)
    assert "no such import" in owner.refused("GET", f"{path}/OTk=", 404)
    assert "no such import" in owner.refused("POST", f"{path}/OTk=/kill", 404)
    monkeypatch.setattr(imports, "MOST_BYTES", 10)
    assert "more than 10 bytes" in owner.refused("POST", path, 413, **sent)
    assert people["administrator"].get(path) == []
