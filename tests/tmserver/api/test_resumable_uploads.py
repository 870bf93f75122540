"""The tus protocol, as https://tus.io/protocols/resumable-upload tells it."""

import base64
import hashlib
from typing import Any

from flask import Flask

from tests.tmserver.conftest import Answer, Person
from tmlib.settings import Settings

IMAGE = "plate_A01_T0001F001L01A01Z01C01.tif"
CONTENT = b"0123456789"
BYTES = "application/offset+octet-stream"
VERSION = {"Tus-Resumable": "1.0.0"}
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def metadata(**values: str) -> str:
    return ",".join(
        f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in values.items()
    )


def call(person: Person, method: str, path: str, **options: Any) -> Answer:
    headers = VERSION | options.pop("headers", {})
    return person.request(method, path, headers=headers, **options)


def create(person: Person, acquisition: str, length: int = 10, **more: str) -> str:
    headers = {"Upload-Length": f"{length}", "Upload-Metadata": metadata(filename=IMAGE, **more)}
    response = call(person, "POST", f"{acquisition}/tus", headers=headers)
    assert response.status_code == 201, response.text
    assert response.headers["Tus-Resumable"] == "1.0.0"
    assert response.headers["Upload-Offset"] == "0"
    return response.headers["Location"]


def patch(person: Person, upload: str, offset: int, data: bytes, **headers: str) -> Answer:
    headers |= {"Upload-Offset": f"{offset}"}
    return call(person, "PATCH", upload, data=data, content_type=BYTES, headers=headers)


def status_of(person: Person, acquisition: str) -> str:
    [image] = person.get(f"{acquisition}/images")
    return str(image["status"])


def test_the_server_tells_what_it_can_do(
    owner: Person, acquisition: str, settings: Settings
) -> None:
    response = owner.request("OPTIONS", f"{acquisition}/tus")
    assert response.status_code == 204
    assert response.headers["Tus-Version"] == "1.0.0"
    extensions = {"creation", "creation-with-upload", "checksum", "expiration", "termination"}
    assert set(response.headers["Tus-Extension"].split(",")) == extensions
    assert int(response.headers["Tus-Max-Size"]) == settings.max_upload_bytes
    algorithms = response.headers["Tus-Checksum-Algorithm"].split(",")
    assert {"sha1", "sha256"} <= set(algorithms)


def test_a_file_arrives_in_pieces(owner: Person, acquisition: str, settings: Settings) -> None:
    upload = create(owner, acquisition, sha256=SHA256)
    assert status_of(owner, acquisition) == "UPLOADING"
    response = patch(owner, upload, 0, CONTENT[:4])
    assert (response.status_code, response.headers["Upload-Offset"]) == (204, "4")
    assert response.headers["Upload-Expires"].endswith("GMT")
    response = call(owner, "HEAD", upload)
    assert response.status_code == 200
    assert (response.headers["Upload-Offset"], response.headers["Upload-Length"]) == ("4", "10")
    assert response.headers["Upload-Metadata"] == metadata(filename=IMAGE, sha256=SHA256)
    assert response.headers["Cache-Control"] == "no-store"
    assert patch(owner, upload, 4, CONTENT[4:]).headers["Upload-Offset"] == "10"
    assert status_of(owner, acquisition) == "COMPLETE"
    [stored] = settings.data_dir.rglob(IMAGE)
    assert stored.read_bytes() == CONTENT
    assert call(owner, "HEAD", upload).headers["Upload-Offset"] == "10"
    message = owner.refused(
        "POST",
        f"{acquisition}/tus",
        409,
        headers=VERSION | {"Upload-Length": "1", "Upload-Metadata": metadata(filename=IMAGE)},
    )
    assert "arrived already" in message


def test_the_first_bytes_may_come_with_the_beginning(owner: Person, acquisition: str) -> None:
    headers = {"Upload-Length": "10", "Upload-Metadata": metadata(filename=IMAGE)}
    response = call(
        owner, "POST", f"{acquisition}/tus", data=CONTENT[:6], content_type=BYTES, headers=headers
    )
    assert (response.status_code, response.headers["Upload-Offset"]) == (201, "6")
    assert patch(owner, response.headers["Location"], 6, CONTENT[6:]).status_code == 204
    assert status_of(owner, acquisition) == "COMPLETE"


def test_a_checksum_is_compared(owner: Person, acquisition: str) -> None:
    upload = create(owner, acquisition)
    wrong = f"sha256 {base64.b64encode(hashlib.sha256(b'x').digest()).decode()}"
    response = patch(owner, upload, 0, CONTENT, **{"Upload-Checksum": wrong})
    assert response.status_code == 460
    assert response.json["error"]["type"] == "ChecksumMismatch"
    assert call(owner, "HEAD", upload).headers["Upload-Offset"] == "0"
    response = patch(owner, upload, 0, CONTENT, **{"Upload-Checksum": "crc32 aaaa"})
    assert response.status_code == 400
    right = f"sha1 {base64.b64encode(hashlib.sha1(CONTENT).digest()).decode()}"  # noqa: S324 - what clients send
    assert patch(owner, upload, 0, CONTENT, **{"Upload-Checksum": right}).status_code == 204


