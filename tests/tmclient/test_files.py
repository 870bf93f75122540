import base64
import email
import email.policy
import hashlib
from pathlib import Path

import numpy as np
import pytest
import tifffile

from tests.tmclient.scripted_server import Answer, Request, ScriptedServer
from tmclient import ResourceError, TmClient, UploadError

PATH = "/api/experiments/MQ==/acquisitions/Mg==/microscope-file"
BUSY = Answer({"error": {"message": "Disk full.", "status_code": 503, "type": "X"}}, 503)
REFUSED = Answer({"error": {"message": "Too large.", "status_code": 413, "type": "X"}}, 413)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.tif").write_bytes(bytes(range(256)) * 9000)  # larger than one piece
    (tmp_path / "b ü.tif").write_bytes(b"")
    (tmp_path / ".hidden").write_bytes(b"x")
    (tmp_path / "sub").mkdir()
    return tmp_path


def before_the_files(waiting: list[str], known: list[str]) -> list[Answer]:
    """The answers to looking up experiment and acquisition, registering, and listing."""
    return [
        Answer({"data": [{"id": "MQ==", "name": "e"}]}),
        Answer({"data": [{"id": "Mg==", "name": "a"}]}),
        Answer({"data": waiting}),
        Answer({"data": [{"id": "MQ==", "name": "a"}]}),
        Answer({"data": [{"name": name} for name in known]}),
        Answer({"data": []}),
    ]


def sent_file(request: Request) -> tuple[str | None, bytes]:
    """Name and content of the file in a form."""
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    message = email.message_from_bytes(head + request.body, policy=email.policy.HTTP)
    (part,) = message.iter_parts()
    assert part.get_param("name", header="content-disposition") == "file"
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return part.get_filename(), content


def test_files_arrive_byte_by_byte(server: ScriptedServer, client: TmClient, folder: Path) -> None:
    names = ["a.tif", "b ü.tif"]
    server.script(*before_the_files(names, names), Answer({"message": "ok"}))
    seen: list[tuple[int, int]] = []
    upload = client.upload_microscope_files(
        "p", "a", folder, progress=lambda n_done, n_total: seen.append((n_done, n_total))
    )
    sent = [sent_file(r) for r in server.requests if r.path == PATH]
    assert sent == [(name, (folder / name).read_bytes()) for name in names]
    assert (upload.sent, upload.present, upload.skipped) == (names, [], [])
    size = (folder / "a.tif").stat().st_size
    assert seen == [(size, size), (size, size)]


