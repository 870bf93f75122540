"""Many files at once: each is stored, or not, for itself."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from tests.tmlib.uploads.conftest import Inbox
from tmlib.errors import TooLarge
from tmlib.uploads import bulk, service
from tmlib.uploads.bulk import Outcome, Status, receive_all
from tmlib.uploads.digests import Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile
from tmlib.uploads.places import locked
from tmlib.uploads.sent_files import SentFile

NAMES = [f"plate_A01_T0001F{number:03d}L01A01Z01C01.tif" for number in range(1, 151)]
METADATA = "MeasurementDetail.mrf"
ONE, TWO, THREE = NAMES[:3]


@pytest.fixture(autouse=True)
def registered(inbox: Inbox) -> None:
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [*NAMES, METADATA])


def sent(name: str, content: bytes = b"content", sha256_of: bytes | None = None) -> SentFile:
    digest = None
    if sha256_of is not None:
        digest = Digest("sha256", hashlib.sha256(sha256_of).digest())
    return SentFile(name, iter([content[:3], content[3:]]), digest)


def send(inbox: Inbox, files: Iterable[SentFile], max_bytes: int = 10**7) -> list[Outcome]:
    return receive_all(inbox.database, inbox.storage, inbox.acquisition, files, max_bytes)


def statuses(outcomes: list[Outcome]) -> dict[str, tuple[Status, int]]:
    return {one.name: (one.status, one.status_code) for one in outcomes}


def stored(inbox: Inbox) -> dict[str, bytes]:
    files = (path for path in inbox.folder.rglob("*") if path.is_file())
    return {path.relative_to(inbox.folder).as_posix(): path.read_bytes() for path in files}


def n_complete(inbox: Inbox) -> int:
    with inbox.database.session() as session:
        return service.count_complete(session, inbox.acquisition.id)


def test_all_files_are_complete_when_their_bytes_are_there(inbox: Inbox) -> None:
    contents = {name: name.encode() * 10 for name in NAMES}
    outcomes = send(inbox, [sent(name, contents[name], contents[name]) for name in NAMES])
    assert outcomes == [Outcome(name, Status.COMPLETE) for name in NAMES]
    assert stored(inbox) == contents
    assert n_complete(inbox) == len(NAMES)
    assert inbox.size(ONE) == len(contents[ONE])


def test_files_go_where_their_kind_and_their_name_belong(inbox: Inbox) -> None:
    inside = f"day 1/a/{ONE}"
    service.register(inbox.database, inbox.acquisition, "cellvoyager", [inside])
    send(inbox, [sent(ONE), sent(METADATA), sent(inside, b"inside")])
    assert stored(inbox) == {ONE: b"content", inside: b"inside"}
    folder = inbox.storage.microscope_metadata(inbox.acquisition.plate_id, inbox.acquisition.id)
    assert [path.name for path in folder.iterdir()] == [METADATA]


def test_one_bad_file_takes_no_good_one_with_it(inbox: Inbox) -> None:
    files = [
        sent(NAMES[0]),
        sent("../../escaped.tif"),
        sent(NAMES[1], b"other", sha256_of=b"content"),
        sent("/etc/passwd"),
        sent(NAMES[0], b"again"),
        sent("notes.txt"),
        sent(NAMES[2], b"x" * 101),
        sent("plate_A01_T0001F999L01A01Z01C01.tif"),
        sent(NAMES[3]),
    ]
    outcomes = send(inbox, files, max_bytes=100)
    assert [(one.status, one.status_code) for one in outcomes] == [
        (Status.COMPLETE, 200),
        (Status.FAILED, 400),
        (Status.FAILED, 460),
        (Status.FAILED, 400),
        (Status.FAILED, 409),
        (Status.SKIPPED, 200),
        (Status.FAILED, 413),
        (Status.SKIPPED, 200),
        (Status.COMPLETE, 200),
    ]
    assert all(one.reason for one in outcomes[1:-1])
    assert stored(inbox) == {NAMES[0]: b"content", NAMES[3]: b"content"}
    assert inbox.status(NAMES[1]) is FileUploadStatus.FAILED
    assert not list(inbox.storage.data_dir.parent.rglob("escaped.tif"))


def test_sending_again_is_safe(inbox: Inbox) -> None:
    send(inbox, [sent(ONE), sent(TWO, b"broken", sha256_of=b"whole")])
    outcomes = send(inbox, [sent(ONE, b"other"), sent(TWO, b"whole", sha256_of=b"whole")])
    assert outcomes == [
        Outcome(ONE, Status.COMPLETE, reason="File already uploaded"),
        Outcome(TWO, Status.COMPLETE),
    ]
    assert stored(inbox) == {ONE: b"content", TWO: b"whole"}


def test_larger_files_may_be_among_them(inbox: Inbox) -> None:
    large = os.urandom(3_000_000)

    def chunks() -> Iterator[bytes]:
        return (large[start : start + 500_000] for start in range(0, len(large), 500_000))

    digest = Digest("sha256", hashlib.sha256(large).digest())
    other = Digest("sha256", hashlib.sha256(b"").digest())
    files = [
        sent(ONE),
        SentFile(TWO, chunks(), digest),
        SentFile(THREE, chunks(), other),
        SentFile("notes.txt", chunks()),
        sent(NAMES[3]),
    ]
    assert statuses(send(inbox, files)) == {
        ONE: (Status.COMPLETE, 200),
        TWO: (Status.COMPLETE, 200),
        THREE: (Status.FAILED, 460),
        "notes.txt": (Status.SKIPPED, 200),
        NAMES[3]: (Status.COMPLETE, 200),
    }
    assert stored(inbox) == {ONE: b"content", TWO: large, NAMES[3]: b"content"}


@pytest.mark.parametrize("size", [1000, 1001, 2_000_000])
def test_the_limit_is_of_each_file(inbox: Inbox, size: int) -> None:
    outcomes = send(inbox, [sent(ONE, bytes(size)), sent(TWO)], max_bytes=1000)
    assert outcomes[0].status is (Status.COMPLETE if size == 1000 else Status.FAILED)
    assert outcomes[1].status is Status.COMPLETE


def test_a_file_that_somebody_sends_is_left_to_them(inbox: Inbox) -> None:
    inbox.folder.mkdir(parents=True)
    with locked(inbox.folder / f".{inbox.file_id(ONE)}.lock") as is_mine:
        assert is_mine
        outcomes = send(inbox, [sent(ONE), sent(TWO)])
    assert statuses(outcomes) == {ONE: (Status.UPLOADING, 200), TWO: (Status.COMPLETE, 200)}
    assert stored(inbox) == {TWO: b"content"}


def test_files_that_came_whole_are_kept_when_the_request_breaks(inbox: Inbox) -> None:
    def broken() -> Iterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the sender went away")

    with pytest.raises(ConnectionResetError):
        send(inbox, [sent(ONE), SentFile(TWO, broken()), sent(THREE)])
    assert stored(inbox) == {ONE: b"content"}
    assert n_complete(inbox) == 1


def test_a_request_that_is_too_large_is_not_taken_for_a_file_that_is(inbox: Inbox) -> None:
    def broken() -> Iterator[bytes]:
        for _ in range(8):
            yield bytes(500_000)
        raise TooLarge("The request is too large.")

    with pytest.raises(TooLarge, match="The request"):
        send(inbox, [sent(ONE), SentFile(TWO, broken()), sent(THREE)])
    assert stored(inbox) == {ONE: b"content"}


def test_the_number_of_files_is_limited(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MAX_FILES", 2)
    with pytest.raises(TooLarge, match=f'"{THREE}" on in another one'):
        send(inbox, [sent(ONE), sent(TWO), sent(THREE)])
    assert stored(inbox).keys() == {ONE, TWO}
    assert n_complete(inbox) == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_told_of_the_file_that_it_has_no_room_for(inbox: Inbox) -> None:
    inbox.folder.mkdir(parents=True)
    (inbox.folder / f".{inbox.file_id(ONE)}.part").symlink_to("/dev/full")
    outcomes = send(inbox, [sent(ONE), sent(TWO)])
    assert statuses(outcomes) == {ONE: (Status.FAILED, 507), TWO: (Status.COMPLETE, 200)}
    assert stored(inbox) == {TWO: b"content"}
    assert send(inbox, [sent(ONE)]) == [Outcome(ONE, Status.COMPLETE)]


def test_a_disk_that_fails_is_told_of_its_file(
    inbox: Inbox, caplog: pytest.LogCaptureFixture
) -> None:
    (inbox.folder / f".{inbox.file_id(ONE)}.part").mkdir(parents=True)
    (inbox.folder / f".{inbox.file_id(TWO)}.lock").mkdir()
    (inbox.folder / f".{inbox.file_id(THREE)}.part").mkdir()
    files = [sent(ONE), sent(TWO), sent(THREE, bytes(2_000_000)), sent(NAMES[3])]
    assert statuses(send(inbox, files)) == {
        **dict.fromkeys([ONE, TWO, THREE], (Status.FAILED, 500)),
        NAMES[3]: (Status.COMPLETE, 200),
    }
    assert caplog.text.count("could not be stored") == 3


def test_files_of_an_acquisition_that_is_deleted_are_not_there(inbox: Inbox) -> None:
    def deleting() -> Iterator[SentFile]:
        yield sent(ONE)
        with inbox.database.transaction() as session:
            session.execute(delete(MicroscopeFile).where(MicroscopeFile.name == ONE))

    assert statuses(send(inbox, deleting())) == {ONE: (Status.SKIPPED, 200)}


def test_a_folder_is_synced_once_and_all_bytes_before_it(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is acknowledged is on the disk: bytes, then names, then rows; few waits for many."""
    send(inbox, [sent(METADATA)])
    synced: list[str] = []
    fsync = os.fsync

    def noting(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.is_relative_to(inbox.storage.data_dir):
            synced.append(path.suffix if path.is_file() else path.name)
            with inbox.database.session() as session:
                complete = session.scalar(
                    select(func.count()).where(
                        MicroscopeFile.status == FileUploadStatus.COMPLETE,
                        MicroscopeFile.name != METADATA,
                    )
                )
            assert complete == 0
        fsync(descriptor)

    inbox.folder.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", noting)
        send(inbox, [sent(name) for name in NAMES[:20]])
    assert synced == [".part"] * 20 + [inbox.folder.name]
    assert n_complete(inbox) == 21


def test_a_killed_server_has_promised_nothing_that_is_not_there(
    inbox: Inbox, tmp_path: Path
) -> None:
    if inbox.database.engine.dialect.name != "sqlite":
        pytest.skip("what is on the disk does not differ by database")
    program = f"""
import os, signal
from pathlib import Path
from tests.tmlib.uploads.conftest import Inbox
from tests.tmlib.uploads.test_bulk import NAMES, send, sent
from tmlib import durable_files
from tmlib.db import Database
from tmlib.experiments.models import Acquisition
from tmlib.storage import ExperimentStorage

database = Database({inbox.database.engine.url.render_as_string(False)!r})
storage = ExperimentStorage(Path({str(inbox.storage.data_dir)!r}), {inbox.storage.experiment_id})
with database.session() as session:
    acquisition = session.get(Acquisition, {inbox.acquisition.id})

def files():
    for name in NAMES[:100]:
        yield sent(name)
    os.kill(os.getpid(), signal.SIGKILL)

send(Inbox(database, storage, acquisition), files())
"""
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode < 0
    with inbox.database.session() as session:
        complete = session.scalars(
            select(MicroscopeFile.name).where(MicroscopeFile.status == FileUploadStatus.COMPLETE)
        ).all()
    assert complete
    assert all((inbox.folder / name).read_bytes() == b"content" for name in complete)
    outcomes = send(inbox, [sent(name) for name in NAMES[:100]])
    assert all(one.status is Status.COMPLETE for one in outcomes)
    assert stored(inbox).keys() == set(NAMES[:100])


def test_many_senders_of_the_same_files(inbox: Inbox) -> None:
    def one_sender(_: Any) -> list[Outcome]:
        return send(inbox, [sent(name, name.encode()) for name in NAMES[:80]])

    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(one_sender, range(6)))
    new = [
        one for outcomes in found for one in outcomes if one == Outcome(one.name, Status.COMPLETE)
    ]
    assert sorted(one.name for one in new) == NAMES[:80]
    assert stored(inbox) == {name: name.encode() for name in NAMES[:80]}
