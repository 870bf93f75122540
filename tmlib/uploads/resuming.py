"""Resumable uploads: files that arrive in pieces, in any number of requests.

The database stores the offset of each upload: bytes are counted only after they are on disk. As for
files that arrive in one request, the receiver holds the lock of the microscope file.
"""

import logging
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tmlib.db import Database, clock
from tmlib.db.base import now
from tmlib.durable_files import make_folder
from tmlib.errors import Conflict, NotFound, TmError
from tmlib.experiments.models import Acquisition
from tmlib.storage import ExperimentStorage
from tmlib.uploads.digests import Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile, ResumableUpload
from tmlib.uploads.pieces import GrowingFile
from tmlib.uploads.places import StorageFull, locked, reporting_full_disk
from tmlib.uploads.receiving import file_folder, lock_path

_PATIENCE_SECONDS = 5
_REMOVED_AT_ONCE = 100

_logger = logging.getLogger(__name__)


class Gone(TmError):  # noqa: N818 - reads as what it is: "raise Gone"
    """The upload has expired, because it was not resumed in time."""

    status_code: ClassVar[int] = 410


class NotRegistered(NotFound):
    """No file of this name is registered."""


class Locked(TmError):  # noqa: N818 - see Gone
    """The same file is being sent by another request."""

    status_code: ClassVar[int] = 423


@dataclass(frozen=True)
class Progress:
    """Progress of an upload.

    Attributes
    ----------
    token
        Identifier of the upload.
    offset, length
        Number of bytes on disk, and size of the complete file.
    expires_at
        Time until which it can be resumed.
    sent_metadata
        The metadata header of the request that created it.
    """

    token: str
    offset: int
    length: int
    expires_at: datetime
    sent_metadata: str


class ResumableUploads:
    """The resumable uploads to one acquisition.

    Parameters
    ----------
    database, storage
        Where the status and the bytes are stored.
    acquisition
        The acquisition of the files.
    lifetime
        How long an upload can be resumed after its last request.
    """

    def __init__(
        self,
        database: Database,
        storage: ExperimentStorage,
        acquisition: Acquisition,
        lifetime: timedelta,
    ) -> None:
        self._database = database
        self._storage = storage
        self._acquisition = acquisition
        self._lifetime = lifetime

    def create(self, name: str, length: int, sent_metadata: str, digest: Digest | None) -> Progress:
        """Begin an upload of a registered file.

        Parameters
        ----------
        name
            Name under which it was registered.
        length
            Size of the file.
        sent_metadata
            Metadata from the sender, returned unchanged.
        digest
            SHA-256 digest of the whole file, if the sender gives it.

        Raises
        ------
        NotRegistered
            If no such file was registered.
        Conflict
            If it has arrived already.
        StorageFull
            If the disk has no room for it.
        """
        upload = ResumableUpload(
            token=secrets.token_hex(16),
            experiment_id=self._acquisition.experiment_id,
            length=length,
            offset=0,
            sent_metadata=sent_metadata,
            sha256=digest and digest.value.hex(),
        )
        with self._database.transaction() as session:
            upload.expires_at = clock.read(session) + self._lifetime
            upload.file_id = self._begin(session, name)
            # after that: what has arrived needs no room, and may be what has filled the disk
            self._check_room(name, length)
            session.add(upload)
        if length == 0:
            return self.progress(upload.token)
        return Progress(upload.token, 0, length, upload.expires_at, sent_metadata)

    def progress(self, token: str) -> Progress:
        """Progress of an upload; waits briefly for a request that is adding to it.

        Raises
        ------
        NotFound, Gone
            If there is no such upload, or it has expired.
        Locked
            If other requests keep adding to it.
        """
        with self._open(token, _PATIENCE_SECONDS) as (file, upload):
            return _progress(file, upload)

    def append(
        self, token: str, offset: int, chunks: Iterable[bytes], checksum: Digest | None = None
    ) -> Progress:
        """Append bytes to an upload; the last ones make its file COMPLETE.

        Bytes that arrive before `chunks` raise an exception are kept, unless there is a checksum,
        which cannot be verified then.

        Parameters
        ----------
        token
            The upload.
        offset
            Position of the bytes: the current end.
        chunks
            The bytes.
        checksum
            Expected digest of the bytes, if the sender gives it.

        Raises
        ------
        NotFound, Gone
            If there is no such upload, or it has expired.
        Conflict
            If `offset` is not its end, or its file has arrived by another upload.
        Locked
            If another request sends the same file.
        TooLarge
            If there are more bytes than were announced.
        ChecksumMismatch
            If the bytes do not match the checksum, in which case nothing was added; or if the whole
            file does not match its digest, in which case the upload must start again.
        StorageFull
            If the disk is full.
        """
        with self._open(token) as (file, upload):
            if file.offset != offset:
                raise Conflict(
                    f'The upload of file "{file.name}" is at byte {file.offset}, not {offset}: '
                    "ask where it is and send the rest."
                )
            if not file.is_finished:
                file.add(chunks, checksum)
            return _progress(file, upload)

    def terminate(self, token: str) -> None:
        """Delete an upload and the bytes that have arrived; a COMPLETE file is kept.

        Raises
        ------
        NotFound, Gone
            If there is no such upload, or it has expired.
        Locked
            If other requests keep adding to it.
        """
        with self._open(token, _PATIENCE_SECONDS) as (file, _):
            file.discard(FileUploadStatus.WAITING)

    def _begin(self, session: Session, name: str) -> int:
        """Make a file UPLOADING, unless it is COMPLETE; its id."""
        is_it = (
            MicroscopeFile.acquisition_id == self._acquisition.id,
            MicroscopeFile.name == name,
        )
        # the condition is in the statement, since somebody else may make it COMPLETE meanwhile
        file_id: int | None = session.scalar(
            update(MicroscopeFile)
            .where(*is_it, MicroscopeFile.status != FileUploadStatus.COMPLETE)
            .values(status=FileUploadStatus.UPLOADING, updated_at=now())
            .returning(MicroscopeFile.id)
        )
        if file_id is not None:
            return file_id
        if session.scalar(select(MicroscopeFile.id).where(*is_it)) is not None:
            raise _arrived(name)
        raise NotRegistered(f'File "{name}" is not registered: register it first.')

    def _check_room(self, name: str, length: int) -> None:
        self._storage.data_dir.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self._storage.data_dir).free
        if length > free:
            raise StorageFull(
                f"The server's disk has room for {free} bytes, too few for the {length} of file "
                f'"{name}": make room and send it again.'
            )

    @contextmanager
    def _open(
        self, token: str, patience: float = 0
    ) -> Iterator[tuple[GrowingFile, ResumableUpload]]:
        """Lock an upload that can still be appended to."""
        _, file, _ = self._find(token)
        folder = file_folder(
            self._storage, self._acquisition.plate_id, self._acquisition.id, file.kind
        )
        make_folder(folder)
        with (
            reporting_full_disk(file.name),
            locked(lock_path(folder, file.id), patience) as is_mine,
        ):
            if not is_mine:
                raise Locked(f'Somebody is sending file "{file.name}" at this moment: wait.')
            upload, file, moment = self._find(token)
            is_complete = file.status is FileUploadStatus.COMPLETE
            growing = GrowingFile(
                self._database, folder, file.name, upload, is_complete, self._lifetime
            )
            if growing.expires_at < moment:
                growing.discard(FileUploadStatus.WAITING)
                raise Gone(
                    f'The upload of file "{file.name}" was not resumed in time: begin again.'
                )
            if is_complete and not growing.is_finished:
                growing.discard(FileUploadStatus.COMPLETE)
                raise _arrived(file.name)
            if growing.offset == growing.length:
                growing.finish()  # it is empty, or its server ended after the last byte
            yield growing, upload

    def _find(self, token: str) -> tuple[ResumableUpload, MicroscopeFile, datetime]:
        """An upload with its file, and the time."""
        with self._database.session() as session:
            row = session.execute(
                select(ResumableUpload, MicroscopeFile, clock.present())
                .join(MicroscopeFile, MicroscopeFile.id == ResumableUpload.file_id)
                .where(
                    ResumableUpload.token == token,
                    MicroscopeFile.acquisition_id == self._acquisition.id,
                )
            ).one_or_none()
        if row is None:
            raise NotFound("There is no such upload, or not any more: begin a new one.")
        return row[0], row[1], row[2]


