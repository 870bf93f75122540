"""Receives many files in one request, and syncs them in groups.

Small files are collected and then written and synced in parallel, so that the disk syncs them
together; their folders are synced once, and one transaction makes all of them COMPLETE. As with
files that are sent one by one, a file is COMPLETE only when its bytes are on disk, synced and
counted, and match the sender's digest; and the receiver of a file holds its lock.

Each file has its own outcome: an error of one does not affect the others. If the request breaks
off, files that arrived completely are kept. Sending all of them again is always safe.
"""

import enum
import logging
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain

from sqlalchemy import select

from tmlib import durable_files
from tmlib.db import Database
from tmlib.errors import Conflict, TmError, TooLarge
from tmlib.experiments.models import Acquisition
from tmlib.storage import ExperimentStorage, check_file_path
from tmlib.uploads.arrivals import Arrival, mark_all_arrived
from tmlib.uploads.digests import Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile
from tmlib.uploads.places import locked, make_place, reporting_full_disk
from tmlib.uploads.receiving import Received, Target, file_folder, lock_path, receive
from tmlib.uploads.sent_files import SentFile
from tmlib.uploads.statuses import complete_among, set_status

MAX_FILES = 10_000
"""Most files of one request."""

_SHOWN_CHARACTERS = 255  # of a name, which is all of one that can be taken
_SMALL_BYTES = 1024**2  # larger ones are written while they arrive
_BATCH_BYTES = 8 * 1024**2
_BATCH_FILES = 64
_WRITERS = 16  # so many syncs at a time; a file system does those that come together as one
# Batches of a process at a time. Each has a lock, which is an open file, for each of its files.
_batches = threading.BoundedSemaphore(4)

_logger = logging.getLogger(__name__)


class Status(enum.StrEnum):
    """Status of a file on the server after it was sent."""

    COMPLETE = "COMPLETE"
    SKIPPED = "SKIPPED"
    UPLOADING = "UPLOADING"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Outcome:
    """The outcome for one file.

    Attributes
    ----------
    name
        Its name, as it was sent; of one that is too long to be taken, its beginning.
    status
        COMPLETE if it is there; SKIPPED if it is not registered; UPLOADING if another request is
        sending it; FAILED if it could not be stored.
    status_code
        What HTTP calls such an outcome: 200, or the status code of the error.
    reason
        Why it was not stored now.
    """

    name: str
    status: Status
    status_code: int = 200
    reason: str | None = None


_OUTCOMES = {
    Received.OK: (Status.COMPLETE, 200, None),
    Received.LAST: (Status.COMPLETE, 200, None),
    Received.NOT_REGISTERED: (Status.SKIPPED, 200, Received.NOT_REGISTERED.value),
    Received.COMPLETE_BEFORE: (Status.COMPLETE, 200, Received.COMPLETE_BEFORE.value),
    Received.IN_PROGRESS: (Status.UPLOADING, 200, Received.IN_PROGRESS.value),
}


def receive_all(
    database: Database,
    storage: ExperimentStorage,
    acquisition: Acquisition,
    files: Iterable[SentFile],
    max_bytes: int,
) -> list[Outcome]:
    """Store registered files, which are COMPLETE when this returns if all went well.

    Parameters
    ----------
    database, storage
        Where the status and the bytes are stored.
    acquisition
        The acquisition of the files.
    files
        The files; an exception that they raise ends the upload.
    max_bytes
        Largest file that is accepted.

    Returns
    -------
    list of Outcome
        One for each file, in the order in which they came.

    Raises
    ------
    TooLarge
        If there are more than `MAX_FILES` files; the first ones are stored.
    """
    with ThreadPoolExecutor(_WRITERS) as writers:
        receiver = _Receiver(database, storage, acquisition, max_bytes, writers)
        try:
            for number, sent in enumerate(files):
                if number == MAX_FILES:
                    raise TooLarge(
                        f"There are more than {MAX_FILES} files in the request: send those from "
                        f'"{sent.name[:80]}" on in another one.'
                    )
                receiver.add(sent)
        finally:
            receiver.flush()
    return receiver.outcomes()


@dataclass(frozen=True)
class _SmallFile:
    number: int
    name: str
    content: bytes
    digest: Digest | None


