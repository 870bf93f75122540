import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update

from tests.tmlib.uploads.conftest import Inbox
from tmlib.db.base import now
from tmlib.errors import Conflict, NotFound, TooLarge
from tmlib.uploads import receiving, resuming, service
from tmlib.uploads.digests import ChecksumMismatch, Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile, ResumableUpload
from tmlib.uploads.places import StorageFull
from tmlib.uploads.receiving import Received
from tmlib.uploads.resuming import (
    Gone,
    Locked,
    NotRegistered,
    ResumableUploads,
    remove_expired,
)

ONE = "plate_A01_T0001F001L01A01Z01C01.tif"
CONTENT = b"0123456789"
MANY = 40 * 1024**2


@pytest.fixture
def uploads(inbox: Inbox) -> ResumableUploads:
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [ONE])
    return uploads_to(inbox)


def uploads_to(inbox: Inbox) -> ResumableUploads:
    return ResumableUploads(inbox.database, inbox.storage, inbox.acquisition, timedelta(hours=1))


def begin(
    uploads: ResumableUploads, length: int = len(CONTENT), digest: Digest | None = None
) -> str:
    return uploads.create(ONE, length, "filename eA==", digest).token


def send_whole(inbox: Inbox, content: bytes) -> Received:
    acquisition = inbox.acquisition
    return receiving.receive(
        inbox.database,
        inbox.storage,
        acquisition.plate_id,
        acquisition.id,
        ONE,
        [content],
        1000,
    )


def left_over(inbox: Inbox) -> list[str]:
    return sorted(path.name for path in inbox.folder.iterdir())


def sha256(content: bytes) -> Digest:
    return Digest("sha256", hashlib.sha256(content).digest())


def breaking(content: bytes) -> Iterator[bytes]:
    yield content
    raise ConnectionResetError("the sender went away")


def test_a_file_arrives_in_pieces(inbox: Inbox, uploads: ResumableUploads) -> None:
    token = begin(uploads, digest=sha256(CONTENT))
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    assert uploads.append(token, 0, [CONTENT[:2], CONTENT[2:4]]).offset == 4
    assert uploads.append(token, 4, []).offset == 4
    progress = uploads_to(inbox).progress(token)
    assert (progress.offset, progress.length) == (4, 10)
    assert progress.sent_metadata == "filename eA=="
    assert uploads.append(token, 4, [CONTENT[4:]], sha256(CONTENT[4:])).offset == 10
    assert (inbox.status(ONE), inbox.size(ONE)) == (FileUploadStatus.COMPLETE, 10)
    assert (inbox.folder / ONE).read_bytes() == CONTENT
    assert left_over(inbox) == [ONE]
    # a sender who has not got the last answer asks, or sends nothing once more
    assert uploads.progress(token).offset == 10
    assert uploads.append(token, 10, []).offset == 10
    uploads.terminate(token)
    assert (inbox.status(ONE), left_over(inbox)) == (FileUploadStatus.COMPLETE, [ONE])


def test_a_file_of_a_folder_arrives_in_pieces(inbox: Inbox, uploads: ResumableUploads) -> None:
    name = f"day 1/{ONE}"
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [name])
    upload = uploads.create(name, 6, "", None)
    uploads.append(upload.token, 0, [b"abc"])
    uploads.append(upload.token, 3, [b"def"])
    assert (inbox.folder / name).read_bytes() == b"abcdef"
    assert inbox.status(name) is FileUploadStatus.COMPLETE


def test_an_empty_file_is_there_at_once(inbox: Inbox, uploads: ResumableUploads) -> None:
    begin(uploads, 0)
    assert (inbox.status(ONE), inbox.size(ONE)) == (FileUploadStatus.COMPLETE, 0)
    assert left_over(inbox) == [ONE]


def test_a_piece_that_breaks_off_counts_as_far_as_it_came(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads)
    with pytest.raises(ConnectionResetError):
        uploads.append(token, 0, breaking(CONTENT[:7]))
    assert uploads.progress(token).offset == 7
    with pytest.raises(Conflict, match="at byte 7, not 3"):
        uploads.append(token, 3, [CONTENT[3:]])
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    assert uploads.append(token, 7, [CONTENT[7:]]).offset == 10
    assert (inbox.folder / ONE).read_bytes() == CONTENT


def test_a_piece_with_a_checksum_counts_whole_or_not_at_all(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads)
    uploads.append(token, 0, [CONTENT[:2]])
    with pytest.raises(ChecksumMismatch, match="piece of file"):
        uploads.append(token, 2, [b"xxx"], sha256(CONTENT[2:5]))
    with pytest.raises(ConnectionResetError):
        uploads.append(token, 2, breaking(CONTENT[2:4]), sha256(CONTENT[2:5]))
    assert uploads.progress(token).offset == 2
    uploads.append(token, 2, [CONTENT[2:]], sha256(CONTENT[2:]))
    assert (inbox.folder / ONE).read_bytes() == CONTENT


