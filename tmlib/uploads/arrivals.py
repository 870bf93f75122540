"""Writes down which files have arrived, those of many senders at once.

A disk takes longest to promise that it keeps something. Each file's bytes are synced by
whoever received them; the names in their folder and their rows in the database are synced together
with those of all others that have arrived while the disk was busy with the ones before.
"""

import threading
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakKeyDictionary

from sqlalchemy import bindparam, select, update

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.durable_files import sync_folder
from tmlib.errors import NotFound
from tmlib.uploads.models import FileUploadStatus, MicroscopeFile


@dataclass
class _Arrival:
    file_id: int
    folder: Path
    name: str
    size: int
    is_settled: bool = False
    error: BaseException | None = None


class _Register:
    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._waiting: list[_Arrival] = []

    def enter(self, database: Database, arrival: _Arrival) -> None:
        with self._guard:
            self._waiting.append(arrival)
        with self._turn:
            if not arrival.is_settled:
                self._settle(database)
        if arrival.error is not None:
            raise arrival.error

    def _settle(self, database: Database) -> None:
        """Write down all that wait, on behalf of their senders."""
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
        except BaseException as error:  # noqa: BLE001 - each sender raises it
            for arrival in batch:
                arrival.error = arrival.error or error
        for arrival in batch:
            arrival.is_settled = True


_registers: WeakKeyDictionary[Database, _Register] = WeakKeyDictionary()
_registers_guard = threading.Lock()


def mark_arrived(database: Database, file_id: int, path: Path, size: int) -> None:
    """Make a file COMPLETE whose bytes are synced; it is when this returns.

    Raises
    ------
    NotFound
        If it was deleted meanwhile.
    """
    with _registers_guard:
        register = _registers.setdefault(database, _Register())
    register.enter(database, _Arrival(file_id, path.parent, path.name, size))


def _sync_folders(batch: list[_Arrival]) -> list[_Arrival]:
    """Sync the names of files; those whose folder makes trouble are left out."""
    errors: dict[Path, OSError] = {}
    for folder in {arrival.folder for arrival in batch}:
        try:
            sync_folder(folder)
        except OSError as error:
            errors[folder] = error
    for arrival in batch:
        arrival.error = errors.get(arrival.folder)
    return [arrival for arrival in batch if arrival.error is None]


def _mark_complete(database: Database, batch: list[_Arrival]) -> set[int]:
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
