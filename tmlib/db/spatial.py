"""Outlines in the database: PostGIS geometry on PostgreSQL, WKB and an R*Tree on SQLite.

Coordinates are pixels of the experiment's map at full resolution, x to the right and y down.
The R*Tree holds whole pixels, and the layer as a third dimension, so that one look-up finds the
objects of one layer in a box.
"""

import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    ForeignKeyConstraint,
    Integer,
    SQLColumnExpression,
    and_,
    column,
    func,
    select,
    type_coerce,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.sql.expression import table as sql_table
from sqlalchemy.types import NullType, TypeEngine, UserDefinedType

from tmlib.db.postgresql import driver_cursor

_COPY_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})

RTREE = "mapobject_segmentation_boxes"
ANNOTATIONS_RTREE = "annotation_boxes"

Bound = float | BindParameter[float]

_PARTITION = r"mapobject.*_\d+"

_ONLY_OF_POSTGRESQL = (
    "ix_mapobject_segmentations_outline",
    "fk_mapobject_segmentations_mapobject",
    "ix_annotations_box",
)

SQLITE_DDL = (
    f"CREATE VIRTUAL TABLE {RTREE} USING rtree_i32("
    "id, min_layer, max_layer, min_x, max_x, min_y, max_y)",
    "CREATE TRIGGER mapobject_segmentations_box_deleted AFTER DELETE ON mapobject_segmentations "
    "BEGIN DELETE FROM mapobject_segmentation_boxes WHERE id = OLD.id; END",
)


