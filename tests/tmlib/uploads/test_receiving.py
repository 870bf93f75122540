import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import delete

from tests.tmlib.uploads.conftest import Inbox
from tmlib.errors import BadInput, NotFound, TooLarge
from tmlib.uploads import service
from tmlib.uploads.digests import ChecksumMismatch, Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile
from tmlib.uploads.places import StorageFull
from tmlib.uploads.receiving import Received, receive

ONE = "plate_A01_T0001F001L01A01Z01C01.tif"
TWO = "plate_A01_T0001F002L01A01Z01C01.tif"
METADATA = "MeasurementDetail.mrf"


@pytest.fixture(autouse=True)
def registered(inbox: Inbox) -> None:
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [ONE, TWO, METADATA])


def send(
    inbox: Inbox,
    name: str,
    chunks: Iterator[bytes],
    max_bytes: int = 1000,
    digest: Digest | None = None,
) -> Received:
    acquisition = inbox.acquisition
    return receive(
        inbox.database,
        inbox.storage,
        acquisition.plate_id,
        acquisition.id,
        name,
        chunks,
        max_bytes,
        digest,
    )


LONG = b"long " * 200_000
"""So much that a file shows that it arrives."""


def breaking() -> Iterator[bytes]:
    yield b"half"
    raise ConnectionResetError("the sender went away")


def test_a_file_is_complete_when_its_bytes_are_there(inbox: Inbox) -> None:
    assert send(inbox, ONE, iter([b"ab", b"", b"c"])) is Received.OK
    assert (inbox.folder / ONE).read_bytes() == b"abc"
    assert (inbox.status(ONE), inbox.size(ONE)) == (FileUploadStatus.COMPLETE, 3)
    assert [path.name for path in inbox.folder.iterdir()] == [ONE]


def test_files_of_one_name_lie_in_their_folders(inbox: Inbox) -> None:
    names = [ONE, f"day 1/{ONE}", f"day 2/a/{ONE}"]
    service.register(inbox.database, inbox.acquisition, "cellvoyager", names)
    for name in names:
        assert send(inbox, name, iter([name.encode()])) is Received.OK
    for name in names:
        assert (inbox.folder / name).read_text() == name
        assert inbox.status(name) is FileUploadStatus.COMPLETE


def test_a_folder_cannot_be_called_like_a_file(inbox: Inbox, tmp_path: Path) -> None:
    inside, other = f"{ONE}/{ONE}", f"linked/{ONE}"
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [inside, other, TWO])
    send(inbox, ONE, iter([b"x"]))
    (inbox.folder / "linked").symlink_to(tmp_path)
    (inbox.folder / TWO).mkdir()
    for name in (inside, other, TWO):
        with pytest.raises(BadInput, match="the same name as a folder of other files"):
            send(inbox, name, iter([b"x"]))
    assert not (tmp_path / ONE).exists()


def test_metadata_has_a_folder_of_its_own(inbox: Inbox) -> None:
    send(inbox, METADATA, iter([b"<x/>"]))
    folder = inbox.storage.microscope_metadata(inbox.acquisition.plate_id, inbox.acquisition.id)
    assert (folder / METADATA).read_bytes() == b"<x/>"


def test_the_last_file_completes_the_acquisition(inbox: Inbox) -> None:
    answers = [send(inbox, name, iter([b"x"])) for name in (METADATA, ONE, TWO)]
    assert answers == [Received.OK, Received.OK, Received.LAST]
    with inbox.database.session() as session:
        number = inbox.acquisition.id
        assert service.acquisition_statuses(session, [number]) == {number: "COMPLETE"}
        assert service.count_complete(session, number) == 3
        assert service.missing_names(session, number) == []


def test_a_complete_file_is_not_replaced(inbox: Inbox) -> None:
    send(inbox, ONE, iter([b"first"]))
    assert send(inbox, ONE, iter([b"second"])) is Received.COMPLETE_BEFORE
    assert (inbox.folder / ONE).read_bytes() == b"first"


def test_a_file_that_nobody_announced_is_skipped(inbox: Inbox) -> None:
    assert send(inbox, "other.tif", iter([b"x"])) is Received.NOT_REGISTERED
    assert not inbox.folder.exists()


def test_a_broken_upload_leaves_nothing_and_can_be_repeated(inbox: Inbox) -> None:
    with pytest.raises(ConnectionResetError):
        send(inbox, ONE, breaking())
    assert inbox.status(ONE) is FileUploadStatus.FAILED
    assert list(inbox.folder.iterdir()) == []
    assert send(inbox, ONE, iter([b"whole"])) is Received.OK
    assert (inbox.folder / ONE).read_bytes() == b"whole"