def test_an_upload_is_terminated(owner: Person, acquisition: str) -> None:
    upload = create(owner, acquisition)
    response = call(owner, "DELETE", upload)
    assert (response.status_code, response.headers["Tus-Resumable"]) == (204, "1.0.0")
    assert call(owner, "HEAD", upload).status_code == 404
    assert status_of(owner, acquisition) == "WAITING"


def test_an_upload_expires(app: Flask, owner: Person, acquisition: str, settings: Settings) -> None:
    services = app.extensions["tmserver"]
    services.settings = services.settings.model_copy(update={"upload_hours": -1})
    first, second = create(owner, acquisition), create(owner, acquisition)
    assert call(owner, "HEAD", first).status_code == 410
    assert call(owner, "HEAD", first).status_code == 404
    assert patch(owner, second, 0, CONTENT).status_code == 410
    assert patch(owner, second, 0, CONTENT).status_code == 404
    assert list(settings.data_dir.rglob(".*.pieces")) == []


def test_other_methods_are_called_by_post(owner: Person, acquisition: str) -> None:
    upload = create(owner, acquisition)

    def post(method: str, **options: Any) -> Answer:
        headers = {"X-HTTP-Method-Override": method} | options.pop("headers", {})
        return call(owner, "POST", upload, headers=headers, **options)

    piece = {"data": CONTENT[:3], "content_type": BYTES}
    assert post("PATCH", headers={"Upload-Offset": "0"}, **piece).status_code == 204
    assert "Upload-Offset" in post("PATCH", **piece).json["error"]["message"]
    assert post("HEAD").headers["Upload-Offset"] == "3"
    assert post("GET").status_code == 400
    assert post("DELETE").status_code == 204
    assert call(owner, "HEAD", upload).status_code == 404


def test_what_does_not_keep_to_the_protocol_is_refused(
    app: Flask, owner: Person, acquisition: str
) -> None:
    uploads, upload = f"{acquisition}/tus", create(owner, acquisition)

    def refused(method: str, path: str, status: int, **headers: str) -> str:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        content_type = names.pop("Content-Type", BYTES)
        return owner.refused(
            method, path, status, headers=names, data=CONTENT, content_type=content_type
        )

    right = {"Tus_Resumable": "1.0.0", "Upload_Offset": "0"}
    assert "1.0.0" in refused("PATCH", upload, 412, Upload_Offset="0")
    assert "0.9" in refused("PATCH", upload, 412, **(right | {"Tus_Resumable": "0.9"}))
    assert BYTES in refused("PATCH", upload, 415, **right, Content_Type="text/plain")
    assert "at byte 0, not 3" in refused("PATCH", upload, 409, **(right | {"Upload_Offset": "3"}))
    assert "Upload-Offset" in refused("PATCH", upload, 400, **(right | {"Upload_Offset": "x"}))
    assert "begin a new one" in refused("PATCH", upload[:-1] + "!", 404, **right)
    new = {"Tus_Resumable": "1.0.0", "Upload_Length": "10"}
    assert "Upload-Metadata" in refused("POST", uploads, 400, **new)
    for text in ("", "filename", "filename ?", "name " + metadata(x="y")[2:], "filename /w=="):
        assert "Upload-Metadata" in refused("POST", uploads, 400, **new, Upload_Metadata=text)
    for name in ("notes.txt", "../" + IMAGE, "\0" + IMAGE):
        refused("POST", uploads, 400, **new, Upload_Metadata=metadata(filename=name))
    text = metadata(filename=IMAGE, sha256="12")
    assert "sha256" in refused("POST", uploads, 400, **new, Upload_Metadata=text)
    new |= {"Upload_Metadata": metadata(filename=IMAGE)}
    assert BYTES in refused("POST", uploads, 415, **new, Content_Type="text/plain")
    assert "TM_MAX_UPLOAD_BYTES" in refused(
        "POST", uploads, 413, **(new | {"Upload_Length": f"{2**50}"})
    )
    assert "9 bytes" in refused("POST", uploads, 413, **(new | {"Upload_Length": "9"}))


def test_an_upload_belongs_to_its_acquisition(
    owner: Person, experiment: str, acquisition: str
) -> None:
    upload = create(owner, acquisition)
    other = owner.post(f"{experiment}/acquisitions", name="Run 2", plate_name="Plate 1")
    token = upload.rpartition("/")[2]
    path = f"{experiment}/acquisitions/{other['id']}/tus/{token}"
    assert call(owner, "HEAD", path).status_code == 404
    owner.delete(acquisition)
    assert call(owner, "HEAD", upload).status_code == 404
