"""Trained models over HTTP: from one experiment to another, and out of hand."""

from typing import Any

import numpy as np
import pytest
from flask import Flask
from safetensors.numpy import load, save

from tests.tmserver.api.test_tools import CLUSTERING, HEATMAP, cells, found, storage, work
from tests.tmserver.conftest import Person
from tmlib.db import Database
from tmlib.ids import decode_id, encode_id
from tmlib.objects.mapobject_types import ensure_mapobject_type
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.tools.learning import model_service

__all__ = ["cells", "found", "storage"]

BYTES = "application/octet-stream"


@pytest.fixture
def model(owner: Person, experiment: str, found: dict[str, Any]) -> dict[str, Any]:
    """The model of a clustering."""
    [model] = owner.get(f"{experiment}/tools/models", submission_id=found["submission_id"])
    return dict(model)


def send(person: Person, experiment: str, content: bytes, name: str = "imported") -> Any:
    return person.request(
        "POST",
        f"{experiment}/tools/models",
        query_string={"name": name},
        data=content,
        content_type=BYTES,
    )


def test_a_tool_leaves_its_model(
    owner: Person, experiment: str, found: dict[str, Any], model: dict[str, Any]
) -> None:
    assert model["name"] == found["name"]
    assert model["features"] == CLUSTERING["payload"]["selected_features"]  # type: ignore[index]
    assert (model["tool_name"], model["method"]) == ("Clustering", "kmeans")
    assert [one["label"] for one in model["classes"]] == ["0", "1"]
    assert model["n_training_objects"] == {"all clusters": 5}
    assert owner.get(f"{experiment}/tools/models/{model['id']}") == model
    assert owner.get("/api/tools/models") == [model]
    assert owner.get("/api/tools/models", name="another") == []
    assert owner.get(f"{experiment}/tools/models", offset=1) == []
    owner.refused("GET", f"{experiment}/tools/models/{encode_id(99)}", 404)


def test_models_go_out_and_come_back(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    found: dict[str, Any],
    model: dict[str, Any],
) -> None:
    path = f"{experiment}/tools/models"
    exported = owner.request("GET", f"{path}/{model['id']}/file")
    assert exported.mimetype == BYTES
    assert f"{model['name']}.safetensors" in exported.headers["Content-Disposition"]
    known = {"If-None-Match": exported.headers["ETag"]}
    assert owner.request("GET", f"{path}/{model['id']}/file", headers=known).status_code == 304
    assert set(load(exported.data)) == {"centres", "center", "scale", "training_objects"}
    assert send(owner, experiment, exported.data).status_code == 200
    _, imported = owner.get(path)
    same = set(model) - {"id", "name", "submission_id"}
    assert {key: imported[key] for key in same} == {key: model[key] for key in same}
    assert (imported["name"], imported["submission_id"]) == ("imported", None)
    payload = {"chosen_object_type": "Cells", "model_id": imported["id"]}
    owner.post(f"{experiment}/tools/request", tool_name="Prediction", payload=payload)
    work(app, database, settings)
    _, again = owner.get(f"{experiment}/tools/results")
    assert again["attributes"]["counts"] == found["attributes"]["counts"]