class Geometry(UserDefinedType[BaseGeometry]):
    """A shapely geometry; ``geometry`` of PostGIS (SRID 0) or a BLOB of WKB."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[BaseGeometry | None], Any]:
        """Shapely to WKB, in hexadecimal where PostgreSQL parses it."""
        hexadecimal = dialect.name == "postgresql"

        def process(value: BaseGeometry | None) -> Any:
            return None if value is None else shapely.to_wkb(value, hex=hexadecimal)

        return process

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[Any], BaseGeometry | None]:
        """WKB, in hexadecimal or not, to shapely."""

        def process(value: Any) -> BaseGeometry | None:
            return None if value is None else shapely.from_wkb(value)

        return process


@compiles(Geometry)
def _compile_blob(element: Geometry, compiler: Any, **options: Any) -> str:
    return "BLOB"


@compiles(Geometry, "postgresql")
def _compile_geometry(element: Geometry, compiler: Any, **options: Any) -> str:
    return "geometry(Geometry,0)"


class _ReflectedGeometry(Geometry):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__()


postgresql.base.ischema_names["geometry"] = _ReflectedGeometry


def is_schema_object(
    item: object, name: str | None, kind: str, reflected: bool, compare_to: object | None
) -> bool:
    """Whether a migration has to care for a table, index or foreign key.

    Not for the R*Trees' own tables, the partitions of experiments, what PostGIS installs, the
    spatial indexes, which only PostgreSQL has, and the foreign key that only its partitions have.
    """
    if name in _ONLY_OF_POSTGRESQL:
        return False
    if not reflected or compare_to is not None:
        return True
    if isinstance(item, ForeignKeyConstraint):
        # PostgreSQL adds one of its own for each partition that is referred to
        return not re.fullmatch(_PARTITION, item.elements[0].target_fullname.partition(".")[0])
    if kind != "table":
        return True
    return not re.fullmatch(
        rf"({RTREE}|{ANNOTATIONS_RTREE}).*|{_PARTITION}|spatial_ref_sys", name or ""
    )


def in_box(
    session: Session,
    identifier: SQLColumnExpression[int],
    layer: SQLColumnExpression[int],
    geometry: SQLColumnExpression[Any],
    layer_id: int | BindParameter[int],
    box: tuple[Bound, Bound, Bound, Bound],
) -> ColumnElement[bool]:
    """Condition: a segmentation is in a layer and its bounding box touches a box of the map.

    Parameters
    ----------
    session
        Decides which of the two databases is asked.
    identifier, layer, geometry
        Columns of the segmentations table.
    layer_id
        Segmentation layer whose objects are looked for.
    box
        ``(min_x, min_y, max_x, max_y)`` in map pixels.
    """
    min_x, min_y, max_x, max_y = box
    if session.get_bind().dialect.name == "postgresql":
        envelope = func.ST_MakeEnvelope(min_x, min_y, max_x, max_y, 0)
        return and_(layer == layer_id, geometry.bool_op("&&")(envelope))
    # The layer column is left out: SQLite would rather walk along its index than look up ids.
    names = ("id", "min_layer", "max_layer", "min_x", "max_x", "min_y", "max_y")
    boxes = sql_table(RTREE, *(column(name, Integer) for name in names))
    found = select(boxes.c.id).where(
        boxes.c.min_layer <= layer_id,
        boxes.c.max_layer >= layer_id,
        boxes.c.min_x <= max_x,
        boxes.c.max_x >= min_x,
        boxes.c.min_y <= max_y,
        boxes.c.max_y >= min_y,
    )
    return identifier.in_(found)


def order_in_box(identifier: SQLColumnExpression[int]) -> ColumnElement[int]:
    """What to sort and page by; the sum keeps SQLite from using an index for it.

    It would walk along that index through all objects of the experiment, and look for each of them
    whether it is among the few that were found.
    """
    return identifier + 0


def undecoded(geometry: SQLColumnExpression[Any]) -> ColumnElement[Any]:
    """A geometry column as the database gives it, for :func:`decode` to convert many at once."""
    return type_coerce(geometry, NullType())


def decode(values: Sequence[Any]) -> NDArray[Any]:
    """Array of shapely geometries from values of an :func:`undecoded` column."""
    return np.asarray(shapely.from_wkb(np.array(values, dtype=object)))


def bulk_insert(
    session: Session,
    model: type[DeclarativeBase],
    columns: Mapping[str, Sequence[Any] | NDArray[Any]],
) -> None:
    """Insert many rows at once: COPY on PostgreSQL, one prepared statement on SQLite.

    Parameters
    ----------
    session
        Of a write transaction.
    model
        Class of the table.
    columns
        Values by name of column, all of the same length; columns without values get null, not
        their default in Python.
    """
    table = model.__table__
    dialect = session.get_bind().dialect
    values = [_bound(table.c[name].type, sequence, dialect) for name, sequence in columns.items()]
    rows = list(zip(*values, strict=True))
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if dialect.name == "postgresql":
        _copy(session, f"COPY {table} ({names}) FROM STDIN", rows)
    else:
        marks = ", ".join("?" * len(columns))
        session.connection().exec_driver_sql(
            f"INSERT INTO {table} ({names}) VALUES ({marks})",  # noqa: S608 - names of the code's own tables
            rows,
        )


def _bound(
    kind: TypeEngine[Any], values: Sequence[Any] | NDArray[Any], dialect: Dialect
) -> Iterable[Any]:
    """Convert a column to what the driver takes."""
    if isinstance(kind, Geometry):
        binary: list[bytes] = shapely.to_wkb(np.asarray(values, dtype=object)).tolist()
        # shapely's own hexadecimal form is five times slower
        return [wkb.hex() for wkb in binary] if dialect.name == "postgresql" else binary
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    return [process(value) for value in values] if process else values


def index_boxes(
    session: Session, layer_id: int, boxes: Iterable[tuple[int, Sequence[float]]]
) -> None:
    """Enter bounding boxes into the R*Tree; PostGIS keeps its own index.

    Parameters
    ----------
    session
        The session of the transaction that inserts the segmentations.
    layer_id
        Segmentation layer that all of them belong to.
    boxes
        Segmentation id and ``(min_x, min_y, max_x, max_y)`` of each.
    """
    if session.get_bind().dialect.name == "postgresql":
        return
    rows = [
        (
            identifier,
            layer_id,
            layer_id,
            math.floor(min_x),
            math.ceil(max_x),
            math.floor(min_y),
            math.ceil(max_y),
        )
        for identifier, (min_x, min_y, max_x, max_y) in boxes
    ]
    if rows:
        session.connection().exec_driver_sql(
            f"INSERT INTO {RTREE} VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - the name is a constant of this module
            rows,
        )


def _copy(session: Session, statement: str, rows: Iterable[Sequence[Any]]) -> None:
    lines = ("\t".join(map(_copy_text, row)) for row in rows)
    buffer = io.StringIO("\n".join(lines) + "\n")
    with driver_cursor(session.connection()) as cursor:
        cursor.copy_expert(statement, buffer)


def _copy_text(value: Any) -> str:
    if value is None:
        return r"\N"
    if isinstance(value, str):
        return value.translate(_COPY_ESCAPES)
    return str(value)
