"""One file that arrives in pieces; the caller holds its lock."""

import logging
import os
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from io import FileIO
from pathlib import Path

from sqlalchemy import delete, exists, select, update
from sqlalchemy.orm import Session

from tmlib.db import Database, clock
from tmlib.db.base import now
from tmlib.durable_files import link, sync_file, sync_folder
from tmlib.errors import NotFound, TooLarge
from tmlib.uploads.digests import ChecksumMismatch, Digest
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile, ResumableUpload
from tmlib.uploads.places import make_place

_CHECKPOINT_BYTES = 32 * 1024**2

_logger = logging.getLogger(__name__)


class GrowingFile:
    """A file to which bytes are appended until it is complete.

    Bytes in the file beyond those that the database counts are truncated before more are added, so
    it does not matter when and how a server ended.

    Parameters
    ----------
    database
        Database that counts its bytes.
    folder, name
        Destination of the file.
    upload
        The row of its upload.
    is_complete
        Whether the file is there, by this upload or another.
    lifetime
        Longest time between two pieces.
    """

    def __init__(
        self,
        database: Database,
        folder: Path,
        name: str,
        upload: ResumableUpload,
        is_complete: bool,
        lifetime: timedelta,
    ) -> None:
        self.name = name
        self.token = upload.token
        self.length = upload.length
        self.expires_at: datetime = upload.expires_at
        self.is_finished = is_complete and upload.offset == upload.length
        self._upload = upload
        self._database = database
        self._folder = folder
        self._place = folder / name
        self._path = folder / f".{upload.token}.pieces"
        self._second = self._path.with_suffix(".whole")
        self._lifetime = lifetime
        self.offset = upload.offset if self.is_finished else min(upload.offset, self._size())

    def add(self, chunks: Iterable[bytes], checksum: Digest | None) -> None:
        """Append bytes; the last ones make the file COMPLETE.

        Without a checksum, bytes that arrive before an exception are kept.
        """
        make_place(self._folder, self.name)
        hashed = checksum and checksum.start()
        with FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
            if self._size() > self.offset:
                file.truncate(self.offset)
            file.seek(self.offset)
            try:
                for chunk in chunks:
                    if file.tell() + len(chunk) > self.length:
                        raise TooLarge(
                            f'More than the {self.length} bytes of file "{self.name}" were sent '
                            "that its upload announced: begin again with the right length."
                        )
                    if hashed:
                        hashed.update(chunk)
                    self._write(file, chunk)
                    if not checksum and file.tell() - self.offset >= _CHECKPOINT_BYTES:
                        self._count(file)
            except BaseException:
                if not checksum:
                    self._keep(file)
                raise
            if checksum and hashed:
                checksum.check(hashed, f'A piece of file "{self.name}"')
            if file.tell() < self.length:
                self._count(file)
                return
            sync_file(file)
        self.finish()

    def finish(self) -> None:
        """Move the complete file to its destination, and make it COMPLETE before returning."""
        if self.is_finished:
            return
        make_place(self._folder, self.name)
        self._path.touch()  # an empty one has never been written to
        self._verify()
        # a second name, so that nothing is lost if the server ends here
        link(self._path, self._place, draft=self._second)
        sync_folder(self._place.parent)
        with self._database.transaction() as session:
            session.execute(
                update(MicroscopeFile)
                .where(MicroscopeFile.id == self._upload.file_id)
                .values(status=FileUploadStatus.COMPLETE, size=self.length, updated_at=now())
            )
            self._advance(session, self.length)
        self._path.unlink(missing_ok=True)
        self.is_finished = True

    def discard(self, status: FileUploadStatus) -> None:
        """Delete the upload; the status of its file is set if nobody else is sending it."""
        for path in (self._path, self._second):
            path.unlink(missing_ok=True)
        other = exists(
            select(ResumableUpload.token).where(ResumableUpload.file_id == self._upload.file_id)
        )
        with self._database.transaction() as session:
            session.execute(delete(ResumableUpload).where(ResumableUpload.token == self.token))
            session.execute(
                update(MicroscopeFile)
                .where(
                    MicroscopeFile.id == self._upload.file_id,
                    MicroscopeFile.status == FileUploadStatus.UPLOADING,
                    ~other,
                )
                .values(status=status, updated_at=now())
            )

    def _write(self, file: FileIO, chunk: bytes) -> None:
        rest = memoryview(chunk)
        try:
            while rest:
                rest = rest[file.write(rest) :]
        except OSError:
            with suppress(OSError):  # so that it does not keep a full disk full
                file.truncate(self.offset)
            file.seek(self.offset)
            raise

    def _verify(self) -> None:
        """Compare the bytes on the disk with the digest of the whole file, if there is one."""
        if self._upload.sha256 is None:
            return
        digest = Digest("sha256", bytes.fromhex(self._upload.sha256))
        try:
            digest.check_file(self._path, f'File "{self.name}"')
        except ChecksumMismatch:
            self.discard(FileUploadStatus.FAILED)
            raise

    def _count(self, file: FileIO) -> None:
        """Sync the written bytes, then count them."""
        sync_file(file)
        if self.offset == 0:
            sync_folder(self._folder)
        with self._database.transaction() as session:
            self._advance(session, file.tell())

    def _advance(self, session: Session, offset: int) -> None:
        expires_at = clock.read(session) + self._lifetime
        known = session.execute(
            update(ResumableUpload)
            .where(ResumableUpload.token == self.token)
            .values(offset=offset, expires_at=expires_at, updated_at=now())
            .returning(ResumableUpload.token)
        ).one_or_none()
        if known is None:
            raise NotFound(f'File "{self.name}" was deleted while it was sent.')
        self.offset = offset
        self.expires_at = expires_at

    def _keep(self, file: FileIO) -> None:
        try:
            self._count(file)
        except Exception:
            _logger.exception("a part of upload %s was not kept", self.token)

    def _size(self) -> int:
        try:
            return self._path.stat().st_size
        except FileNotFoundError:
            return 0
