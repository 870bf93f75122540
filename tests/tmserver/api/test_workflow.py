from io import BytesIO

import numpy as np
import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select

from tests.tmlib.jterator.user_modules.projects import project
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ids import encode_id
from tmlib.ledger import engine, job_log
from tmlib.ledger.models import Submission
from tmlib.ledger.output import Tail


@pytest.fixture
def ready(owner: Person, acquisition: str, experiment: str) -> str:
    """Path of an experiment that has an image and a pipeline."""
    name = "AssayPlate_B03_T0001F001L01A01Z01C01.png"
    owner.post(f"{acquisition}/upload/register", files=[name])
    image = BytesIO()
    Image.fromarray(np.zeros((4, 5), np.uint16)).save(image, "PNG")
    image.seek(0)
    owner.request("POST", f"{acquisition}/microscope-file", data={"file": (image, name)})
    path = f"{experiment}/workflow/jtproject"
    owner.put(path, **owner.get(path))
    return experiment


def test_a_description_comes_back_as_it_was_sent(owner: Person, experiment: str) -> None:
    path = f"{experiment}/workflow/description"
    description = owner.get(path)
    assert description["type"] == "canonical"
    assert owner.post(path, description=description) == {"message": "ok"}
    assert owner.get(path) == description
    assert "description" in owner.refused("POST", path, 400, json={})
    assert owner.refused("POST", path, 400, json={"description": {"stages": [{"name": "x"}]}})
    other = description | {"type": "multiplexing"}
    message = owner.refused("POST", path, 409, json={"description": other})
    assert '"multiplexing"' in message


def test_a_workflow_is_submitted_watched_and_killed(app: Flask, owner: Person, ready: str) -> None:
    workflow = f"{ready}/workflow"
    assert owner.get(f"{workflow}/status") is None
    answer = owner.request("POST", f"{workflow}/submit").json
    assert answer == {"message": "ok", "submission_id": 1}
    queued = app.extensions["tmserver"].queue.job_ids
    assert queued

    status = owner.get(f"{workflow}/status", depth=2)
    assert status["live"] is True
    assert status["subtasks"][0]["name"] == "image_conversion"
    assert status["subtasks"][0]["subtasks"][0]["n_jobs_skipped"] == 0
    assert "submit" not in owner.refused("POST", f"{workflow}/submit", 409, json={})

    [job] = owner.get(f"{workflow}/jobs", step_name="metaextract")
    assert job["id"] == encode_id(queued[0])
    assert (job["skipped"], job["reason"]) == (False, None)
    assert owner.get(f"{workflow}/jobs", step_name="metaextract", index=0, batch_size=5) == [job]
    assert owner.get(f"{workflow}/jobs", step_name="metaextract", step_phase="run") == []
    log = owner.get(f"{workflow}/jobs/{job['id']}/log")
    assert (log["stdout"], log["stderr"], log["live"]) == ("", "", True)
    owner.refused("GET", f"{workflow}/jobs/OTk5/log", 404)

    owner.post(f"{workflow}/kill")
    assert owner.get(f"{workflow}/status")["state"] == "TERMINATED"
    again = owner.request("POST", f"{workflow}/resubmit", json={"stage_name": "image_conversion"})
    assert again.json == answer
    owner.refused("POST", f"{workflow}/resubmit", 409, json={})


def test_work_is_forced_where_that_is_wanted(database: Database, owner: Person, ready: str) -> None:
    def is_forced() -> bool:
        with database.session() as session:
            return session.scalars(select(Submission.force)).all()[-1]

    workflow = f"{ready}/workflow"
    owner.request("POST", f"{workflow}/submit", json={"force": True})
    assert is_forced()
    owner.post(f"{workflow}/kill")
    owner.request("POST", f"{workflow}/resubmit", json={})
    assert not is_forced()
    owner.post(f"{workflow}/kill")
    owner.request("POST", f"{workflow}/resubmit", json={"force": True})
    assert is_forced()
    assert "force" in owner.refused("POST", f"{workflow}/resubmit", 400, json={"force": "maybe"})