def test_what_cannot_be_imported_leaves_nothing(
    owner: Person,
    experiment: str,
    model: dict[str, Any],
    storage: ExperimentStorage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    exported = owner.request("GET", f"{experiment}/tools/models/{model['id']}/file").data
    for content, name, status, message in (
        (b"\x80\x04pickled", "imported", 400, "not a file of a model"),
        (save({"centres": np.zeros(3)}), "imported", 400, "no model of a version"),
        (exported, model["name"], 409, "choose another name"),
        (exported, "", 400, "name"),
    ):
        answer = send(owner, experiment, content, name)
        assert answer.status_code == status
        assert message in answer.json["error"]["message"]
    monkeypatch.setattr(model_service, "MAX_BYTES", 100)
    answer = send(owner, experiment, exported)
    assert answer.status_code == 413
    assert "A file of a model has at most" in answer.json["error"]["message"]
    assert owner.get(f"{experiment}/tools/models") == [model]
    assert len(list((storage.root / "tool_models").iterdir())) == 1


def test_models_are_renamed_and_deleted(
    owner: Person,
    experiment: str,
    found: dict[str, Any],
    model: dict[str, Any],
    storage: ExperimentStorage,
) -> None:
    path = f"{experiment}/tools/models/{model['id']}"
    exported = owner.request("GET", f"{path}/file").data
    send(owner, experiment, exported)
    owner.put(path, name="two kinds")
    assert owner.get(path)["name"] == "two kinds"
    assert "imported" in owner.refused("PUT", path, 409, json={"name": "imported"})
    owner.delete(path)
    owner.refused("DELETE", path, 404)
    assert [one["name"] for one in owner.get(f"{experiment}/tools/models")] == ["imported"]
    assert len(list((storage.root / "tool_models").iterdir())) == 1
    assert owner.get(f"{experiment}/tools/results") == [found]


def test_models_are_for_those_who_may_read_both_experiments(
    people: dict[str, Person], experiment: str, model: dict[str, Any]
) -> None:
    owner, writer, stranger = (people[name] for name in ("owner", "writer", "stranger"))
    owner.put(f"{experiment}/shares/writer", permission="write")
    assert writer.get("/api/tools/models") == [model]
    assert stranger.get("/api/tools/models") == []
    payload = {"chosen_object_type": "Cells", "model_id": model["id"]}
    body = {"tool_name": "Prediction", "payload": payload}
    writer.post(f"{experiment}/tools/request", **body)
    owner.delete(f"{experiment}/shares/writer")
    assert writer.get("/api/tools/models") == []


def test_models_are_for_administrators_but_not_for_their_scripts(
    administrator: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    model: dict[str, Any],
) -> None:
    body = {
        "tool_name": "Prediction",
        "payload": {"chosen_object_type": "Cells", "model_id": model["id"]},
    }
    assert administrator.get("/api/tools/models") == [model]
    administrator.post(f"{experiment}/tools/request", **body)
    work(app, database, settings)
    assert len(administrator.get(f"{experiment}/tools/results")) == 2

    own = administrator.post(
        "/api/experiments",
        name="Another",
        workflow_type="canonical",
        microscope_type="cellvoyager",
        plate_format="96",
        plate_acquisition_mode="basic",
    )["id"]
    with database.transaction() as session:
        ensure_mapobject_type(session, decode_id(own), "Cells", "Site")
    token = administrator.post("/auth/tokens", name="script", scope="write")["token"]
    script = Person(app, authorization=f"Bearer {token}")
    assert script.get("/api/tools/models") == []
    asked = f"/api/experiments/{own}/tools/request"
    assert "no such model" in script.refused("POST", asked, 400, json=body)
    assert "no such model" not in administrator.refused("POST", asked, 400, json=body)


def test_a_job_is_killed(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
) -> None:
    owner.post(f"{experiment}/tools/request", **HEATMAP)
    [job] = owner.get(f"{experiment}/tools/jobs")
    owner.post(f"{experiment}/tools/jobs/{job['id']}/kill")
    work(app, database, settings)
    [job] = owner.get(f"{experiment}/tools/jobs")
    assert (job["state"], job["failed"], job["error"]) == (
        "TERMINATED",
        True,
        "The job was killed.",
    )
    assert owner.get(f"{experiment}/tools/results") == []
    owner.refused("POST", f"{experiment}/tools/jobs/{encode_id(99)}/kill", 404)


def test_wells_are_downloaded(
    owner: Person,
    app: Flask,
    database: Database,
    settings: Settings,
    experiment: str,
    cells: dict[str, Any],
    found: dict[str, Any],
) -> None:
    payload = {
        "chosen_object_type": "Cells",
        "selected_features": ["size"],
        "statistics": ["median", "max"],
    }
    owner.post(f"{experiment}/tools/request", tool_name="Aggregation", payload=payload)
    work(app, database, settings)
    _, result = owner.get(f"{experiment}/tools/results")
    assert result["has_wells"]
    path = f"{experiment}/tools/results/{result['id']}/wells"
    header, row = owner.request("GET", path).text.splitlines()
    assert header == '"plate","well","tpoint","n_objects","median(size)","max(size)"'
    assert row == '"Plate 1","A01",0,6,12,23'
    for form in ("parquet", "arrow"):
        answer = owner.request("GET", path, query_string={"format": form})
        assert form in str(answer.mimetype)
    message = owner.refused("GET", f"{experiment}/tools/results/{found['id']}/wells", 404)
    assert "not about wells" in message
