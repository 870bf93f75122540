import base64
import hashlib
import os
from pathlib import Path

import pytest

from tests.tmclient.scripted_server import Answer, Request, ScriptedServer
from tmclient import RequestError, ServerUnreachable, TmClient
from tmclient.resumable import ResumableUpload, UploadUrls

URL = "/api/experiments/MQ==/acquisitions/Mg==/tus"
PIECE = 8 * 1024 * 1024
CREATED = Answer(status=201, headers={"Location": f"http://inside:5000{URL}/abc"})


def at(offset: int, status: int = 204) -> Answer:
    return Answer(b"", status, {"Upload-Offset": str(offset)})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "ü.tif"
    file.write_bytes(os.urandom(PIECE + 1000))
    return file


@pytest.fixture
def urls(tmp_path: Path) -> UploadUrls:
    return UploadUrls("a server", tmp_path / "cache")


def pieces(requests: list[Request]) -> list[tuple[int, bytes]]:
    return [
        (int(request.headers["Upload-Offset"]), request.body)
        for request in requests
        if request.method == "PATCH"
    ]


def test_a_file_goes_in_pieces(
    server: ScriptedServer, client: TmClient, file: Path, urls: UploadUrls
) -> None:
    server.script(CREATED, at(PIECE), at(PIECE + 1000))
    seen: list[int] = []
    ResumableUpload(client.connection, URL, file, urls).send(seen.append)
    content = file.read_bytes()
    assert pieces(server.requests) == [(0, content[:PIECE]), (PIECE, content[PIECE:])]
    assert sum(seen) == len(content)
    created = server.requests[0]
    metadata = dict(part.split(" ") for part in created.headers["Upload-Metadata"].split(","))
    assert base64.b64decode(metadata["filename"]).decode() == file.name
    digest = hashlib.sha256(content).hexdigest()
    assert base64.b64decode(metadata["sha256"]).decode() == digest
    assert created.headers["Upload-Length"] == str(len(content))
    assert {request.headers["Tus-Resumable"] for request in server.requests} == {"1.0.0"}
    # not where a server behind a proxy believes to be
    assert server.requests[1].path == f"{URL}/abc"


def test_another_program_goes_on_where_one_was_ended(
    server: ScriptedServer, client: TmClient, file: Path, urls: UploadUrls
) -> None:
    server.script(CREATED, at(PIECE), Answer(status=None))
    with pytest.raises(ServerUnreachable):
        ResumableUpload(client.connection, URL, file, urls).send(lambda n: None)
    server.requests.clear()
    server.script(at(PIECE + 10, 200), at(PIECE + 1000))
    seen: list[int] = []
    ResumableUpload(client.connection, URL, file, urls).send(seen.append)
    assert [request.method for request in server.requests] == ["HEAD", "PATCH"]
    assert pieces(server.requests) == [(PIECE + 10, file.read_bytes()[PIECE + 10 :])]
    assert sum(seen) == PIECE + 1000
    assert urls.get(file) is None


@pytest.mark.parametrize("status", [404, 410])
def test_an_upload_that_is_gone_begins_anew(
    server: ScriptedServer, client: TmClient, file: Path, urls: UploadUrls, status: int
) -> None:
    urls.set(file, "old")
    server.script(Answer(b"", status), CREATED, at(PIECE), at(PIECE + 1000))
    ResumableUpload(client.connection, URL, file, urls).send(lambda n: None)
    assert pieces(server.requests)[0][0] == 0


def test_a_file_that_has_changed_begins_anew(urls: UploadUrls, file: Path) -> None:
    urls.set(file, "old")
    assert urls.get(file) == "old"
    file.write_bytes(b"something else")
    assert urls.get(file) is None


@pytest.mark.parametrize("status", [404, 409])
def test_a_lost_last_answer_is_no_failure(
    server: ScriptedServer, client: TmClient, file: Path, urls: UploadUrls, status: int
) -> None:
    urls.set(file, "old")
    there = {"error": {"message": "It has arrived.", "status_code": 409, "type": "Conflict"}}
    server.script(Answer(b"", status), Answer(there, 409))
    seen: list[int] = []
    ResumableUpload(client.connection, URL, file, urls).send(seen.append)
    assert sum(seen) == PIECE + 1000
    assert [request.method for request in server.requests] == ["HEAD", "POST"]


def test_where_nothing_can_be_remembered_files_go_all_the_same(
    server: ScriptedServer, client: TmClient, file: Path, tmp_path: Path
) -> None:
    (tmp_path / "no folder").write_text("")
    urls = UploadUrls("a server", tmp_path / "no folder" / "cache")
    upload = ResumableUpload(client.connection, URL, file, urls)
    busy = {"error": {"message": "Locked.", "status_code": 423, "type": "Locked"}}
    server.script(CREATED, at(PIECE), Answer(busy, 423))
    with pytest.raises(RequestError, match="Locked"):
        upload.send(lambda n: None)
    server.script(at(PIECE, 200), at(PIECE + 1000))
    upload.send(lambda n: None)
    assert [offset for offset, _ in pieces(server.requests)] == [0, PIECE, PIECE]
