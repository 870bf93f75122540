"""The spatial index of annotations: GiST over four dimensions, or an R*Tree.

Each row is in it with the box around all of its points and, as the fourth dimension, the number of
its table. Both indexes round boxes to single precision, outwards.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Double, and_, cast, column, func, select
from sqlalchemy import table as sql_table
from sqlalchemy.orm import Session

from tmlib.annotation.models import Annotation
from tmlib.db.spatial import ANNOTATIONS_RTREE


class Box(NamedTuple):
    """A part of space, with its borders, in the unit of a table's coordinates."""

    min_x: float
    min_y: float
    min_z: float
    max_x: float
    max_y: float
    max_z: float


def touches(session: Session, table_id: int, box: Box) -> ColumnElement[bool]:
    """Condition: a row is of a table, and the box around its points touches another one."""
    row = Annotation
    exactly = and_(
        row.min_x <= box.max_x,
        row.max_x >= box.min_x,
        row.min_y <= box.max_y,
        row.max_y >= box.min_y,
        row.min_z <= box.max_z,
        row.max_z >= box.min_z,
    )
    if session.get_bind().dialect.name == "postgresql":
        number = cast(row.annotation_table_id, Double)
        around = func.ST_MakeLine(
            func.ST_MakePoint(row.min_x, row.min_y, row.min_z, number),
            func.ST_MakePoint(row.max_x, row.max_y, row.max_z, number),
        )
        asked = func.ST_MakeLine(
            func.ST_MakePoint(*box[:3], float(table_id)),
            func.ST_MakePoint(*box[3:], float(table_id)),
        )
        return and_(around.bool_op("&&&")(asked), exactly)
    boxes = sql_table(
        ANNOTATIONS_RTREE,
        column("id", row.row_id.type),
        *(
            column(f"{end}_{axis}", Double)
            for axis in ("table", "x", "y", "z")
            for end in ("min", "max")
        ),
    ).c
    found = select(boxes.id).where(
        boxes.min_table <= table_id,
        boxes.max_table >= table_id,
        boxes.min_x <= box.max_x,
        boxes.max_x >= box.min_x,
        boxes.min_y <= box.max_y,
        boxes.max_y >= box.min_y,
        boxes.min_z <= box.max_z,
        boxes.max_z >= box.min_z,
    )
    return and_(row.row_id.in_(found), exactly)
