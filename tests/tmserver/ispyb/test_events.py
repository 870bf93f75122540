"""The timeline fills itself: acquisitions, their files, and what was run with them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from tests.tmserver.api.test_uploads import METADATA
from tests.tmserver.conftest import Person
from tests.tmserver.ispyb.conftest import NOW, Visitor, names
from tmlib.db import Database
from tmlib.experiments.models import Acquisition
from tmlib.ids import decode_id
from tmlib.settings import Settings

As = Callable[[str], Visitor]


def test_an_acquisition_appears_with_what_came_of_it(visitor: As, acquired: int) -> None:
    [event] = visitor("reader").get("/events")["results"]
    item = event.pop("Item")
    [session, _] = visitor("reader").get("/sessions")["results"]
    assert session["_metadata"]["datacollections"] == 1
    assert {**event, "startTime": "", "endTime": ""} == {
        "id": acquired,
        "type": "dc",
        "startTime": "",
        "endTime": "",
        "duration": event["duration"],
        "count": 1,
        "session": "MX1-1",
        "sessionId": session["sessionId"],
        "proposal": "MX1",
        "blSample": None,
        "blSampleId": None,
        "attachments": 1,
    }
    assert event["startTime"] <= event["endTime"]
    assert (item["runStatus"], item["numberOfImages"]) == ("Data collection successful", 1)
    assert (item["imageDirectory"], item["fileTemplate"]) == ("Screen/Plate 1", "Run 1")
    group = item["DataCollectionGroup"]
    assert (group["experimentType"], group["Workflow"]) == ("canonical", None)
    assert visitor("writer").get("/events")["total"] == 0
    assert visitor("writer").get("/events/types")["total"] == 0


def test_acquisitions_of_a_plate_are_one_event(
    visitor: As, owner: Person, experiment: str, acquired: int
) -> None:
    made = owner.post(f"{experiment}/acquisitions", name="Run 2", plate_name="Plate 1")
    [event] = visitor("owner").get("/events")["results"]
    assert (event["count"], event["id"], event["endTime"]) == (2, decode_id(made["id"]), None)
    group = event["Item"]["DataCollectionGroup"]["dataCollectionGroupId"]
    single = visitor("owner").get("/events", dataCollectionGroupId=group)["results"]
    assert [(one["id"], one["count"]) for one in single] == [(event["id"], 1), (acquired, 1)]
    assert [one["Item"]["runStatus"] for one in single] == [None, "Data collection successful"]
    [only] = visitor("owner").get("/events", dataCollectionId=acquired)["results"]
    assert (only["id"], only["count"]) == (acquired, 1)


def test_a_workflow_is_an_event_of_its_own(visitor: As, acquired: int, run: int) -> None:
    [action, collection] = visitor("owner").get("/events")["results"]
    assert (action["id"], action["type"], action["duration"]) == (run, "robot", pytest.approx(2))
    assert action["Item"] == {"actionType": "workflow", "status": "FAILED", "message": '"Screen"'}
    assert collection["Item"]["DataCollectionGroup"]["Workflow"] == {
        "workflowId": run,
        "comments": None,
        "status": "FAILED",
        "workflowTitle": "Screen",
        "workflowType": "canonical",
    }
    types = visitor("owner").get("/events/types")
    assert types["results"] == [
        {"eventTypeName": "canonical", "eventType": "canonical"},
        {"eventTypeName": "Sample Actions", "eventType": "robot"},
    ]
    [step] = visitor("owner").get("/datacollections/workflows/steps", workflowId=run)["results"]
    assert (step["workflowStepType"], step["status"]) == ("metaextract", "FAILED")
    assert visitor("writer").get("/datacollections/workflows/steps")["total"] == 0


def test_events_are_found_by_what_is_known_of_them(
    visitor: As, database: Database, acquired: int, run: int
) -> None:
    def found(**query: Any) -> list[str]:
        return names(visitor("owner").get("/events", **query), "type")

    both = ["robot", "dc"]
    [now_, past] = names(visitor("owner").get("/sessions"), "sessionId")
    assert found(session="MX1-1") == found(sessionId=now_) == found(proposal="MX1") == both
    assert found(beamLineName="Spinning disk") == both
    for nothing in (
        {"session": "MX1-2"},
        {"session": "MX9-9"},
        {"sessionId": past},
        {"sessionId": 2**31 - 1},
        {"proposal": "MX2"},
        {"beamLineName": "Confocal"},
        {"eventType": "xrf"},
        {"status": "processed"},
        {"blSampleId": 999},
        {"proteinId": 999},
    ):
        assert found(**nothing) == []
    [specimen] = names(visitor("owner").get("/proteins"), "proteinId")
    assert found(proteinId=specimen) == both
    assert found(eventType="robot") == found(status="failed") == ["robot"]
    assert found(eventType="canonical") == found(status="success") == ["dc"]
    assert found(status="processerror") == ["dc"]
    assert found(skip=1) == ["dc"]
    beyond = visitor("owner").get("/events", skip=2)
    assert (beyond["total"], beyond["results"]) == (2, [])
    with database.transaction() as session:
        moved = NOW.replace(year=2021, month=4, day=1, hour=1)
        session.execute(update(Acquisition).values(created_at=moved))
    assert found(sessionId=past) == ["robot", "dc"]
    assert visitor("owner").get(f"/sessions/{past}")["_metadata"]["datacollections"] == 1
    visitor("owner").get("/events", 422, status="fine", sessionId=2**31)
    visitor("owner").get("/events/types", 422, session="MX1-99999999999")


def test_runs_tell_how_they_stand(visitor: As, acquired: int, run: int) -> None:
    owner, stranger = visitor("owner"), visitor("stranger")
    [program] = owner.get("/processings", dataCollectionId=acquired)["results"]
    assert (program["autoProcProgramId"], program["processingPrograms"]) == (run, "workflow")
    assert (program["processingStatus"], program["processingMessage"]) == (0, "FAILED")
    assert program["ProcessingJob"]["displayName"] == "Screen"
    ids = f"[{acquired}, 999]"
    assert owner.get("/processings/status", dataCollectionIds=ids)["statuses"] == {
        str(acquired): {
            "screening": None,
            "xrc": None,
            "processing": {"workflow": [{"status": 0, "autoProcProgramId": run}]},
            "autoIntegration": None,
            "em": None,
        }
    }
    [message] = owner.get("/processings/messages", dataCollectionId=acquired)["results"]
    assert (message["message"], message["severity"]) == ("The file is damaged.", "ERROR")
    number = message["autoProcProgramMessageId"]
    query = {"autoProcProgramMessageId": number}
    assert owner.get("/processings/messages", **query)["results"] == [message]
    counts = owner.get("/processings/messages/status", dataCollectionIds=ids)["statuses"]
    assert counts == {str(acquired): {"errors": 1, "warnings": 0, "info": 0}}
    assert stranger.get("/processings")["total"] == stranger.get("/processings/messages")["total"]
    for path in ("/processings/status", "/processings/messages/status"):
        assert stranger.get(path, dataCollectionIds=ids) == {"statuses": {}}
        for wrong in ("[]", "3", "[true]", "[-1]", '["1"]', f"[{2**31}]"):
            refused = owner.get(path, 422, dataCollectionIds=wrong)
            assert refused == {"detail": "Couldn't parse dataCollectionIds"}
        assert owner.get(path, 422, dataCollectionIds="[")["detail"] == [
            {
                "loc": ["query", "dataCollectionIds"],
                "msg": "Invalid JSON",
                "type": "value_error.json",
            }
        ]


def test_files_that_tell_of_images_are_downloaded(
    visitor: As, acquired: int, settings: Settings, tmp_path: Path
) -> None:
    query = {"dataCollectionId": acquired}
    [one] = visitor("reader").get("/datacollections/attachments", **query)["results"]
    assert (one["_metadata"]["fileName"], one["fileType"]) == (METADATA, "metadata")
    path = f"/datacollections/attachments/{one['dataCollectionFileAttachmentId']}"
    assert one["_metadata"]["url"] == f"/ispyb/api/v1{path}"
    answer = visitor("reader").get(path)
    assert answer.data == b"<xml/>"
    assert answer.headers["Content-Disposition"] == f"attachment; filename={METADATA}"
    asked = {"If-None-Match": answer.headers["ETag"]}
    again = visitor("reader").person.request("GET", one["_metadata"]["url"], headers=asked)
    assert again.status_code == 304
    assert visitor("writer").get(path, 404) == {"detail": "Data collection attachment not found"}
    assert visitor("writer").get("/datacollections/attachments")["total"] == 0
    # that of a folder that was registered may have become a link since
    [stored] = settings.data_dir.rglob(METADATA)
    (tmp_path / "secret").write_text("secret")
    stored.unlink()
    stored.symlink_to(tmp_path / "secret")
    assert visitor("reader").get(path, 404) == {"detail": "Data collection attachment not found"}
