"""Many files in one request, as a form and as an archive."""

import base64
import hashlib
import io
import tarfile
from typing import Any

import pytest
from flask import Flask

from tests.tmlib.uploads.archive_files import member, tar, tar_of
from tests.tmserver.conftest import Person
from tmlib.settings import Settings
from tmlib.uploads import bulk

NAMES = [f"plate_A01_T0001F{number:03d}L01A01Z01C01.tif" for number in range(1, 91)]
ONE, TWO, THREE = NAMES[:3]
TAR = "application/x-tar"
BOUNDARY = "x"
FORM = f"multipart/form-data; boundary={BOUNDARY}"

Outcomes = list[dict[str, Any]]


@pytest.fixture
def files(acquisition: str, owner: Person) -> str:
    """Where many files are sent to; they are announced."""
    owner.post(f"{acquisition}/upload/register", files=NAMES)
    return f"{acquisition}/microscope-files"


def form(*parts: tuple[str, bytes, str]) -> bytes:
    """A body with files, each with further headers."""
    return (
        b"".join(
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            f"{headers}\r\n".encode()
            + content
            + b"\r\n"
            for name, content, headers in parts
        )
        + f"--{BOUNDARY}--\r\n".encode()
    )


def digest(content: bytes) -> str:
    value = base64.b64encode(hashlib.sha256(content).digest()).decode()
    return f"Content-Digest: sha-256=:{value}:\r\n"


def send(person: Person, path: str, body: bytes, content_type: str) -> Outcomes:
    response = person.request("POST", path, data=body, content_type=content_type)
    assert response.status_code == 200, response.text
    outcomes: Outcomes = response.json["data"]
    return outcomes


def complete(name: str) -> dict[str, Any]:
    return {"name": name, "status": "COMPLETE", "status_code": 200, "reason": None}


def stored(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in settings.data_dir.rglob("*.tif")}


@pytest.mark.parametrize("media_type", [FORM, TAR])
def test_many_files_in_a_request(
    owner: Person, files: str, acquisition: str, settings: Settings, media_type: str
) -> None:
    contents = {name: name.encode() * 100 + b"\r\n--" for name in NAMES}
    if media_type == TAR:
        body = tar(contents)
    else:
        body = form(*((name, content, digest(content)) for name, content in contents.items()))
    assert send(owner, files, body, media_type) == [complete(name) for name in NAMES]
    assert stored(settings) == contents
    assert owner.get(f"{acquisition}/upload/count") == len(NAMES)
    assert owner.get(acquisition)["status"] == "COMPLETE"
    again = send(owner, files, body, media_type)
    assert {(one["status"], one["reason"]) for one in again} == {
        ("COMPLETE", "File already uploaded")
    }


def test_each_part_is_answered_for_itself(owner: Person, files: str, settings: Settings) -> None:
    body = form(
        (ONE, b"1", digest(b"1")),
        (TWO, b"2", digest(b"other")),
        (THREE, b"3", "Content-Digest: md5=:AA==:\r\n"),
        ("../escaped.tif", b"4", ""),
        ("notes.txt", b"5", ""),
        (NAMES[3], b"6", ""),
    )
    outcomes = send(owner, files, body, FORM)
    assert [(one["status"], one["status_code"]) for one in outcomes] == [
        ("COMPLETE", 200),
        ("FAILED", 460),
        ("FAILED", 400),
        ("FAILED", 400),
        ("SKIPPED", 200),
        ("COMPLETE", 200),
    ]
    assert f'File "{TWO}" arrived with other bytes' in outcomes[1]["reason"]
    assert "not a usable file name" in outcomes[3]["reason"]
    assert stored(settings) == {ONE: b"1", NAMES[3]: b"6"}


def test_a_hostile_archive_gives_its_good_files_only(
    owner: Person, files: str, settings: Settings
) -> None:
    link = member(TWO, type=tarfile.SYMTYPE, linkname="/etc/passwd")
    entries = [
        (member(f"./{ONE}", 1), b"1"),
        (link, b""),
        (member(f"/etc/{THREE}", 1), b"3"),
        (member(f"../../{THREE}", 1), b"3"),
        (member(ONE, 1), b"2"),
        (member(NAMES[3], 1), b"4"),
    ]
    outcomes = send(owner, files, tar_of(entries), TAR)
    assert [one["status"] for one in outcomes] == ["COMPLETE", *["FAILED"] * 4, "COMPLETE"]
    assert "symbolic link" in outcomes[1]["reason"]
    assert stored(settings) == {ONE: b"1", NAMES[3]: b"4"}


