"""An upload that cannot be used says why, whichever way it is asked."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from flask import Flask
from sqlalchemy import update

from tests.tmserver.api.test_resumable_uploads import (
    BYTES,
    CONTENT,
    IMAGE,
    VERSION,
    call,
    create,
    metadata,
    patch,
)
from tests.tmserver.conftest import Answer, Person
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage
from tmlib.uploads import resuming
from tmlib.uploads.models import ResumableUpload
from tmlib.uploads.places import locked
from tmlib.uploads.receiving import lock_path

Ask = Callable[[Person, str], Answer]


def override(method: str) -> Ask:
    def ask(person: Person, upload: str) -> Answer:
        headers = {"X-HTTP-Method-Override": method, "Upload-Offset": "0"}
        options = {"data": CONTENT, "content_type": BYTES} if method == "PATCH" else {}
        return call(person, "POST", upload, headers=headers, **options)

    return ask


WAYS: dict[str, Ask] = {
    "HEAD": lambda person, upload: call(person, "HEAD", upload),
    "PATCH": lambda person, upload: patch(person, upload, 0, CONTENT),
    "DELETE": lambda person, upload: call(person, "DELETE", upload),
    **{f"POST as {method}": override(method) for method in ("HEAD", "PATCH", "DELETE")},
}


@pytest.fixture(params=WAYS)
def ask(request: pytest.FixtureRequest) -> Ask:
    """Every way to use an upload."""
    return WAYS[request.param]


@pytest.fixture
def folder(settings: Settings, experiment_id: int) -> ExperimentStorage:
    """Where the files of the acquisition are kept."""
    return ExperimentStorage(settings.data_dir, experiment_id)


def test_its_file_has_arrived_in_another_way(owner: Person, acquisition: str, ask: Ask) -> None:
    upload = create(owner, acquisition)
    file = {"file": (BytesIO(CONTENT), IMAGE)}
    sent = owner.request("POST", f"{acquisition}/microscope-file", data=file)
    assert sent.status_code == 200
    assert ask(owner, upload).status_code == 409


def test_it_was_not_resumed_in_time(
    owner: Person, acquisition: str, database: Database, ask: Ask
) -> None:
    upload = create(owner, acquisition)
    with database.transaction() as session:
        session.execute(update(ResumableUpload).values(expires_at=now() - timedelta(hours=1)))
    assert ask(owner, upload).status_code == 410
    assert ask(owner, upload).status_code == 404


def test_somebody_else_sends_its_file(
    owner: Person,
    acquisition: str,
    folder: ExperimentStorage,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(resuming, "_PATIENCE_SECONDS", 0.1)
    upload = create(owner, acquisition)
    path = folder.microscope_images(1, 1)
    path.mkdir(parents=True, exist_ok=True)
    with locked(lock_path(path, 1)):
        assert ask(owner, upload).status_code == 423


def test_it_is_of_another_version_of_the_protocol(
    owner: Person, acquisition: str, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = create(owner, acquisition)
    monkeypatch.setitem(VERSION, "Tus-Resumable", "0.9")
    assert ask(owner, upload).status_code == 412


def test_its_server_ended_after_the_last_byte_and_they_are_wrong(
    owner: Person, acquisition: str, database: Database, folder: ExperimentStorage, ask: Ask
) -> None:
    upload = create(owner, acquisition, sha256="0" * 64)
    assert patch(owner, upload, 0, CONTENT[:-1]).status_code == 204
    [pieces] = folder.microscope_images(1, 1).glob("*.pieces")
    pieces.write_bytes(CONTENT)
    with database.transaction() as session:
        session.execute(update(ResumableUpload).values(offset=len(CONTENT)))
    assert ask(owner, upload).status_code == 460


@pytest.mark.parametrize("way", ["PATCH", "POST as PATCH"])
def test_its_bytes_are_too_many_or_wrong(owner: Person, acquisition: str, way: str) -> None:
    short = create(owner, acquisition, length=9)
    assert WAYS[way](owner, short).status_code == 413
    wrong = create(owner, acquisition, sha256="0" * 64)
    assert WAYS[way](owner, wrong).status_code == 460


@pytest.mark.parametrize("method", ["PATCH", "POST"])
def test_its_bytes_come_as_something_else(owner: Person, acquisition: str, method: str) -> None:
    upload = create(owner, acquisition)
    headers = {"X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    answer = call(owner, method, upload, headers=headers, data=CONTENT, content_type="text/plain")
    assert answer.status_code == 415


def begin(person: Person, acquisition: str, length: int = len(CONTENT), **more: str) -> int:
    """The status of an answer to a request that begins an upload with its bytes."""
    text = metadata(filename=IMAGE, **more)
    headers = {"Upload-Length": f"{length}", "Upload-Metadata": text}
    path = f"{acquisition}/tus"
    return call(person, "POST", path, headers=headers, data=CONTENT, content_type=BYTES).status_code


def test_what_can_go_wrong_at_the_beginning(
    app: Flask, owner: Person, acquisition: str, folder: ExperimentStorage
) -> None:
    services = app.extensions["tmserver"]
    settings = services.settings
    path = folder.microscope_images(1, 1)
    path.mkdir(parents=True)
    assert begin(owner, acquisition, sha256="0" * 64) == 460
    with locked(lock_path(path, 1)):
        assert begin(owner, acquisition) == 423
    services.settings = settings.model_copy(update={"upload_hours": -1})
    assert begin(owner, acquisition) == 410
    services.settings = settings.model_copy(update={"max_upload_bytes": 2**62})
    assert begin(owner, acquisition, length=2**60) == 507
    assert begin(owner, acquisition) == 201
    assert begin(owner, acquisition) == 409
    headers = {"Tus-Resumable": "0.9", "Upload-Length": "1", "Upload-Metadata": "filename YQ=="}
    assert owner.request("POST", f"{acquisition}/tus", headers=headers).status_code == 412