def test_a_running_job_is_read_bit_by_bit(
    database: Database, app: Flask, owner: Person, ready: str
) -> None:
    owner.post(f"{ready}/workflow/submit")
    [job_id] = app.extensions["tmserver"].queue.job_ids
    path = f"{ready}/workflow/jobs/{encode_id(job_id)}/log"
    with database.transaction() as session:
        engine.claim(session, job_id, "node1:1", "node1", lease=30)
        job_log.keep(session, job_id, 1, Tail("one\n"), Tail("hm\n"))
    first = owner.get(path)
    assert (first["stdout"], first["stderr"], first["continues"]) == ("one\n", "hm\n", False)
    with database.transaction() as session:
        job_log.keep(session, job_id, 1, Tail("one\ntwo\n"), Tail("hm\n"))
    second = owner.get(path, cursor=first["cursor"])
    assert (second["stdout"], second["stderr"], second["continues"]) == ("two\n", "", True)
    assert (second["live"], second["stdout_start"]) == (True, 4)
    assert "cursor" in owner.refused("GET", path, 400, query_string={"cursor": "x"})


def test_what_failed_is_retried(app: Flask, owner: Person, ready: str) -> None:
    workflow = f"{ready}/workflow"
    assert "submit" in owner.refused("POST", f"{workflow}/retry", 404)
    submitted = owner.request("POST", f"{workflow}/submit").json
    assert "still running" in owner.refused("POST", f"{workflow}/retry", 409)
    owner.post(f"{workflow}/kill")
    job_ids = app.extensions["tmserver"].queue.job_ids
    job_ids.clear()
    assert owner.request("POST", f"{workflow}/retry").json == submitted
    assert len(job_ids) == 1
    assert owner.get(f"{workflow}/status")["state"] == "SUBMITTED"


def test_parts_of_lists_of_jobs_are_asked_for_in_one_way(owner: Person, experiment: str) -> None:
    path = f"{experiment}/workflow/jobs"
    for query in (
        {"step_name": "imextract", "index": "0"},
        {"step_name": "imextract", "index": "0", "batch_size": "1", "name": "x"},
        {"step_name": "imextract", "index": "0", "batch_size": "1", "phase": "run"},
    ):
        assert '"batch_size"' in owner.refused("GET", path, 400, query_string=query)
    assert '"step_name"' in owner.refused("GET", path, 400)


def test_a_jterator_project_comes_back_as_it_was_sent(owner: Person, experiment: str) -> None:
    path = f"{experiment}/workflow/jtproject"
    project = owner.get(path)
    assert project.keys() == {"pipeline", "handles"}
    project["pipeline"]["input"]["channels"] = [{"name": "DNA", "correct": True}]
    assert owner.put(path, **project) == {"message": "ok"}
    assert owner.get(path) == project
    project["pipeline"]["pipeline"] = [
        {"source": "nothing.py", "handles": "handles/nothing.handles.yaml", "active": True}
    ]
    assert "nothing" in owner.refused("PUT", path, 400, json=project)


def test_projects_that_bring_modules_are_refused_unless_they_are_allowed(
    app: Flask, owner: Person, experiment: str
) -> None:
    path = f"{experiment}/workflow/jtproject"
    message = owner.refused("PUT", path, 403, json=project())
    assert "brighter" in message
    assert "TM_ALLOW_USER_MODULES" in message
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"allow_user_modules": True})
    assert owner.put(path, **project()) == {"message": "ok"}
    assert owner.get(path) == project()
    assert "main" in owner.refused("PUT", path, 400, json=project("VERSION = '0.3.0'"))


def test_what_cannot_end_well_is_not_begun(
    owner: Person, acquisition: str, experiment: str
) -> None:
    path = f"{experiment}/workflow/submit"
    assert '"Run 1" has no image files' in owner.refused("POST", path, 400, json={})
    analysis = {"stages": [{"name": "image_analysis"}]}
    message = owner.refused("POST", path, 400, json={"description": analysis})
    assert "no jterator project" in message
    assert owner.get(f"{experiment}/workflow/status") is None
    # nor is the description kept, with which it came
    assert len(owner.get(f"{experiment}/workflow/description")["stages"]) == 4


def test_deleting_an_experiment_ends_its_workflow(owner: Person, ready: str) -> None:
    owner.request("POST", f"{ready}/workflow/submit")
    assert owner.delete(ready) == {"message": "ok"}
    owner.refused("GET", f"{ready}/workflow/status", 404)