def test_sub_folders_are_part_of_the_name(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    for inner in ("day 1", "day 2/a", ".hidden folder", "x.zarr"):
        (folder / inner).mkdir(parents=True, exist_ok=True)
        (folder / inner / "a.tif").write_text(inner)
    names = ["a.tif", "b ü.tif", "day 1/a.tif", "day 2/a/a.tif"]
    server.script(*before_the_files(names, names), Answer({"message": "ok"}))
    upload = client.upload_microscope_files("p", "a", folder)
    assert upload.sent == names
    sent = dict(sent_file(r) for r in server.requests if r.path == PATH)
    assert list(sent) == names
    assert sent["day 2/a/a.tif"] == b"day 2/a"


def test_ome_zarr_folders_are_to_be_zipped(client: TmClient, tmp_path: Path) -> None:
    (tmp_path / "plate.ome.zarr").mkdir()
    (tmp_path / "plate.ome.zarr" / "zarr.json").write_text("{}")
    for path in (tmp_path, tmp_path / "plate.ome.zarr"):
        with pytest.raises(ResourceError, match=r"zip -0 -r plate\.ome\.zarr\.zip"):
            client.upload_microscope_files("p", "a", path)


def test_what_the_server_has_or_does_not_know_is_not_sent(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    (folder / "notes.txt").write_text("x")
    server.script(
        *before_the_files(["a.tif", "of another folder.tif"], ["a.tif", "b ü.tif"]),
        Answer({"message": "Acquisition complete"}),
    )
    upload = client.upload_microscope_files("p", "a", folder)
    assert len([r for r in server.requests if r.path == PATH]) == 1
    assert (upload.sent, upload.present, upload.skipped) == (["a.tif"], ["b ü.tif"], ["notes.txt"])


def test_a_file_is_sent_again_until_it_has_arrived(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(
        *before_the_files(["a.tif"], ["a.tif"]),
        Answer(status=None),
        BUSY,
        Answer({"message": "File upload already in progress"}),
        Answer({"message": "ok"}),
    )
    client.upload_microscope_files("p", "a", folder)
    sent = [sent_file(r) for r in server.requests if r.path == PATH]
    assert sent == [("a.tif", (folder / "a.tif").read_bytes())] * 4


def test_a_file_that_is_refused_does_not_keep_others_back(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    names = ["a.tif", "b ü.tif"]
    server.script(*before_the_files(names, names), REFUSED, Answer({"message": "ok"}))
    with pytest.raises(UploadError, match=r"1 of 2 files .* a\.tif .* Too large\.") as caught:
        client.upload_microscope_files("p", "a", folder)
    assert caught.value.failed == {"a.tif": "Too large."}
    assert [sent_file(r)[0] for r in server.requests if r.path == PATH] == names


def test_files_of_another_kind_are_named(
    server: ScriptedServer, client: TmClient, folder: Path
) -> None:
    server.script(*before_the_files([], []))
    with pytest.raises(ResourceError, match=r"None of the 2 files .*a\.tif"):
        client.upload_microscope_files("p", "a", folder)


@pytest.mark.parametrize("message", ["ok", "Acquisition complete", "File already uploaded"])
def test_what_the_server_has_is_deleted_if_that_is_wanted(
    server: ScriptedServer, client: TmClient, folder: Path, message: str
) -> None:
    server.script(*before_the_files(["a.tif"], ["a.tif"]), Answer({"message": message}))
    upload = client.microscope_files.upload("p", "a", folder, delete_after_upload=True)
    assert upload.sent == ["a.tif"]
    assert not (folder / "a.tif").exists()
    assert (folder / "b ü.tif").exists()


@pytest.mark.parametrize("message", ["non-registered file: skipped", "Something else"])
def test_what_the_server_does_not_say_to_have_stays(
    server: ScriptedServer, client: TmClient, folder: Path, message: str
) -> None:
    server.script(*before_the_files(["a.tif"], ["a.tif"]), Answer({"message": message}))
    with pytest.raises(UploadError, match=message):
        client.microscope_files.upload("p", "a", folder, delete_after_upload=True)
    assert (folder / "a.tif").exists()
    assert len([r for r in server.requests if r.path == PATH]) == 1


def test_converted_files_count_with_the_size_that_they_are_sent_with(
    server: ScriptedServer, client: TmClient, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((256, 256), np.uint16))
    (tmp_path / "b.png").write_bytes(bytes(1000))
    names = ["a.png", "b.png"]
    server.script(*before_the_files(names, names), Answer({"message": "ok"}))
    seen: list[tuple[int, int]] = []
    client.microscope_files.upload(
        "p", "a", tmp_path, progress=lambda *counted: seen.append(counted), convert=True
    )
    (_, png), (_, other) = (sent_file(r) for r in server.requests if r.path == PATH)
    assert len(png) < (tmp_path / "a.tif").stat().st_size
    n_total = len(png) + len(other)
    assert seen == [(len(png), n_total), (n_total, n_total)]


@pytest.mark.parametrize("name", ["empty", "absent"])
def test_an_empty_folder_is_named(client: TmClient, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ResourceError, match=name):
        client.upload_microscope_files("p", "a", tmp_path / name)


def test_an_upload_that_is_stopped_sends_no_more(
    server: ScriptedServer, client: TmClient, tmp_path: Path
) -> None:
    names = [f"{number:03d}.tif" for number in range(100)]
    for name in names:
        (tmp_path / name).write_bytes(b"x")
    server.script(*before_the_files(names, names), Answer({"message": "ok"}))

    def stop(n_done: int, n_total: int) -> None:
        raise RuntimeError("That is enough.")

    with pytest.raises(RuntimeError, match="enough"):
        client.upload_microscope_files("p", "a", tmp_path, progress=stop)
    assert len([r for r in server.requests if r.path == PATH]) < len(names)


def test_files_carry_their_digest(server: ScriptedServer, client: TmClient, folder: Path) -> None:
    server.script(*before_the_files(["a.tif"], ["a.tif"]), Answer({"message": "ok"}))
    client.upload_microscope_files("p", "a", folder / "a.tif")
    digest = base64.b64encode(hashlib.sha256((folder / "a.tif").read_bytes()).digest())
    (request,) = (r for r in server.requests if r.path == PATH)
    assert b"Content-Digest: sha-256=:" + digest + b":" in request.body


def test_other_bytes_are_sent_again(server: ScriptedServer, client: TmClient, folder: Path) -> None:
    mismatch = {"error": {"message": "Other bytes.", "status_code": 460, "type": "X"}}
    interrupted = {"error": {"message": "Ended.", "status_code": 400, "type": "UploadInterrupted"}}
    server.script(
        *before_the_files(["a.tif"], ["a.tif"]),
        *(Answer(mismatch, 460), Answer(interrupted, 400), Answer({"message": "ok"})),
    )
    client.upload_microscope_files("p", "a", folder)
    assert len([r for r in server.requests if r.path == PATH]) == 3
