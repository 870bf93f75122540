"""Trying a pipeline out on a site: jobs that workers run, their output and their figures."""

import copy
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from flask import Flask
from numpy.typing import NDArray
from PIL import Image

from tests.services.ledger import ListQueue
from tests.tmserver.api.conftest import PIXELS
from tests.tmserver.api.test_jtui import PIPELINE, text
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.jterator.modules import registry
from tmlib.ledger.execution import Worker
from tmlib.settings import Settings

# what both cycles show of the site
SHOWN = PIXELS[3:, :-2]


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


def connected(**settings: dict[str, Any]) -> str:
    """A project of modules that are called as they are, with values and keys of their handles."""
    handles = {}
    for name, given in settings.items():
        handles[name] = copy.deepcopy(dict(registry.get(name).handles))
        for handle in [*handles[name]["input"], *handles[name]["output"]]:
            if handle["name"] in given:
                handle["key" if "key" in handle else "value"] = given[handle["name"]]
    steps = [
        {"source": f"{name}.py", "handles": f"handles/{name}.handles.yaml", "active": True}
        for name in settings
    ]
    described = [{"name": name, "description": one} for name, one in handles.items()]
    pipe = {"description": uncorrected() | {"pipeline": steps}}
    return yaml.safe_dump({"pipe": pipe, "handles": described})


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
    results = owner.get(f"{path}/jobs/results?job_id=0")
    assert results["submission_id"] == submission_id
    [channel], [module] = results["channels"], results["modules"]
    assert (channel["name"], module["name"], module["has_figure"]) == ("DNA", "smooth", True)
    assert module["seconds"] > 0
    [smoothed] = module["outputs"]
    assert (smoothed["key"], smoothed["type"]) == ("smooth.image", "IntensityImage")
    assert smoothed["gray_values"]["minimum"] < smoothed["gray_values"]["maximum"]
    assert smoothed["n_objects"] is None
    shapes = {
        picture(owner, path, submission_id, number).shape
        for number in (channel["picture"], smoothed["picture"])
    }
    assert shapes == {SHOWN.shape}
    address = f"{path}/jobs/picture?job_id=0&submission_id="
    assert "run the pipeline again" in owner.refused("GET", f"{address}9&picture=1", 404)
    assert "no picture 9" in owner.refused("GET", f"{address}{submission_id}&picture=9", 404)
    # nothing of it is the experiment's
    assert owner.get(f"{experiment}/workflow/jtproject")["handles"] == {}
    assert owner.get(f"{experiment}/workflow/status") is None


def picture(owner: Person, path: str, submission_id: int, number: int) -> NDArray[np.uint8]:
    address = f"{path}/jobs/picture?job_id=0&submission_id={submission_id}&picture={number}"
    answer = owner.request("GET", address)
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    return np.asarray(Image.open(io.BytesIO(answer.data)))


def test_modules_tell_what_they_found_until_one_fails(
    owner: Person, path: str, app: Flask, database: Database, settings: Settings
) -> None:
    measured = {"extract_objects": "Blobs", "assign_objects": "Blobs", "intensity_image": "DNA"}
    project = connected(
        threshold_manual={"image": "DNA", "threshold": 30_000},
        register_objects={"mask": "threshold_manual.mask", "objects": "Blobs"},
        measure_intensity=measured,
        rescale={"intensity_image": "DNA", "min_value": 70_000, "max_value": 0},
        smooth={"image": "DNA"},
    )
    assert owner.get(f"{path}/jobs/results?job_id=0")["submission_id"] is None
    submission_id = owner.post(f"{path}/jobs/run", job_ids=[0], project=project)["submission_id"]
    work(app, database, settings)
    [output] = owner.post(f"{path}/jobs/output")["output"]
    assert output["failed"] is True
    assert output["error"].startswith('Module "rescale" failed: max_value')
    *done, failed = owner.get(f"{path}/jobs/results?job_id=0")["modules"]
    assert (failed["name"], failed["seconds"], failed["outputs"]) == ("rescale", None, [])
    [mask], [objects], [values] = [module["outputs"] for module in done]
    truth = SHOWN > 30_000
    assert mask["share"] == pytest.approx(truth.mean())
    outlines = picture(owner, path, submission_id, mask["picture"])
    assert np.array_equal(outlines[..., 3] > 0, truth)
    assert objects["n_objects"] == values["n_objects"] > 0
    assert picture(owner, path, submission_id, objects["picture"])[..., 3].max() == 255
    names = [feature["name"] for feature in values["features"]]
    brightest = values["features"][names.index("Intensity_max")]["maximum"]
    assert brightest == SHOWN.max()


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


def test_the_site_at_a_place_of_the_map_is_found(owner: Person, experiment: str, path: str) -> None:
    assert owner.get(f"{path}/nearest_site?y=5&x=-100") == {"job_id": 0}
    assert '"y"' in owner.refused("GET", f"{path}/nearest_site?x=1&y=nan", 400)


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
    assert '"job_id"' in owner.refused("GET", f"{path}/jobs/results", 400)
    assert '"picture"' in owner.refused("GET", f"{path}/jobs/picture?job_id=0&submission_id=1", 400)
