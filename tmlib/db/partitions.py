"""Partitions per experiment of the tables that grow with the number of objects.

Only PostgreSQL has them. Deleting an experiment then drops its partitions instead of visiting
millions of rows.
"""

from sqlalchemy import text
from sqlalchemy.orm import Session

PARTITIONED = ("mapobjects", "mapobject_segmentations")


def create_partitions(session: Session, experiment_id: int) -> None:
    """Make room for the objects of a new experiment."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in PARTITIONED:
        session.execute(
            text(
                f"CREATE TABLE {table}_{experiment_id:d} PARTITION OF {table} "
                f"FOR VALUES IN ({experiment_id:d})"
            )
        )


def drop_partitions(session: Session, experiment_id: int) -> None:
    """Remove all objects of an experiment at once."""
    if session.get_bind().dialect.name != "postgresql":
        return
    for table in reversed(PARTITIONED):
        session.execute(text(f"DROP TABLE IF EXISTS {table}_{experiment_id:d}"))
