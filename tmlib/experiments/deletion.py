"""Deleting experiments: out of sight at once, gone piece by piece.

An experiment may own millions of rows and files. Each piece is a short transaction of its own,
so that nobody waits for long, and what a process leaves undone that is killed is
taken up by another one.
"""

import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Table, delete, select, tuple_, update
from sqlalchemy.orm import Session

from tmlib.db import Base, Database, portions
from tmlib.db.base import now
from tmlib.db.partitions import PARTITIONED, drop_partitions
from tmlib.errors import DatabaseBusy
from tmlib.experiments.models import Experiment
from tmlib.storage import ExperimentStorage

logger = logging.getLogger(__name__)

# How long to wait for those who read the objects of others, before it is left for later.
_DETACH_SECONDS = 1

# After this long without a sign of life somebody else goes on with a deletion.
_LEASE = timedelta(seconds=60)
_SIGN_OF_LIFE_SECONDS = 10
_PAUSE_WHEN_BUSY = timedelta(seconds=10)


def hide(session: Session, experiment_id: int, due: datetime) -> None:
    """Let nobody see an experiment any more, and have it removed from some time on.

    Its name is free for another one.
    """
    session.execute(
        update(Experiment)
        .where(Experiment.id == experiment_id)
        # no user can give such a name
        .values(deletion_due=due, name=f"\x01{secrets.token_hex(16)}")
    )


def finish(
    database: Database, data_dir: Path, seconds: float, experiment_id: int | None = None
) -> None:
    """Remove hidden experiments for a while; what is left is for the next who does this.

    Parameters
    ----------
    database
        Not inside a transaction.
    data_dir
        The data folder of the installation.
    seconds
        How long to go on, about.
    experiment_id
        The one to remove; all that are due if not given.
    """
    end = time.monotonic() + seconds
    while (taken := _take(database, experiment_id)) is not None:
        pause = timedelta()
        try:
            alive = time.monotonic()
            for _ in _remove(database, data_dir, taken):
                if time.monotonic() > end:
                    return
                if time.monotonic() > alive + _SIGN_OF_LIFE_SECONDS:
                    alive = time.monotonic()
                    _set_due(database, taken, now() + _LEASE)
        except DatabaseBusy as error:
            logger.info("Experiment %d is removed later: %s", taken, error)
            pause = _PAUSE_WHEN_BUSY
        finally:
            _set_due(database, taken, now() + pause)


def _take(database: Database, experiment_id: int | None) -> int | None:
    """Number of an experiment that is to be removed and that nobody else removes now."""
    due = Experiment.deletion_due <= now()
    if experiment_id is not None:
        due &= Experiment.id == experiment_id
    query = select(Experiment.id).where(due).order_by(Experiment.id).limit(1)
    with database.session() as session:
        if session.scalar(query) is None:
            return None
    with database.transaction() as session:
        found = session.scalar(query.with_for_update(skip_locked=True))
        session.execute(
            update(Experiment).where(Experiment.id == found).values(deletion_due=now() + _LEASE)
        )
    return found


def _set_due(database: Database, experiment_id: int, due: datetime) -> None:
    with database.transaction() as session:
        session.execute(
            update(Experiment).where(Experiment.id == experiment_id).values(deletion_due=due)
        )


def _remove(database: Database, data_dir: Path, experiment_id: int) -> Iterator[None]:
    """Remove everything of an experiment, the row that tells of it last.

    Yields whenever something was removed, so that whoever has time for one piece only gets on too.
    """
    drop_partitions(database, experiment_id, _DETACH_SECONDS)
    for table in _owned_tables(database):
        while n_deleted := _delete_portion(database, table, experiment_id):
            yield
            if n_deleted == portions.rows(database):
                portions.give_way(database)
    storage = ExperimentStorage(data_dir, experiment_id)
    for folder, _, names in os.walk(storage.root, topdown=False):
        for name in names:
            Path(folder, name).unlink(missing_ok=True)
        with suppress(OSError):  # somebody wrote another file into it
            Path(folder).rmdir()
        yield
    storage.delete()
    with database.transaction() as session:
        session.execute(delete(Experiment).where(Experiment.id == experiment_id))


def _owned_tables(database: Database) -> list[Table]:
    """Tables whose rows belong to experiments, what refers to others before these."""
    tables = reversed(Base.metadata.sorted_tables)
    owned = [
        table
        for table in tables
        if "experiment_id" in table.c and table.c.experiment_id.foreign_keys
    ]
    if not database.is_sqlite:
        return owned
    return [*(Base.metadata.tables[name] for name in reversed(PARTITIONED)), *owned]


def _delete_portion(database: Database, table: Table, experiment_id: int) -> int:
    """Delete some rows of an experiment; their number."""
    key = tuple_(*table.primary_key.columns)
    portion = (
        select(*table.primary_key.columns)
        .where(table.c.experiment_id == experiment_id)
        .limit(portions.rows(database))
    )
    with database.session() as session:
        if session.execute(portion.limit(1)).first() is None:
            return 0
    with database.transaction() as session:
        deleted = session.connection().execute(delete(table).where(key.in_(portion)))
        return deleted.rowcount
