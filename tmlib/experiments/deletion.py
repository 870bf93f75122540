"""Deleting experiments: they are hidden at once and removed piece by piece.

An experiment may own millions of rows and files. They are removed by the periodic maintenance of
workers, never while a user waits. Each piece is a short transaction, and if a process is killed,
another one continues. An experiment that cannot be removed at the moment does not block others.
"""

import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sqlalchemy import ColumnElement, Table, and_, delete, select, tuple_, update
from sqlalchemy.orm import Session

from tmlib.db import Base, Database, clock, portions
from tmlib.db.partitions import PARTITIONED, drop_partitions, empty_partitions
from tmlib.errors import DatabaseBusy
from tmlib.experiments import ownership
from tmlib.experiments.models import Experiment
from tmlib.storage import ExperimentStorage

logger = logging.getLogger(__name__)

# How long to wait for readers of other experiments' objects before trying again later.
_DETACH_SECONDS = 1

# After this long without a sign of life, another process continues a deletion.
_LEASE_SECONDS = 60.0
_SIGN_OF_LIFE_SECONDS = 10
_PAUSE_WHEN_BUSY_SECONDS = 10.0
_PAUSE_AFTER_FAILURE_SECONDS = 300.0


def hide(session: Session, experiment_id: int, seconds: float = 0) -> None:
    """Hide an experiment, and have it removed after some seconds.

    Its name becomes free for another one.
    """
    session.execute(
        update(Experiment)
        .where(Experiment.id == experiment_id)
        # no user can give such a name
        .values(deletion_due=clock.after(seconds), name=f"\x01{secrets.token_hex(16)}")
    )


def finish(database: Database, data_dir: Path, seconds: float) -> None:
    """Remove hidden experiments for a while; the next call continues.

    Parameters
    ----------
    database
        The database, not inside a transaction.
    data_dir
        The data folder of the installation.
    seconds
        Approximate duration.
    """
    end = time.monotonic() + seconds
    while (taken := _take(database)) is not None:
        pause = 0.0
        try:
            alive = time.monotonic()
            for _ in _remove(database, data_dir, taken):
                if time.monotonic() > end:
                    return
                if time.monotonic() > alive + _SIGN_OF_LIFE_SECONDS:
                    alive = time.monotonic()
                    _set_due(database, taken, _LEASE_SECONDS)
        except DatabaseBusy as error:
            logger.info("Experiment %d is removed later: %s", taken, error)
            pause = _PAUSE_WHEN_BUSY_SECONDS
        except Exception:
            logger.exception("Experiment %d could not be removed; it is tried again.", taken)
            pause = _PAUSE_AFTER_FAILURE_SECONDS
        finally:
            _set_due(database, taken, pause)


def _take(database: Database) -> int | None:
    """Id of an experiment to be removed that no other process is removing."""
    query = (
        select(Experiment.id)
        .where(Experiment.deletion_due <= clock.present())
        # those that could not be removed come after those that were not tried yet
        .order_by(Experiment.deletion_due, Experiment.id)
        .limit(1)
    )
    with database.session() as session:
        if session.scalar(query) is None:
            return None
    with database.transaction() as session:
        found = session.scalar(query.with_for_update(skip_locked=True))
        session.execute(
            update(Experiment)
            .where(Experiment.id == found)
            .values(deletion_due=clock.after(_LEASE_SECONDS))
        )
    return found


def _set_due(database: Database, experiment_id: int, seconds: float) -> None:
    with database.transaction() as session:
        session.execute(
            update(Experiment)
            .where(Experiment.id == experiment_id)
            .values(deletion_due=clock.after(seconds))
        )


def _remove(database: Database, data_dir: Path, experiment_id: int) -> Iterator[None]:
    """Remove everything of an experiment, its own row last.

    Yields after each piece, so that the caller can stop in between.
    """
    with suppress(DatabaseBusy):  # they are dropped at the end, empty or not
        empty_partitions(database, experiment_id)
    for table in _owned_tables(database):
        while n_deleted := _delete_portion(database, table, _is_of(table, experiment_id)):
            yield
            if n_deleted == portions.rows(database):
                portions.give_way(database)
    storage = ExperimentStorage(data_dir, experiment_id)
    for folder, _, names in os.walk(storage.root, topdown=False):
        for name in names:
            Path(folder, name).unlink(missing_ok=True)
        with suppress(OSError):  # another process wrote a file into it
            Path(folder).rmdir()
        yield
    storage.delete()
    drop_partitions(database, experiment_id, _DETACH_SECONDS)
    with database.transaction() as session:
        session.execute(delete(Experiment).where(Experiment.id == experiment_id))


def _owned_tables(database: Database) -> list[Table]:
    """Tables whose rows belong to experiments, those that refer to others first."""
    tables = reversed(Base.metadata.sorted_tables)
    owned = [
        table
        for table in tables
        if "owner_kind" in table.c
        or ("experiment_id" in table.c and table.c.experiment_id.foreign_keys)
    ]
    if not database.is_sqlite:
        return owned
    return [*(Base.metadata.tables[name] for name in reversed(PARTITIONED)), *owned]


def _is_of(table: Table, experiment_id: int) -> ColumnElement[bool]:
    """The condition that rows of a table are an experiment's; the ledger's have any owners."""
    if "owner_kind" not in table.c:
        return table.c.experiment_id == experiment_id
    return and_(table.c.owner_kind == ownership.EXPERIMENT, table.c.owner_id == experiment_id)


def _delete_portion(database: Database, table: Table, is_of: ColumnElement[bool]) -> int:
    """Delete some rows that meet a condition and return their number."""
    key = tuple_(*table.primary_key.columns)
    portion = select(*table.primary_key.columns).where(is_of).limit(portions.rows(database))
    with database.session() as session:
        if session.execute(portion.limit(1)).first() is None:
            return 0
    with database.transaction() as session:
        deleted = session.connection().execute(delete(table).where(key.in_(portion)))
        return deleted.rowcount
