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
from sqlalchemy.orm import Session

from tmlib.db.engine import Database

PARTITIONED = ("mapobjects", "mapobject_segmentations")

OUTLINE_KEY = "fk_mapobject_segmentations_mapobject"
"""Foreign key from the outlines to the objects of an experiment."""

_LOCK_SECONDS = 1


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


def drop_partitions(database: Database, experiment_id: int, seconds: float) -> None:
    """Remove all objects of an experiment at once; it may be repeated after it was cut short.

    They are gone, with the space that they took, even if the empty partitions then have to wait
    for somebody who has been reading for long.

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
    partitions = {table: f"{table}_{experiment_id:d}" for table in reversed(PARTITIONED)}
    with database.transaction() as session:
        exists = text("SELECT to_regclass(:name) IS NOT NULL")
        found = [name for name in partitions.values() if session.scalar(exists, {"name": name})]
        if not found:
            return
        session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        session.execute(text(f"TRUNCATE {', '.join(found)}"))
    for table, partition in partitions.items():
        _detach(database, table, partition, seconds)
    with database.transaction() as session:
        session.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
        session.execute(text(f"DROP TABLE IF EXISTS {', '.join(partitions.values())}"))


def _detach(database: Database, table: str, partition: str, seconds: float) -> None:
    """Take a partition out of its table, or finish what was begun earlier."""
    state = text("SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(:name)")
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        is_pending = connection.scalar(state, {"name": partition})
        if is_pending is None:
            return
        how = "FINALIZE" if is_pending else "CONCURRENTLY"
        with _given_up_after(connection, seconds):
            connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {partition} {how}"))


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
