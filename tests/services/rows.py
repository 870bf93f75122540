"""Rows for every table of a database, whatever its revision, and what a database holds."""

from datetime import UTC, datetime
from typing import Any

import shapely
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Float,
    Integer,
    MetaData,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
)
from sqlalchemy.types import JSON

from tmlib.db import Base, Database
from tmlib.db.spatial import RTREE, is_schema_object

MOMENT = datetime(2024, 5, 17, 12, 30, tzinfo=UTC)
SQUARE = shapely.box(10, 20, 30, 40)
PARENTS = ("mapobjects", "mapobject_segmentations")

# what columns hold that take certain words only
_CHOICES: dict[str, dict[str, str]] = {
    "state": {},
    "status": {"microscope_files": "COMPLETE"},
    "kind": {"microscope_files": "image", "tasks": "workflow"},
}

Rows = dict[str, list[dict[str, Any]]]


def tables(database: Database) -> list[Table]:
    """The tables as they are now, without partitions and what extensions have, parents first."""
    names = {
        name
        for name in inspect(database.engine).get_table_names()
        if is_schema_object(None, name, "table", True, None) and name != "alembic_version"
    }
    metadata = MetaData()
    metadata.reflect(database.engine, only=lambda name, _: name in names, resolve_fks=False)
    # PostgreSQL also tells of foreign keys to partitions, so that it gives no order itself
    order = [table.name for table in Base.metadata.sorted_tables if table.name not in PARENTS]
    return [metadata.tables[name] for name in (*order, *PARENTS) if name in names]


def fill(database: Database, known: list[Table] | None = None) -> None:
    """Enter a row into each table that has none; all belong to the same experiment.

    `known` are the tables, if they have been looked at already.
    """
    with database.transaction() as session:
        for table in known or tables(database):
            if session.execute(select(func.count()).select_from(table)).scalar_one():
                continue
            session.execute(insert(table).values(_row(table, database)))
            if table.name == "experiments" and not database.is_sqlite:
                for parent in PARENTS:
                    session.execute(
                        text(f"CREATE TABLE {parent}_1 PARTITION OF {parent} FOR VALUES IN (1)")
                    )
        if database.is_sqlite:
            session.execute(
                text(f"INSERT OR IGNORE INTO {RTREE} VALUES (1, 1, 1, 10, 30, 20, 40)")  # noqa: S608 - a constant
            )


def _row(table: Table, database: Database) -> dict[str, Any]:
    return {
        column.name: _value(table, column, database)
        for column in table.columns
        if not (table.name == "tasks" and column.name == "parent_id")
    }


def _value(table: Table, column: Column[Any], database: Database) -> Any:
    if column.name == "deletion_due":
        return None
    if column.name == "owner_kind":
        return "experiment"
    if column.name == "outline":
        return SQUARE.wkb if database.is_sqlite else SQUARE
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, DateTime):
        return MOMENT
    if isinstance(column.type, (Integer, Float)):
        return 1
    if isinstance(column.type, JSON):
        return {"b": [1, {"a": None}], "a": "µm"}
    if column.name in _CHOICES:
        return _CHOICES[column.name].get(table.name, "TERMINATED")
    return f"{table.name[:10]} µ"


def content(database: Database, known: list[Table] | None = None) -> Rows:
    """All rows by name of table, ordered; values as the database gives them.

    `known` are the tables, if they have been looked at already.
    """
    with database.session() as session:
        found = {
            table.name: [dict(row._mapping) for row in session.execute(select(table))]
            for table in known or tables(database)
        }
        if database.is_sqlite:
            boxes = session.execute(text(f"SELECT * FROM {RTREE}"))  # noqa: S608 - a constant
            found[RTREE] = [dict(row._mapping) for row in boxes]
    return found
