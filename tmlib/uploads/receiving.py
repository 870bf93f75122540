"""Receives one file, so that it is stored completely or not at all.

The receiver of a file holds a lock on it in the file system, which the kernel releases when the
process ends, however it ends. A file with the status UPLOADING that is not locked was abandoned,
and can simply be sent again.
"""

import enum
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sqlalchemy import select

from tmlib.db import Database
from tmlib.durable_files import make_folder, move, sync_file
from tmlib.errors import TmError, TooLarge
from tmlib.storage import ExperimentStorage
from tmlib.uploads.arrivals import mark_arrived
from tmlib.uploads.digests import Digest
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile
from tmlib.uploads.places import locked, make_place, reporting_full_disk
from tmlib.uploads.statuses import complete_among, set_status

# Smaller files arrive before anybody could look; a commit that shows them would take as long.
_LONG_BYTES = 512 * 1024

_logger = logging.getLogger(__name__)


class Received(enum.StrEnum):
    """The outcome for a file that was sent, in the words of TissueMAPS."""

    OK = "ok"
    LAST = "Acquisition complete"
    NOT_REGISTERED = "non-registered file: skipped"
    COMPLETE_BEFORE = "File already uploaded"
    IN_PROGRESS = "File upload already in progress"


class UploadInterrupted(TmError):  # noqa: N818 - reads as what it is: "raise UploadInterrupted"
    """The sender disconnected before the file was complete."""

    status_code: ClassVar[int] = 400


class UploadTooSlow(UploadInterrupted):
    """The sender was connected, but sent almost nothing for too long."""

    status_code: ClassVar[int] = 408


@dataclass(frozen=True)
class Target:
    """Where a file goes, and where its bytes are collected before."""

    file_id: int
    folder: Path
    name: str

    @property
    def part(self) -> Path:
        """What is not whole yet; only who holds the lock may write to it."""
        return self.folder / f".{self.file_id}.part"

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.name


def receive(
    database: Database,
    storage: ExperimentStorage,
    plate_id: int,
    acquisition_id: int,
    name: str,
    chunks: Iterable[bytes],
    max_bytes: int,
    digest: Digest | None = None,
) -> Received:
    """Store one registered file; it is COMPLETE once its bytes are on disk, synced and counted.

    The database is used only for short changes of status, not while bytes arrive.

    Parameters
    ----------
    database, storage
        Where the status and the bytes are stored.
    plate_id, acquisition_id
        Plate and acquisition of the file.
    name
        Name under which it was registered.
    chunks
        Its bytes. They are not read if the file is not needed; an exception that they raise ends
        the upload.
    max_bytes
        Largest size that is accepted.
    digest
        Expected digest, if the sender gives it.

    Raises
    ------
    StorageFull
        If the disk is full.
    TooLarge
        If the file is larger than `max_bytes`.
    BadInput
        If a folder in its name is the name of a file.
    ChecksumMismatch
        If the bytes do not match `digest`.
    NotFound
        If the file's acquisition was deleted in the meantime.
    """
    with database.session() as session:
        row = session.execute(
            select(MicroscopeFile.id, MicroscopeFile.kind).where(
                MicroscopeFile.acquisition_id == acquisition_id, MicroscopeFile.name == name
            )
        ).one_or_none()
    if row is None:
        return Received.NOT_REGISTERED
    folder = file_folder(storage, plate_id, acquisition_id, row.kind)
    target = Target(row.id, folder, name)
    with reporting_full_disk(name):
        make_folder(folder)
        with locked(lock_path(folder, row.id)) as is_mine:
            if not is_mine:
                return Received.IN_PROGRESS
            if complete_among(database, [target.file_id]):
                return Received.COMPLETE_BEFORE
            make_place(folder, name)
            _store(database, target, chunks, max_bytes, digest)
    return Received.LAST if _is_last(database, acquisition_id) else Received.OK


def file_folder(
    storage: ExperimentStorage, plate_id: int, acquisition_id: int, kind: FileKind
) -> Path:
    """The folder for files of a kind."""
    if kind is FileKind.IMAGE:
        return storage.microscope_images(plate_id, acquisition_id)
    return storage.microscope_metadata(plate_id, acquisition_id)


def lock_path(folder: Path, file_id: int) -> Path:
    """The lock file for receiving a file."""
    return folder / f".{file_id}.lock"


def _store(
    database: Database,
    target: Target,
    chunks: Iterable[bytes],
    max_bytes: int,
    digest: Digest | None,
) -> None:
    try:
        size = _write(database, target, chunks, max_bytes, digest)
        move(target.part, target.path, sync="none")  # the folder is synced, together with others
        mark_arrived(database, target.file_id, target.path, size)
    except BaseException:
        try:
            target.part.unlink(missing_ok=True)
            set_status(database, [target.file_id], FileUploadStatus.FAILED)
        except Exception:
            _logger.exception("file %s could not be marked as failed", target.file_id)
        raise


def _write(
    database: Database,
    target: Target,
    chunks: Iterable[bytes],
    max_bytes: int,
    digest: Digest | None,
) -> int:
    size = 0
    is_shown = False
    hashed = digest and digest.start()
    with target.part.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(
                    f'File "{target.name}" is larger than the {max_bytes} bytes that this server '
                    "accepts: ask its administrator to raise TM_MAX_UPLOAD_BYTES."
                )
            if size >= _LONG_BYTES and not is_shown:
                set_status(database, [target.file_id], FileUploadStatus.UPLOADING)
                is_shown = True
            if hashed:
                hashed.update(chunk)
            file.write(chunk)
        if digest and hashed:
            digest.check(hashed, f'File "{target.name}"')
        sync_file(file)
    return size


def _is_last(database: Database, acquisition_id: int) -> bool:
    missing = [status for status in FileUploadStatus if status is not FileUploadStatus.COMPLETE]
    with database.session() as session:
        # listed one by one, each is looked up in the index; "not COMPLETE" would read all rows
        waiting = session.scalar(
            select(MicroscopeFile.id)
            .where(
                MicroscopeFile.acquisition_id == acquisition_id, MicroscopeFile.status.in_(missing)
            )
            .limit(1)
        )
    return waiting is None
