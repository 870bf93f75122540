"""Small files are sent many at a time, and nothing else is different for that."""

import email
import email.policy
import hashlib
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.tmclient.scripted_server import Answer, Request, ScriptedServer
from tests.tmclient.test_files import BUSY, before_the_files, sent_file
from tmclient import TmClient, UploadError

ALONE = "/api/experiments/MQ==/acquisitions/Mg==/microscope-file"
TOGETHER = f"{ALONE}s"
NAMES = [f"{number:02d} ü.tif" for number in range(10)]
LARGE = "large.tif"
OK = Answer({"message": "ok"})
NO_SUCH_ROUTE = Answer({"error": {"message": "?", "status_code": 404, "type": "NotFound"}}, 404)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / name).write_text(name)
    return tmp_path


def outcomes(names: list[str] = NAMES, status: str = "COMPLETE", **others: str) -> Answer:
    """An answer that tells of files; some may stand otherwise."""
    told = [
        {"name": name, "status": others.get(name, status), "status_code": 200, "reason": None}
        for name in names
    ]
    return Answer({"data": told})


def sent_files(request: Request) -> dict[str | None, bytes]:
    """Contents of the files in a form by their names; their digests are right."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    files = {}
    for part in message.iter_parts():
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        digest = b64encode(hashlib.sha256(content).digest()).decode()
        assert part["Content-Digest"] == f"sha-256=:{digest}:"
        files[part.get_filename()] = content
    return files


def paths(server: ScriptedServer) -> list[str]:
    return [request.path for request in server.requests if request.path in (ALONE, TOGETHER)]


def test_small_files_are_sent_together_and_others_alone(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    (folder / LARGE).write_bytes(bytes(1024 * 1024))
    names = [*NAMES, LARGE]
    server.script(*before_the_files(names, names), outcomes(), OK)
    seen: list[tuple[int, int]] = []
    upload = client.microscope_files.upload(
        "p", "a", folder, progress=lambda n_done, n_total: seen.append((n_done, n_total))
    )
    assert upload.sent == names
    assert paths(server) == [TOGETHER, ALONE]
    together, alone = server.requests[-2:]
    assert sent_files(together) == {name: name.encode() for name in NAMES}
    assert sent_file(alone) == (LARGE, bytes(1024 * 1024))
    assert seen[-1][0] == seen[-1][1] == sum((folder / name).stat().st_size for name in names)


def test_requests_are_limited(server: ScriptedServer, client: TmClient, folder: Path) -> None:
    names = [f"{number:04d}.tif" for number in range(450)]
    for name in names:
        (folder / name).write_text(name)
    answers = [outcomes(names[start : start + 200]) for start in range(0, 450, 200)]
    server.script(*before_the_files(names, names), *answers)
    client.microscope_files.upload("p", "a", folder)
    requests = [request for request in server.requests if request.path == TOGETHER]
    assert [len(sent_files(request)) for request in requests] == [200, 200, 50]


def test_what_was_not_taken_is_sent_alone(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    one, two, three = NAMES[:3]
    states: dict[str, Any] = {one: "FAILED", two: "UPLOADING", three: "SKIPPED"}
    told = outcomes(**states)
    refused = Answer({"error": {"message": "No.", "status_code": 400, "type": "BadInput"}}, 400)
    skipped = Answer({"message": "non-registered file: skipped"})
    server.script(*before_the_files(NAMES, NAMES), told, refused, OK, skipped)
    with pytest.raises(UploadError) as caught:
        client.microscope_files.upload("p", "a", folder, delete_after_upload=True)
    assert caught.value.failed.keys() == {one, three}
    assert caught.value.failed[one] == "No."
    assert "non-registered file: skipped" in caught.value.failed[three]
    assert paths(server) == [TOGETHER, *[ALONE] * 3]
    assert [sent_file(request)[0] for request in server.requests[-3:]] == [one, two, three]
    assert {file.name for file in folder.iterdir()} == {one, three}


def test_an_older_server_gets_them_one_by_one(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    names = [*NAMES, *(f"{number:04d}.tif" for number in range(200))]
    for name in names[len(NAMES) :]:
        (folder / name).write_text(name)
    server.script(*before_the_files(names, names), NO_SUCH_ROUTE, OK)
    assert client.microscope_files.upload("p", "a", folder).sent == sorted(names)
    assert paths(server) == [TOGETHER, *[ALONE] * len(names)]


def test_they_are_sent_again_until_they_have_arrived(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(*before_the_files(NAMES, NAMES), Answer(status=None), BUSY, outcomes())
    client.microscope_files.upload("p", "a", folder, delete_after_upload=True)
    assert paths(server) == [TOGETHER] * 3
    assert not list(folder.iterdir())


def test_all_are_named_when_the_server_is_gone(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(*before_the_files(NAMES, NAMES), BUSY)
    with pytest.raises(UploadError) as caught:
        client.microscope_files.upload("p", "a", folder, retry=1, delete_after_upload=True)
    assert caught.value.failed == dict.fromkeys(NAMES, "Disk full.")
    assert len(list(folder.iterdir())) == len(NAMES)


def test_a_few_files_are_sent_one_by_one(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(*before_the_files(NAMES[:3], NAMES), OK)
    client.microscope_files.upload("p", "a", folder)
    assert paths(server) == [ALONE] * 3


def test_nothing_is_sent_after_it_was_stopped(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(*before_the_files(NAMES, NAMES), outcomes(status="FAILED"), OK)

    def stop(_: int, __: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.microscope_files.upload("p", "a", folder, progress=stop)
    assert paths(server) == [TOGETHER, ALONE]
