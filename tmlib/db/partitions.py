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
        partition = f"{table}_{experiment_id:d}"
        if session.scalar(text("SELECT to_regclass(:name)"), {"name": partition}) is not None:
            # A foreign key guards the partition as long as it is attached.
            session.execute(text(f"ALTER TABLE {table} DETACH PARTITION {partition}"))
            session.execute(text(f"DROP TABLE {partition}"))
