"""Group commit: records which files have arrived, for many senders at once.

Syncing is the slowest operation of a disk. The bytes of each file are synced by its receiver; its
name in the folder and its row in the database are synced together with those of all other files
that have arrived during the previous sync.
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import bindparam, select, update

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.durable_files import sync_folder
from tmlib.errors import NotFound
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile


@dataclass
class Arrival:
    """A file whose bytes are synced, under its name in a folder.

    Attributes
    ----------
    file_id
        Id of the file.
    folder, name
        Where it is.
    size
        Its size in bytes.
    error
        Why it could not be made COMPLETE, if that failed.
    """

    file_id: int
    folder: Path
    name: str
    size: int
    error: Exception | None = None
    is_settled: bool = field(default=False, init=False)


class _Register:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[Arrival] = []

    def enter(self, database: Database, arrivals: Sequence[Arrival]) -> None:
        with self._guard:
            self._waiting += arrivals
        with self._turn:
            if not all(arrival.is_settled for arrival in arrivals):
                self._settle(database)

    def _settle(self, database: Database) -> None:
        """Record all files that wait, on behalf of their senders."""
        with self._guard:
            batch, self._waiting = self._waiting, []
        try:
            present = _sync_folders(batch)
            known = _mark_complete(database, present)
            for arrival in present:
                if arrival.file_id not in known:
                    arrival.error = NotFound(
                        f'File "{arrival.name}" was deleted while it was sent.'
                    )
        except Exception as error:  # noqa: BLE001 - each sender is told
            for arrival in batch:
                arrival.error = arrival.error or error
        for arrival in batch:
            arrival.is_settled = True


_registers: WeakKeyDictionary[Database, _Register] = WeakKeyDictionary()
_registers_guard = threading.Lock()


def mark_arrived(database: Database, file_id: int, path: Path, size: int) -> None:
    """Make a file COMPLETE before returning; its bytes are synced already.

    Raises
    ------
    NotFound
        If it was deleted in the meantime.
    """
    arrival = Arrival(file_id, path.parent, path.name, size)
    mark_all_arrived(database, [arrival])
    if arrival.error is not None:
        raise arrival.error


def mark_all_arrived(database: Database, arrivals: Sequence[Arrival]) -> None:
    """Make files COMPLETE before returning, except those that have an error then."""
    with _registers_guard:
        register = _registers.setdefault(database, _Register())
    if arrivals:
        register.enter(database, arrivals)


def _sync_folders(batch: Sequence[Arrival]) -> list[Arrival]:
    """Sync the names of files; those whose folder cannot be synced are left out."""
    errors: dict[Path, OSError] = {}
    for folder in {arrival.folder for arrival in batch}:
        try:
            sync_folder(folder)
        except OSError as error:
            errors[folder] = error
    for arrival in batch:
        arrival.error = errors.get(arrival.folder)
    return [arrival for arrival in batch if arrival.error is None]


def _mark_complete(database: Database, batch: Sequence[Arrival]) -> set[int]:
    table = MicroscopeFile.__table__
    statement = (
        update(table)  # type: ignore[arg-type] # a Table, not only a FromClause
        .where(table.c.id == bindparam("file_id"))
        .values(status=FileUploadStatus.COMPLETE, size=bindparam("n_bytes"), updated_at=now())
    )
    rows = [{"file_id": arrival.file_id, "n_bytes": arrival.size} for arrival in batch]
    with database.transaction() as session:
        session.connection().execute(statement, rows)
        ids = [arrival.file_id for arrival in batch]
        return set(session.scalars(select(MicroscopeFile.id).where(MicroscopeFile.id.in_(ids))))
