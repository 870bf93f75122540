"""Trying a pipeline out on a site: jobs that workers run, their output and their figures."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.services.ledger import ListQueue
from tests.tmserver.api.test_jtui import PIPELINE, text
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ledger.execution import Worker
from tmlib.settings import Settings


@pytest.fixture
def path(experiment: str, field: Path) -> str:
    return experiment.replace("/api/", "/jtui/")


def work(app: Flask, database: Database, settings: Settings) -> None:
    queue = app.extensions["tmserver"].queue
    worker = Worker(database, ListQueue(), settings)
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))


def uncorrected() -> dict[str, Any]:
    channels = [{"name": "DNA", "correct": False}]
    return PIPELINE | {"input": {"channels": channels, "objects": []}}


def test_a_pipeline_is_tried_out_on_a_site(
    owner: Person, path: str, app: Flask, database: Database, settings: Settings, experiment: str
) -> None:
    assert owner.post(f"{path}/jobs/status") == {"status": {}}
    assert owner.post(f"{path}/jobs/output") == {"output": []}
    body = {"job_ids": [0], "project": text(uncorrected())}
    submission_id = owner.post(f"{path}/jobs/run", **body)["submission_id"]
    status = owner.post(f"{path}/jobs/status")["status"]
    assert (status["state"], status["n_subtasks"]) == ("SUBMITTED", 1)
    assert owner.post(f"{path}/jobs/output") == {"output": []}
    work(app, database, settings)
    status = owner.post(f"{path}/jobs/status")["status"]
    assert (status["state"], status["failed"], status["percent_done"]) == ("TERMINATED", False, 100)
    [output] = owner.post(f"{path}/jobs/output")["output"]
    assert output["id"] == 0
    assert output["submission_id"] == submission_id
    assert (output["name"], output["failed"]) == ("jtui_000000", False)
    figure = owner.request("GET", f"{path}/figure?module_name=smooth&job_id=0")
    assert (figure.status_code, figure.mimetype) == (200, "application/json")
    assert json.loads(figure.data)["data"]
    assert '"fill"' in owner.refused("GET", f"{path}/figure?module_name=fill&job_id=0", 404)
    # nothing of it is the experiment's
    assert owner.get(f"{experiment}/workflow/jtproject")["handles"] == {}
    assert owner.get(f"{experiment}/workflow/status") is None


def test_a_pipeline_that_fails_says_why(
    owner: Person, path: str, field: Path, app: Flask, database: Database, settings: Settings
) -> None:
    owner.post(f"{path}/jobs/run", job_ids=[0], project=text(uncorrected()))
    shutil.rmtree(field)
    work(app, database, settings)
    [output] = owner.post(f"{path}/jobs/output")["output"]
    assert output["failed"] is True
    assert "There is no image" in output["stderr"]


def test_previews_are_ended(owner: Person, path: str) -> None:
    assert owner.post(f"{path}/jobs/kill") == {"success": True}
    owner.post(f"{path}/jobs/run", job_ids=[0], project=text(uncorrected()))
    owner.post(f"{path}/jobs/kill", task_id="MQ==")
    status = owner.post(f"{path}/jobs/status")["status"]
    assert (status["state"], status["failed"]) == ("TERMINATED", True)


def test_what_cannot_be_tried_out(owner: Person, path: str) -> None:
    def problem(**body: Any) -> str:
        sent = {"job_ids": [0], "project": text(uncorrected())} | body
        return owner.refused("POST", f"{path}/jobs/run", 400, json=sent)

    assert "no site 1" in problem(job_ids=[1])
    assert '"job_ids"' in problem(job_ids=[])
    assert "not valid YAML" in problem(project="pipe: [")
    assert '"RNA"' in problem(
        project=text(PIPELINE | {"input": {"channels": [{"name": "RNA"}], "objects": []}})
    )
    assert '"job_id"' in owner.refused("GET", f"{path}/figure?module_name=smooth&job_id=-1", 400)
