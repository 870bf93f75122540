"""Receives the bytes of one file so that it is either all there or not there at all.

Whoever receives a file holds a lock on it in the file system, which the kernel lets go when the
process ends, in whatever way. So a file whose row says UPLOADING but that nobody has locked was
given up, and sending it again just works.
"""

import enum
import errno
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from sqlalchemy import select, update

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import NotFound, TmError, TooLarge
from tmlib.storage import ExperimentStorage
from tmlib.uploads.models import FileKind, FileUploadStatus, MicroscopeFile

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}

_logger = logging.getLogger(__name__)


class Received(enum.StrEnum):
    """What became of a file that was sent, in the words of the original."""

    OK = "ok"
    LAST = "Acquisition complete"
    NOT_REGISTERED = "non-registered file: skipped"
    COMPLETE_BEFORE = "File already uploaded"
    IN_PROGRESS = "File upload already in progress"


class StorageFull(TmError):  # noqa: N818 - reads as what it is: "raise StorageFull"
    """The file system takes no more bytes."""

    status_code: ClassVar[int] = 507


class UploadInterrupted(TmError):  # noqa: N818 - see StorageFull
    """The sender went away before the file was complete."""

    status_code: ClassVar[int] = 400


@dataclass(frozen=True)
class _Target:
    file_id: int
    folder: Path
    name: str

    @property
    def part(self) -> Path:
        return self.folder / f".{self.file_id}.part"

    @property
    def lock(self) -> Path:
        return self.folder / f".{self.file_id}.lock"


def receive(
    database: Database,
    storage: ExperimentStorage,
    plate_id: int,
    acquisition_id: int,
    name: str,
    chunks: Iterable[bytes],
    max_bytes: int,
) -> Received:
    """Store one registered file; it is COMPLETE when its bytes are on the disk, synced and counted.

    The database is used only for two short changes of status, not while bytes arrive.

    Parameters
    ----------
    database, storage
        Where to keep the status and the bytes.
    plate_id, acquisition_id
        What the file belongs to.
    name
        The name under which it was registered.
    chunks
        Its bytes. They are left alone if the file is not wanted; an exception that they raise
        ends the upload.
    max_bytes
        Largest size that is accepted.

    Raises
    ------
    StorageFull
        If the disk is full.
    TooLarge
        If the file is larger than `max_bytes`.
    NotFound
        If the file's acquisition was deleted meanwhile.
    """
    with database.session() as session:
        row = session.execute(
            select(MicroscopeFile.id, MicroscopeFile.kind).where(
                MicroscopeFile.acquisition_id == acquisition_id, MicroscopeFile.name == name
            )
        ).one_or_none()
    if row is None:
        return Received.NOT_REGISTERED
    folder = (
        storage.microscope_images(plate_id, acquisition_id)
        if row.kind is FileKind.IMAGE
        else storage.microscope_metadata(plate_id, acquisition_id)
    )
    target = _Target(row.id, folder, name)
    with _reporting_full_disk(name):
        _make_folder(folder, storage.data_dir)
        with _locked(target.lock) as is_mine:
            if not is_mine:
                return Received.IN_PROGRESS
            if not _claim(database, target):
                return Received.COMPLETE_BEFORE
            _store(database, target, chunks, max_bytes)
    return Received.LAST if _is_last(database, acquisition_id) else Received.OK


def _store(database: Database, target: _Target, chunks: Iterable[bytes], max_bytes: int) -> None:
    try:
        size = _write(target, chunks, max_bytes)
        target.part.replace(target.folder / target.name)
        _sync_folder(target.folder)
        _set_status(database, target, FileUploadStatus.COMPLETE, size)
    except BaseException:
        try:
            target.part.unlink(missing_ok=True)
            _set_status(database, target, FileUploadStatus.FAILED, None)
        except Exception:
            _logger.exception("file %s could not be marked as failed", target.file_id)
        raise


def _write(target: _Target, chunks: Iterable[bytes], max_bytes: int) -> int:
    size = 0
    with target.part.open("wb") as file:
        for chunk in chunks:
            size += len(chunk)
            if size > max_bytes:
                raise TooLarge(
                    f'File "{target.name}" is larger than the {max_bytes} bytes that this server '
                    "accepts: ask its administrator to raise TM_MAX_UPLOAD_BYTES."
                )
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return size


def _claim(database: Database, target: _Target) -> bool:
    """Mark a file as being uploaded; False if it has arrived before."""
    with database.transaction() as session:
        claimed = session.execute(
            update(MicroscopeFile)
            .where(
                MicroscopeFile.id == target.file_id,
                MicroscopeFile.status != FileUploadStatus.COMPLETE,
            )
            .values(status=FileUploadStatus.UPLOADING, updated_at=now())
            .returning(MicroscopeFile.id)
        ).one_or_none()
    return claimed is not None


def _set_status(
    database: Database, target: _Target, status: FileUploadStatus, size: int | None
) -> None:
    with database.transaction() as session:
        changed = session.execute(
            update(MicroscopeFile)
            .where(MicroscopeFile.id == target.file_id)
            .values(status=status, size=size, updated_at=now())
            .returning(MicroscopeFile.id)
        ).one_or_none()
    if changed is None and status is FileUploadStatus.COMPLETE:
        raise NotFound(f'File "{target.name}" was deleted while it was sent.')


def _is_last(database: Database, acquisition_id: int) -> bool:
    with database.session() as session:
        # Files mostly arrive in the order of registration: the end is where to look first.
        waiting = session.scalar(
            select(MicroscopeFile.id)
            .where(
                MicroscopeFile.acquisition_id == acquisition_id,
                MicroscopeFile.status != FileUploadStatus.COMPLETE,
            )
            .order_by(MicroscopeFile.id.desc())
            .limit(1)
        )
    return waiting is None


@contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Hold the lock file for the time of the context, or learn that somebody else does."""
    while True:
        with path.open("wb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            if not _is_same_file(file.fileno(), path):
                continue  # its last holder has just removed it
            try:
                yield True
            finally:
                path.unlink(missing_ok=True)
            return


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _make_folder(folder: Path, data_dir: Path) -> None:
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for parent in folder.parents:
        _sync_folder(parent)
        if parent == data_dir:
            break


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _reporting_full_disk(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFull(
            f'The server\'s disk is full, so file "{name}" was not stored: '
            "make room and send it again."
        ) from error
