import base64
import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.tmserver.conftest import Person
from tmlib.settings import Settings
from tmlib.storage import ExperimentStorage

IMAGE = "plate_A01_T0001F001L01A01Z01C01.tif"
METADATA = "MeasurementData.mlf"


def send(person: Person, acquisition: str, name: str, content: bytes) -> str:
    response = person.request(
        "POST", f"{acquisition}/microscope-file", data={"file": (io.BytesIO(content), name)}
    )
    assert response.status_code == 200, response.text
    assert response.json.keys() == {"message"}
    message: str = response.json["message"]
    return message


def test_files_are_announced_sent_and_counted(owner: Person, acquisition: str) -> None:
    register = f"{acquisition}/upload/register"
    assert set(owner.post(register, files=[IMAGE, METADATA, "notes.txt"])) == {IMAGE, METADATA}
    assert owner.get(f"{acquisition}/upload/count") == 0
    assert send(owner, acquisition, IMAGE, b"pixels" * 50_000) == "ok"
    assert send(owner, acquisition, IMAGE, b"again") == "File already uploaded"
    assert send(owner, acquisition, "notes.txt", b"x") == "non-registered file: skipped"
    assert owner.post(register, files=[IMAGE]) == [METADATA]
    assert owner.get(f"{acquisition}/upload/count") == 1
    assert owner.get(acquisition)["status"] == "WAITING"
    assert send(owner, acquisition, METADATA, b"<xml/>") == "Acquisition complete"
    assert owner.get(acquisition)["status"] == "COMPLETE"
    [image] = owner.get(f"{acquisition}/images")
    assert (image["name"], image["status"]) == (IMAGE, "COMPLETE")
    [metadata] = owner.get(f"{acquisition}/metadata")
    assert metadata["name"] == METADATA


def test_the_bytes_are_those_that_were_sent(
    owner: Person, acquisition: str, settings: Settings
) -> None:
    content = bytes(range(256)) * 1_900 + b"\r\n--not-the-boundary\r\n"
    owner.post(f"{acquisition}/upload/register", files=[IMAGE])
    assert send(owner, acquisition, IMAGE, content) == "Acquisition complete"
    [stored] = settings.data_dir.rglob(IMAGE)
    assert stored.read_bytes() == content


def test_validity_is_checked_for_names_in_both_forms(owner: Person, acquisition: str) -> None:
    check = f"{acquisition}/upload/validity-check"
    expected = {"is_valid": [True, False]}
    assert owner.post(check, files=[IMAGE, "wrong.txt"]) == expected
    assert owner.post(check, files=[{"name": IMAGE}, {"name": "wrong.txt"}]) == expected


def test_files_that_cannot_be_used_are_refused_with_examples(
    owner: Person, acquisition: str
) -> None:
    register = f"{acquisition}/upload/register"
    assert '"a.czi"' in owner.refused("POST", register, 400, json={"files": ["a.czi"]})
    assert "No files supplied" in owner.refused("POST", register, 400, json={"files": []})
    escaping = {"files": ["../../" + IMAGE, "x/" + IMAGE]}
    assert "file name" in owner.refused("POST", register, 400, json=escaping)


def test_why_no_image_can_be_taken_is_said(owner: Person, acquisition: str) -> None:
    register = f"{acquisition}/upload/register"
    names = {"files": ["MFGTMP_1_A01f00d0.C01", "MeasurementData.mlf"]}
    message = owner.refused("POST", register, 400, json=names)
    assert "(Cellomics's own format) are not read: export the images as TIFF" in message
    assert "KeyError" not in message


def test_names_may_have_folders(owner: Person, acquisition: str) -> None:
    names = [f"day {day}/{IMAGE}" for day in (1, 2)]
    assert owner.post(f"{acquisition}/upload/register", files=names) == names
    assert [file["name"] for file in owner.get(f"{acquisition}/images")] == names


@pytest.mark.parametrize(
    ("content", "content_type", "problem"),
    [
        (b"{}", "application/json", "multipart/form-data"),
        (b"x", "multipart/form-data", "multipart/form-data"),
        (b"--x--\r\n", "multipart/form-data; boundary=x", 'part "file"'),
        (
            b'--x\r\nContent-Disposition: form-data; name="other"; filename="a.tif"\r\n\r\n'
            b"abc\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            'part "file"',
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="../a"\r\n\r\n'
            b"abc\r\n--x--\r\n",
            "multipart/form-data; boundary=x",
            "file name",
        ),
    ],
)
def test_a_request_without_a_file_is_refused(
    owner: Person, acquisition: str, content: bytes, content_type: str, problem: str
) -> None:
    message = owner.refused(
        "POST",
        f"{acquisition}/microscope-file",
        400,
        data=content,
        content_type=content_type,
    )
    assert problem in message