def test_a_file_that_is_too_large_is_refused(inbox: Inbox) -> None:
    with pytest.raises(TooLarge, match="TM_MAX_UPLOAD_BYTES"):
        send(inbox, ONE, iter([b"x" * 6, b"x" * 6]), max_bytes=10)
    assert inbox.status(ONE) is FileUploadStatus.FAILED
    assert list(inbox.folder.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_reported_and_the_file_can_be_sent_later(inbox: Inbox) -> None:
    inbox.folder.mkdir(parents=True)
    (inbox.folder / f".{inbox.file_id(ONE)}.part").symlink_to("/dev/full")
    with pytest.raises(StorageFull, match="disk is full"):
        send(inbox, ONE, iter([b"x" * 100_000]), max_bytes=1_000_000)
    assert inbox.status(ONE) is FileUploadStatus.FAILED
    assert send(inbox, ONE, iter([b"whole"])) is Received.OK


def test_a_file_of_other_bytes_than_its_digest_says_is_not_kept(inbox: Inbox) -> None:
    digest = Digest("sha256", hashlib.sha256(b"whole").digest())
    with pytest.raises(ChecksumMismatch, match=ONE):
        send(inbox, ONE, iter([b"who", b"is it"]), digest=digest)
    assert inbox.status(ONE) is FileUploadStatus.FAILED
    assert list(inbox.folder.iterdir()) == []
    assert send(inbox, ONE, iter([b"who", b"le"]), digest=digest) is Received.OK


def test_files_that_arrive_together_are_all_written_down(inbox: Inbox) -> None:
    names = [f"plate_A01_T{number:04d}F001L01A01Z01C01.tif" for number in range(10, 50)]
    service.register(inbox.database, inbox.acquisition, "cellvoyager", names)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda name: send(inbox, name, iter([name.encode()])), names))
    assert set(answers) == {Received.OK}
    assert {inbox.status(name) for name in names} == {FileUploadStatus.COMPLETE}
    assert {inbox.size(name) for name in names} == {len(names[0])}
    assert {path.read_text() for path in inbox.folder.iterdir()} == set(names)


def test_a_file_that_is_deleted_while_it_arrives_is_no_success(inbox: Inbox) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        with inbox.database.transaction() as session:
            session.execute(delete(MicroscopeFile).where(MicroscopeFile.name == ONE))

    with pytest.raises(NotFound, match="deleted while it was sent"):
        send(inbox, ONE, chunks())
    assert send(inbox, TWO, iter([b"x"])) is Received.OK


def test_while_a_file_arrives_others_wait_neither_for_it_nor_for_the_database(
    inbox: Inbox,
) -> None:
    started, released = threading.Event(), threading.Event()

    def slowly() -> Iterator[bytes]:
        yield LONG
        started.set()
        assert released.wait(60)
        yield b"file"

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(send, inbox, ONE, slowly(), 2 * len(LONG))
        assert started.wait(60)
        assert inbox.status(ONE) is FileUploadStatus.UPLOADING
        assert send(inbox, ONE, iter([b"fast file"])) is Received.IN_PROGRESS
        assert send(inbox, TWO, iter([b"x"])) is Received.OK
        released.set()
        assert slow.result() is Received.OK
    assert (inbox.folder / ONE).read_bytes() == LONG + b"file"


def test_of_many_senders_of_one_file_exactly_one_stores_it(inbox: Inbox) -> None:
    barrier = threading.Barrier(8)

    def sender(number: int) -> Received:
        barrier.wait(60)
        return send(inbox, ONE, iter([f"{number}".encode()] * 200))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(sender, range(8)))
    assert answers.count(Received.OK) == 1
    winner = answers.index(Received.OK)
    assert (inbox.folder / ONE).read_bytes() == f"{winner}".encode() * 200
    assert [path.name for path in inbox.folder.iterdir()] == [ONE]


KILLED = """
import sys
from pathlib import Path
from tmlib.db import Database
from tmlib.storage import ExperimentStorage
from tmlib.uploads.receiving import receive

def chunks():
    yield b"half" * 200_000
    print("half", flush=True)
    sys.stdin.read()

url, data_dir, experiment, plate, acquisition, name = sys.argv[1:]
storage = ExperimentStorage(Path(data_dir), int(experiment))
receive(Database(url), storage, int(plate), int(acquisition), name, chunks(), 1_000_000)
"""


def test_a_server_that_is_killed_leaves_a_file_that_can_be_sent_again(inbox: Inbox) -> None:
    acquisition = inbox.acquisition
    numbers = (acquisition.experiment_id, acquisition.plate_id, acquisition.id)
    url = inbox.database.engine.url.render_as_string(hide_password=False)
    arguments = [url, str(inbox.storage.data_dir), *map(str, numbers), ONE]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"half\n"
        assert send(inbox, ONE, iter([b"too early"])) is Received.IN_PROGRESS
        server.kill()
    assert inbox.status(ONE) is FileUploadStatus.UPLOADING
    assert send(inbox, ONE, iter([b"whole"])) is Received.OK
    assert (inbox.folder / ONE).read_bytes() == b"whole"
    assert [path.name for path in inbox.folder.iterdir()] == [ONE]