def remove_expired(database: Database, data_dir: Path) -> int:
    """Delete expired uploads, about a hundred at most, and the bytes that have arrived.

    Those that cannot be deleted are logged and hold up no others.

    Returns
    -------
    int
        Number of deleted uploads.
    """
    n_removed = 0
    last = ""
    while n_removed < _REMOVED_AT_ONCE and (rows := _expired(database, last)):
        for token, acquisition in rows:
            storage = ExperimentStorage(data_dir, acquisition.experiment_id)
            uploads = ResumableUploads(database, storage, acquisition, timedelta())
            n_removed += _is_removed(uploads, token)
            last = token
    return n_removed


def _expired(database: Database, last: str) -> list[tuple[str, Acquisition]]:
    """The next expired uploads, by their tokens."""
    with database.session() as session:
        rows = session.execute(
            select(ResumableUpload.token, Acquisition)
            .join(MicroscopeFile, MicroscopeFile.id == ResumableUpload.file_id)
            .join(Acquisition, Acquisition.id == MicroscopeFile.acquisition_id)
            .where(ResumableUpload.expires_at < clock.present(), ResumableUpload.token > last)
            .order_by(ResumableUpload.token)
            .limit(_REMOVED_AT_ONCE)
        )
        return [(token, acquisition) for token, acquisition in rows]


def _is_removed(uploads: ResumableUploads, token: str) -> bool:
    """Remove an upload that has expired, which opening it does."""
    try:
        with uploads._open(token):
            return False  # it was resumed at the last moment
    except Gone:
        return True
    except (NotFound, Locked):
        return False
    except (TmError, OSError):
        _logger.exception("upload %s has expired and could not be removed", token)
        return False


def _progress(file: GrowingFile, upload: ResumableUpload) -> Progress:
    return Progress(file.token, file.offset, file.length, file.expires_at, upload.sent_metadata)


def _arrived(name: str) -> Conflict:
    return Conflict(f'File "{name}" has arrived already: there is nothing to send.')