def test_a_body_that_ends_early_stores_nothing(owner: Person, acquisition: str) -> None:
    owner.post(f"{acquisition}/upload/register", files=[IMAGE])
    content = (
        f'--x\r\nContent-Disposition: form-data; name="file"; filename="{IMAGE}"\r\n\r\nhalf'
    ).encode()
    message = owner.refused(
        "POST",
        f"{acquisition}/microscope-file",
        400,
        data=content,
        content_type="multipart/form-data; boundary=x",
    )
    assert "send it again" in message
    [image] = owner.get(f"{acquisition}/images")
    assert image["status"] == "FAILED"
    assert send(owner, acquisition, IMAGE, b"whole") == "Acquisition complete"


def test_a_file_that_is_too_large_is_refused(
    app: Flask, owner: Person, acquisition: str, settings: Settings
) -> None:
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"max_upload_bytes": 1000})
    owner.post(f"{acquisition}/upload/register", files=[IMAGE])
    for size in (1001, 400_000):
        file = {"file": (io.BytesIO(b"x" * size), IMAGE)}
        path = f"{acquisition}/microscope-file"
        assert "TM_MAX_UPLOAD_BYTES" in owner.refused("POST", path, 413, data=file)
    assert list(settings.data_dir.rglob(IMAGE)) == []
    assert send(owner, acquisition, IMAGE, b"x" * 1000) == "Acquisition complete"


def test_files_of_the_server_are_registered_where_they_are(
    app: Flask, owner: Person, acquisition: str, tmp_path: Path
) -> None:
    (tmp_path / IMAGE).write_bytes(b"pixels")
    path = f"{acquisition}/register"
    message = owner.refused("POST", path, 403, json={"path": str(tmp_path)})
    assert "TM_UPLOAD_ROOTS" in message
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"upload_roots": (tmp_path,)})
    response = owner.request("POST", path, json={"path": str(tmp_path)})
    assert (response.status_code, response.json) == (200, {"message": "ok"})
    assert owner.get(acquisition)["status"] == "COMPLETE"
    assert "not absolute" in owner.refused("POST", path, 400, json={"path": "images"})
    (tmp_path / os.fsdecode(b"\xe4" + IMAGE.encode())).write_bytes(b"pixels")
    message = owner.refused("POST", path, 400, json={"path": str(tmp_path)})
    assert "\\udce4plate_A01" in message
    assert "UTF-8" in message


def digest_of(content: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(content).digest()).decode()}:"


def body_with_digest(content: bytes, digest: str) -> bytes:
    disposition = f'Content-Disposition: form-data; name="file"; filename="{IMAGE}"'
    head = f"--x\r\n{disposition}\r\nContent-Digest: {digest}\r\n\r\n"
    return head.encode() + content + b"\r\n--x--\r\n"


def test_a_digest_of_the_file_or_of_the_whole_body_is_checked(
    owner: Person, acquisition: str
) -> None:
    owner.post(f"{acquisition}/upload/register", files=[IMAGE])
    path = f"{acquisition}/microscope-file"
    body = body_with_digest(b"pixels", digest_of(b"pixels"))
    options: dict[str, Any] = {"content_type": "multipart/form-data; boundary=x"}
    wrong = body_with_digest(b"pixies", digest_of(b"pixels"))
    assert IMAGE in owner.refused("POST", path, 460, data=wrong, **options)
    headers = {"Content-Digest": digest_of(b"another body")}
    message = owner.refused("POST", path, 460, data=body, headers=headers, **options)
    assert "body of the request" in message
    headers = {"Content-Digest": "crc32=:aaaa:"}
    message = owner.refused("POST", path, 400, data=body, headers=headers, **options)
    assert "sha-256" in message
    assert owner.get(f"{acquisition}/upload/count") == 0
    headers = {"Content-Digest": digest_of(body)}
    response = owner.request("POST", path, data=body, headers=headers, **options)
    assert response.json == {"message": "Acquisition complete"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported_and_the_file_can_be_sent_later(
    owner: Person, acquisition: str, settings: Settings
) -> None:
    owner.post(f"{acquisition}/upload/register", files=[IMAGE])
    folder = ExperimentStorage(settings.data_dir, 1).microscope_images(1, 1)
    folder.mkdir(parents=True)
    (folder / ".1.part").symlink_to("/dev/full")
    file = {"file": (io.BytesIO(b"x" * 400_000), IMAGE)}
    message = owner.refused("POST", f"{acquisition}/microscope-file", 507, data=file)
    assert "disk is full" in message
    assert send(owner, acquisition, IMAGE, b"whole") == "Acquisition complete"