@pytest.mark.parametrize("media_type", [FORM, TAR])
def test_names_that_cannot_be_taken_are_told_in_brief(
    owner: Person, files: str, media_type: str
) -> None:
    names = ["x" * 10_000, ONE]
    if media_type == TAR:
        body = tar(dict.fromkeys(names, b"1")).replace(b"x" * 500, b"\xff" * 500)
    else:
        body = form(*((name, b"1", "") for name in names))
    refused, taken = send(owner, files, body, media_type)
    assert (refused["status"], refused["status_code"]) == ("FAILED", 400)
    assert len(refused["name"]) == 255
    assert "not a usable file name" in refused["reason"]
    assert taken == complete(ONE)


def test_what_came_before_an_early_end_is_stored(
    owner: Person, files: str, acquisition: str
) -> None:
    body = tar({ONE: b"1" * 600, TWO: b"2" * 600})
    message = owner.refused("POST", files, 400, data=body[:2_500], content_type=TAR)
    assert "Files that came before this place were taken" in message
    cut_off = form((TWO, b"2", ""), (THREE, b"3", ""))[:-30]
    message = owner.refused("POST", files, 400, data=cut_off, content_type=FORM)
    assert "in the middle" in message
    assert "nothing was stored" not in message
    assert owner.get(f"{acquisition}/upload/count") == 2


def test_limits(app: Flask, owner: Person, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"max_upload_bytes": 3_000})
    body = form((ONE, bytes(4_000), ""), (TWO, b"2", ""))
    assert [one["status_code"] for one in send(owner, files, body, FORM)] == [413, 200]
    # the archive with its headers and its end is larger than its files
    assert "larger" in owner.refused(
        "POST", files, 413, data=tar({THREE: b"3" * 100}), content_type=TAR
    )
    monkeypatch.setattr(bulk, "MAX_FILES", 1)
    body = form((NAMES[3], b"3", ""), (NAMES[4], b"4", ""))
    message = owner.refused("POST", files, 413, data=body, content_type=FORM)
    assert f'"{NAMES[4]}" on in another one' in message


@pytest.mark.parametrize(
    ("body", "media_type", "status", "words"),
    [
        (form((ONE, b"1", "")), FORM.replace("=x", "*=utf-8''%E2%82%AC"), 400, "ASCII"),
        (form((ONE, b"1", "")).replace(b"_A01_", b"_\xe4_"), FORM, 400, "not UTF-8"),
        (form((ONE, b"1", "")).replace(b"Content-D", b"D"), FORM, 400, "malformed"),
        (b"x" * 400_000 + form(), FORM, 413, "before or after all parts"),
        (form((ONE, b"1", f"X: {'x' * 400_000}\r\n")), FORM, 413, "headers of a part"),
        (form() + b"x" * 400_000, FORM, 413, "before or after all parts"),
        (b"{}", "application/json", 415, "uncompressed tar archive"),
        (b"", FORM, 400, "no files"),
        (form(), FORM, 400, "no files"),
        (tar({}), TAR, 400, "no files"),
        (b"x", "multipart/form-data", 400, "multipart/form-data body"),
        (b"no archive", TAR, 400, "not a tar archive"),
        (b"PK\x03\x04" + bytes(30), "application/zip", 415, "uncompressed tar archive"),
    ],
)
def test_other_bodies_are_refused(
    owner: Person, files: str, body: bytes, media_type: str, status: int, words: str
) -> None:
    assert words in owner.refused("POST", files, status, data=body, content_type=media_type)


@pytest.mark.parametrize(
    ("body", "media_type", "instead"),
    [(form((ONE, b"1", "")), FORM, "with each part"), (tar({ONE: b"1"}), TAR, "TMSERVER.sha256")],
)
def test_a_digest_of_the_whole_body_is_refused(
    owner: Person, files: str, body: bytes, media_type: str, instead: str
) -> None:
    headers = {"Content-Digest": "sha-256=:" + base64.b64encode(bytes(32)).decode() + ":"}
    message = owner.refused("POST", files, 400, data=body, content_type=media_type, headers=headers)
    assert instead in message


def test_a_form_from_a_browser(owner: Person, files: str) -> None:
    data = {"note": "text", "images": [(io.BytesIO(b"1"), ONE), (io.BytesIO(b"2"), TWO)]}
    response = owner.request("POST", files, data=data)
    assert response.json["data"] == [complete(ONE), complete(TWO)]


def test_an_acquisition_that_does_not_exist(owner: Person, files: str) -> None:
    path = files.replace(files.split("/")[-2], "OTk5")
    owner.refused("POST", path, 404, data=form((ONE, b"1", "")), content_type=FORM)


def test_the_document_tells_of_both_forms(owner: Person) -> None:
    document = owner.request("GET", "/api/openapi.json").json
    [operation] = [
        methods["post"] for path, methods in document["paths"].items()
        if path.endswith("/microscope-files")
    ]  # fmt: skip
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data", TAR}