class _Receiver:
    """Receives the files of one request."""

    def __init__(
        self,
        database: Database,
        storage: ExperimentStorage,
        acquisition: Acquisition,
        max_bytes: int,
        writers: ThreadPoolExecutor,
    ) -> None:
        self._database = database
        self._storage = storage
        self._acquisition = acquisition
        self._max_bytes = max_bytes
        self._writers = writers
        self._names: list[str] = []
        self._seen: set[str] = set()
        self._outcomes: dict[int, Outcome] = {}
        self._waiting: list[_SmallFile] = []
        self._n_bytes = 0
        self._is_broken = False

    def outcomes(self) -> list[Outcome]:
        """The outcomes for all files."""
        return [self._outcomes[number] for number in range(len(self._names))]

    def add(self, sent: SentFile) -> None:
        """Receive a file; small ones are stored together."""
        number = len(self._names)
        self._names.append(sent.name[:_SHOWN_CHARACTERS])
        chunks = self._watched(sent.chunks)
        fault: Exception | None = sent.fault or self._fault(sent.name)
        if fault is None:
            self._seen.add(sent.name)
            head = _read(chunks, min(_SMALL_BYTES, self._max_bytes))
            rest = next(chunks, b"")
            if rest or len(head) > self._max_bytes:
                fault = self._receive(number, sent, chain([head, rest], chunks))
            else:
                self._wait(_SmallFile(number, sent.name, head, sent.digest))
        if fault is not None:
            self._fail(number, fault)
        deque(chunks, maxlen=0)  # what is left of a file that is not wanted

    def flush(self) -> None:
        """Store the small files that were collected."""
        batch, self._waiting, self._n_bytes = self._waiting, [], 0
        if batch:
            with _batches:
                self._store(batch)

    def _watched(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Record whether an error is about the whole request rather than about a file."""
        try:
            yield from chunks
        except BaseException:
            self._is_broken = True
            raise

    def _fault(self, name: str) -> TmError | None:
        try:
            check_file_path(name)
        except TmError as error:
            return error
        if name in self._seen:
            return Conflict(f'The request has more than one file "{name}": the first was taken.')
        return None

    def _receive(self, number: int, sent: SentFile, chunks: Iterator[bytes]) -> Exception | None:
        """Store a larger file while it arrives; returns the error, if it is of this file alone."""
        self.flush()
        try:
            received = receive(
                self._database,
                self._storage,
                self._acquisition.plate_id,
                self._acquisition.id,
                sent.name,
                chunks,
                self._max_bytes,
                sent.digest,
            )
        except (TmError, OSError) as error:
            if self._is_broken:
                raise
            return error
        self._settle(number, received)
        return None

    def _wait(self, file: _SmallFile) -> None:
        self._waiting.append(file)
        self._n_bytes += len(file.content)
        if len(self._waiting) >= _BATCH_FILES or self._n_bytes >= _BATCH_BYTES:
            self.flush()

    def _store(self, batch: Sequence[_SmallFile]) -> None:
        targets = self._targets(batch)
        with ExitStack() as locks:
            mine = {}
            for file in batch:
                target = targets.get(file.name)
                if target is None:
                    self._settle(file.number, Received.NOT_REGISTERED)
                elif self._lock(locks, file, target):
                    mine[target.file_id] = (file, target)
            for file_id in complete_among(self._database, mine):
                self._settle(mine.pop(file_id)[0].number, Received.COMPLETE_BEFORE)
            faults = dict(zip(mine, self._writers.map(_write, mine.values()), strict=True))
            arrivals = [
                Arrival(target.file_id, target.path.parent, target.name, len(file.content))
                for file, target in mine.values()
                if faults[target.file_id] is None
            ]
            mark_all_arrived(self._database, arrivals)
            faults |= {arrival.file_id: arrival.error for arrival in arrivals}
            failed = [file_id for file_id, fault in faults.items() if fault]
            set_status(self._database, failed, FileUploadStatus.FAILED)
        for file_id, fault in faults.items():
            number = mine[file_id][0].number
            if fault is None:
                self._settle(number, Received.OK)
            else:
                self._fail(number, fault)

    def _lock(self, locks: ExitStack, file: _SmallFile, target: Target) -> bool:
        """Lock a file, whose folder is created; if that fails, its outcome is settled."""
        try:
            with reporting_full_disk(file.name):
                durable_files.make_folder(target.folder)
                is_mine = locks.enter_context(locked(lock_path(target.folder, target.file_id)))
        except (TmError, OSError) as error:
            self._fail(file.number, error)
            return False
        if not is_mine:
            self._settle(file.number, Received.IN_PROGRESS)
        return is_mine

    def _targets(self, batch: Sequence[_SmallFile]) -> dict[str, Target]:
        """Destinations of registered files."""
        acquisition = self._acquisition
        with self._database.session() as session:
            rows = session.execute(
                select(MicroscopeFile.id, MicroscopeFile.name, MicroscopeFile.kind).where(
                    MicroscopeFile.acquisition_id == acquisition.id,
                    MicroscopeFile.name.in_([file.name for file in batch]),
                )
            ).all()
        folders = {
            kind: file_folder(self._storage, acquisition.plate_id, acquisition.id, kind)
            for kind in {row.kind for row in rows}
        }
        return {row.name: Target(row.id, folders[row.kind], row.name) for row in rows}

    def _settle(self, number: int, received: Received) -> None:
        self._outcomes[number] = Outcome(self._names[number], *_OUTCOMES[received])

    def _fail(self, number: int, error: Exception) -> None:
        name = self._names[number]
        if not isinstance(error, TmError):
            _logger.error("file %r could not be stored", name, exc_info=error)
            error = TmError(f'File "{name}" could not be stored: look at the server\'s log.')
        self._outcomes[number] = Outcome(name, Status.FAILED, error.status_code, str(error))


def _read(chunks: Iterator[bytes], n_bytes: int) -> bytes:
    """The next bytes, a chunk more than `n_bytes` at most."""
    pieces = []
    n_read = 0
    for chunk in chunks:
        pieces.append(chunk)
        n_read += len(chunk)
        if n_read > n_bytes:
            break
    return b"".join(pieces)


def _write(file_and_target: tuple[_SmallFile, Target]) -> Exception | None:
    """Write and sync a complete file; returns the error, if any."""
    file, target = file_and_target
    try:
        if file.digest is not None:
            hashed = file.digest.start()
            hashed.update(file.content)
            file.digest.check(hashed, f'File "{file.name}"')
        with reporting_full_disk(file.name):
            path = make_place(target.folder, file.name)
            durable_files.write(path, file.content, sync="content", draft=target.part)
    except Exception as error:  # noqa: BLE001 - told as the outcome of this file
        return error
    return None