def test_a_file_of_other_bytes_than_its_digest_says_begins_again(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads, digest=sha256(CONTENT))
    uploads.append(token, 0, [b"x"])
    with pytest.raises(ChecksumMismatch, match=ONE):
        uploads.append(token, 1, [CONTENT[1:]])
    assert (inbox.status(ONE), left_over(inbox)) == (FileUploadStatus.FAILED, [])
    with pytest.raises(NotFound):
        uploads.progress(token)
    uploads.append(begin(uploads, digest=sha256(CONTENT)), 0, [CONTENT])
    assert inbox.status(ONE) is FileUploadStatus.COMPLETE


def test_more_than_was_announced_is_refused(inbox: Inbox, uploads: ResumableUploads) -> None:
    token = begin(uploads)
    with pytest.raises(TooLarge, match="10 bytes"):
        uploads.append(token, 0, [CONTENT, b"!"])
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING


def test_what_nobody_announced_or_has_arrived_is_not_begun(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    with pytest.raises(NotRegistered):
        uploads.create("other.tif", 1, "", None)
    token = begin(uploads)
    uploads.append(token, 0, [CONTENT[:3]])
    assert send_whole(inbox, b"whole") is Received.LAST
    with pytest.raises(Conflict, match="arrived already"):
        uploads.append(token, 3, [CONTENT[3:]])
    with pytest.raises(NotFound):
        uploads.progress(token)
    with pytest.raises(Conflict, match="arrived already"):
        begin(uploads)
    assert (inbox.folder / ONE).read_bytes() == b"whole"
    assert left_over(inbox) == [ONE]


# the other database has one writer at a time
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_file_that_arrives_while_an_upload_of_it_begins_stays_complete(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    blocked = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    with ThreadPoolExecutor(1) as pool:
        with inbox.database.transaction() as session:
            session.execute(update(MicroscopeFile).values(status=FileUploadStatus.COMPLETE))
            begun = pool.submit(begin, uploads)
            while not (session.scalar(blocked) or begun.done()):
                pass
        with pytest.raises(Conflict, match="arrived already"):
            begun.result()
    assert inbox.status(ONE) is FileUploadStatus.COMPLETE


def test_a_terminated_upload_leaves_nothing(inbox: Inbox, uploads: ResumableUploads) -> None:
    first, second = begin(uploads), begin(uploads)
    uploads.append(first, 0, [CONTENT[:3]])
    # the second name, when a server ended while it was given
    os.link(inbox.folder / f".{first}.pieces", inbox.folder / f".{first}.whole")
    uploads.terminate(first)
    with pytest.raises(NotFound):
        uploads.append(first, 3, [CONTENT[3:]])
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    uploads.terminate(second)
    assert (inbox.status(ONE), left_over(inbox)) == (FileUploadStatus.WAITING, [])


def expire(inbox: Inbox) -> None:
    with inbox.database.transaction() as session:
        session.execute(update(ResumableUpload).values(expires_at=now() - timedelta(hours=1)))


def test_an_expired_upload_leaves_nothing(inbox: Inbox, uploads: ResumableUploads) -> None:
    for _ in range(2):
        uploads.append(begin(uploads), 0, [CONTENT[:3]])
    assert remove_expired(inbox.database, inbox.storage.data_dir) == 0
    expire(inbox)
    assert remove_expired(inbox.database, inbox.storage.data_dir) == 2
    assert (inbox.status(ONE), left_over(inbox)) == (FileUploadStatus.WAITING, [])


def test_an_upload_that_cannot_be_removed_holds_up_no_others(
    inbox: Inbox,
    uploads: ResumableUploads,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(resuming, "_REMOVED_AT_ONCE", 2)
    metadata = "MeasurementDetail.mrf"
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [metadata])
    for name in (ONE, ONE, ONE, metadata):
        uploads.create(name, 10, "", None)
    expire(inbox)
    inbox.folder.parent.mkdir(parents=True)
    inbox.folder.write_bytes(b"in the place of a folder")
    data_dir = inbox.storage.data_dir
    assert remove_expired(inbox.database, data_dir) == 1
    assert inbox.status(metadata) is FileUploadStatus.WAITING
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    assert "could not be removed" in caplog.text
    inbox.folder.unlink()
    (inbox.folder / ONE / "folder").mkdir(parents=True)
    assert [remove_expired(inbox.database, data_dir) for _ in range(3)] == [2, 1, 0]
    assert inbox.status(ONE) is FileUploadStatus.WAITING


def test_an_expired_upload_cannot_be_resumed(inbox: Inbox, uploads: ResumableUploads) -> None:
    token = begin(uploads)
    uploads.append(token, 0, [CONTENT[:3]])
    expire(inbox)
    with pytest.raises(Gone, match="begin again"):
        uploads.append(token, 3, [CONTENT[3:]])
    assert (inbox.status(ONE), left_over(inbox)) == (FileUploadStatus.WAITING, [])


def test_of_many_who_send_the_same_piece_one_adds_it(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads)
    barrier = threading.Barrier(6)

    def sender(number: int) -> bool:
        barrier.wait(60)
        try:
            uploads.append(token, 0, [f"{number}".encode()] * 5)
        except (Locked, Conflict):
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(sender, range(6)))
    assert answers.count(True) == 1
    uploads.append(token, 5, [b"-----"])
    assert (inbox.folder / ONE).read_bytes() == f"{answers.index(True)}".encode() * 5 + b"-----"


def test_whoever_sends_a_file_keeps_others_from_it(inbox: Inbox, uploads: ResumableUploads) -> None:
    token, other = begin(uploads), begin(uploads)
    started, released = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield CONTENT[:5]
        started.set()
        assert released.wait(60)
        yield CONTENT[5:]

    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(uploads.append, token, 0, slowly())
        assert started.wait(60)
        with pytest.raises(Locked, match="wait"):
            uploads.append(other, 0, [CONTENT])
        assert send_whole(inbox, b"whole") is Received.IN_PROGRESS
        asked = pool.submit(uploads.progress, token)
        released.set()
        assert slow.result().offset == 10
        assert asked.result().offset == 10
    assert (inbox.folder / ONE).read_bytes() == CONTENT


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported_and_the_rest_can_be_sent_later(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    with pytest.raises(StorageFull, match="has room for"):
        begin(uploads, 2**60)
    assert inbox.status(ONE) is FileUploadStatus.WAITING
    token = begin(uploads)
    inbox.folder.mkdir(parents=True, exist_ok=True)
    pieces = inbox.folder / f".{token}.pieces"
    pieces.symlink_to("/dev/full")
    with pytest.raises(StorageFull, match="disk is full"):
        uploads.append(token, 0, [CONTENT])
    pieces.unlink()
    assert uploads.progress(token).offset == 0
    assert uploads.append(token, 0, [CONTENT]).offset == 10
    # whoever has not got that answer learns that there is nothing to send, whatever room there is
    with pytest.raises(Conflict, match="has arrived already"):
        begin(uploads, 2**60)
    with pytest.raises(NotRegistered):
        uploads.create("other.tif", 2**60, "", None)


def test_a_server_that_ends_after_the_last_byte_has_lost_nothing(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads)
    with pytest.raises(ConnectionResetError):
        uploads.append(token, 0, breaking(CONTENT))
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    # also the second name was given when the server ended
    os.link(inbox.folder / f".{token}.pieces", inbox.folder / f".{token}.whole")
    os.link(inbox.folder / f".{token}.pieces", inbox.folder / ONE)
    assert uploads.progress(token).offset == 10
    assert inbox.status(ONE) is FileUploadStatus.COMPLETE
    assert left_over(inbox) == [ONE]


def test_bytes_that_were_not_counted_are_sent_again(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads)
    uploads.append(token, 0, [CONTENT[:4]])
    pieces = inbox.folder / f".{token}.pieces"
    pieces.write_bytes(CONTENT[:4] + b"garbage of a server that was killed")
    assert uploads.progress(token).offset == 4
    uploads.append(token, 4, [CONTENT[4:6]])
    assert pieces.read_bytes() == CONTENT[:6]
    pieces.unlink()
    assert uploads.progress(token).offset == 0
    uploads.append(token, 0, [CONTENT])
    assert (inbox.folder / ONE).read_bytes() == CONTENT


KILLED = """
import sys
from datetime import timedelta
from pathlib import Path
from tmlib.db import Database
from tmlib.experiments.models import Acquisition
from tmlib.storage import ExperimentStorage
from tmlib.uploads.resuming import ResumableUploads

def chunks():
    for _ in range(40):
        yield b"x" * 1024**2
    print("most of it", flush=True)
    sys.stdin.read()

url, data_dir, acquisition_id, token = sys.argv[1:]
database = Database(url)
with database.session() as session:
    acquisition = session.get(Acquisition, int(acquisition_id))
storage = ExperimentStorage(Path(data_dir), acquisition.experiment_id)
uploads = ResumableUploads(database, storage, acquisition, timedelta(hours=1))
uploads.append(token, 0, chunks())
"""


def test_a_server_that_is_killed_has_kept_what_it_counted(
    inbox: Inbox, uploads: ResumableUploads
) -> None:
    token = begin(uploads, MANY + 1)
    url = inbox.database.engine.url.render_as_string(hide_password=False)
    arguments = [url, str(inbox.storage.data_dir), str(inbox.acquisition.id), token]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"most of it\n"
        with pytest.raises(Locked):
            uploads.append(token, 0, [b"too early"])
        server.kill()
    offset = uploads.progress(token).offset
    assert 32 * 1024**2 <= offset <= MANY
    uploads.append(token, offset, [b"x" * (MANY - offset), b"!"])
    assert (inbox.folder / ONE).read_bytes() == b"x" * MANY + b"!"
