"""Partitions per experiment of the tables that grow with the number of objects.

Only PostgreSQL has them. Deleting an experiment then drops its partitions instead of visiting
millions of rows. Nothing here locks out those who read or write other experiments: partitions
are made apart and attached, and detached concurrently, both of which let the parent be used.

For that, partitions have no foreign keys to tables that experiments share: dropping such a key
needs the other table for itself alone. Outlines refer to the objects of the same experiment,
partition to partition, which also is faster than by way of the parents.

Jobs are not partitioned. Workers take them by id alone and look for due ones of all
experiments, which would have to visit each partition; there are some 100,000 for a run, and these
are deleted in seconds.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from tmlib.db.engine import Database
from tmlib.errors import DatabaseBusy

PARTITIONED = ("mapobjects", "mapobject_segmentations")

OUTLINE_KEY = "fk_mapobject_segmentations_mapobject"
"""Foreign key from the outlines to the objects of an experiment."""

_LOCK_MILLISECONDS = 200

# one that has begun, for which the server has no code of its own, and one that has ended meanwhile
_OTHERS_DETACH = {"55000", "42P01"}


def create_partitions(session: Session, experiment_id: int) -> None:
    """Make room for the objects of a new experiment."""
    if session.get_bind().dialect.name != "postgresql":
        return
    objects, outlines = (f"{table}_{experiment_id:d}" for table in PARTITIONED)
    statements = [
        f"CREATE TABLE {table}_{experiment_id:d} (LIKE {table} INCLUDING ALL)"
        for table in PARTITIONED
    ]
    statements.append(
        f"ALTER TABLE {outlines} ADD CONSTRAINT {OUTLINE_KEY} "
        f"FOREIGN KEY (experiment_id, mapobject_id) REFERENCES {objects} ON DELETE CASCADE"
    )
    statements += [
        f"ALTER TABLE {table} ATTACH PARTITION {table}_{experiment_id:d} "
        f"FOR VALUES IN ({experiment_id:d})"
        for table in PARTITIONED
    ]
    for statement in statements:
        session.execute(text(statement))


def empty_partitions(database: Database, experiment_id: int) -> None:
    """Remove all objects of an experiment at once, with the space that they take.

    Raises
    ------
    DatabaseBusy
        If somebody reads just these.
    """
    if database.is_sqlite:
        return
    with database.transaction() as session:
        if found := [name for name in _names(experiment_id) if _exists(session, name)]:
            _wait_shortly(session)
            session.execute(text(f"TRUNCATE {', '.join(found)}"))


def drop_partitions(database: Database, experiment_id: int, seconds: float) -> None:
    """Remove the partitions of an experiment; it may be repeated after it was cut short.

    A table can have one partition only that has been detached half: whose that is does not
    matter, its detachment is ended first.

    Parameters
    ----------
    database
        Not inside a transaction.
    experiment_id
        Experiment that nobody uses any more.
    seconds
        How long to wait for those who read the parent tables; nobody waits for this meanwhile.

    Raises
    ------
    DatabaseBusy
        If they are still at it.
    """
    if database.is_sqlite:
        return
    for table in reversed(PARTITIONED):
        _finalize(database, table)
        _detach(database, table, f"{table}_{experiment_id:d}", seconds)
    with database.transaction() as session:
        _wait_shortly(session)
        session.execute(text(f"DROP TABLE IF EXISTS {', '.join(_names(experiment_id))}"))


def _names(experiment_id: int) -> list[str]:
    """Partitions of an experiment, what refers to others first."""
    return [f"{table}_{experiment_id:d}" for table in reversed(PARTITIONED)]


def _exists(session: Session, name: str) -> bool:
    return bool(session.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": name}))


def _wait_shortly(session: Session) -> None:
    """Let no lock of this transaction be waited for so long that others notice.

    Those who come while it waits for a lock stand in line behind it.
    """
    session.execute(text(f"SET LOCAL lock_timeout = {_LOCK_MILLISECONDS}"))


def _finalize(database: Database, table: str) -> None:
    """End the detachment of a partition that could not be waited for.

    It keeps the parent locked, against those who attach partitions, while it waits for all who
    have been reading since before.
    """
    pending = text(
        "SELECT inhrelid::regclass::text FROM pg_inherits "
        "WHERE inhparent = to_regclass(:name) AND inhdetachpending"
    )
    with database.transaction() as session:
        partition = session.scalar(pending, {"name": table})
        if partition is not None:
            _wait_shortly(session)
            with _left_to_others():
                session.execute(text(f"ALTER TABLE {table} DETACH PARTITION {partition} FINALIZE"))


def _detach(database: Database, table: str, partition: str, seconds: float) -> None:
    """Take a partition out of its table, if it is in there."""
    attached = text("SELECT count(*) FROM pg_inherits WHERE inhrelid = to_regclass(:name)")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if connection.scalar(attached, {"name": partition}):
            with _left_to_others(), _given_up_after(connection, seconds):
                connection.execute(
                    text(f"ALTER TABLE {table} DETACH PARTITION {partition} CONCURRENTLY")
                )


@contextmanager
def _left_to_others() -> Iterator[None]:
    """Take it for busy when another process detaches a partition of the same table."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) not in _OTHERS_DETACH:
            raise
        raise DatabaseBusy("Another partition of the table is being detached.") from error


@contextmanager
def _given_up_after(connection: Connection, seconds: float) -> Iterator[None]:
    """Limit a statement that must not be in a transaction, which is where limits are set."""
    driver_connection: Any = connection.connection.driver_connection
    timer = threading.Timer(seconds, driver_connection.cancel)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
