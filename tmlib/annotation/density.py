"""How dense the points of annotation tables are: their numbers in squares."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, cast, func, select
from sqlalchemy.orm import Session

from tmlib.annotation.boxes import Box
from tmlib.annotation.models import Annotation, AnnotationTable
from tmlib.annotation.reading import Selection, filtered, read_rows
from tmlib.annotation.schemas import Schema
from tmlib.errors import BadInput

MOST_SQUARES = 100_000
"""In a box for which densities are asked."""

Square = tuple[int, int, int]
"""Column and row of a square, counted from the origin, and how many points are in it."""


def count_in_squares(
    session: Session,
    table: AnnotationTable,
    schema: Schema,
    which: Selection,
    box: Box,
    side: float,
) -> Sequence[Square]:
    """Count the points of a table by squares, those with points alone.

    Parameters
    ----------
    session
        To read with.
    table
        Of which the points are.
    schema
        Its schema.
    which
        Which rows, and which field of theirs; the first point if none is named.
    box
        Where; its borders are within it.
    side
        Of a square, in the unit of the table; squares begin at multiples of it.

    Raises
    ------
    BadInput
        If there is no such point, or the box has too many squares.
    """
    if not schema.points:
        raise BadInput(f"The rows of table {table.name} have no points.")
    field = which.field or schema.points[0]
    place = schema.point_column(field)
    left, top = math.floor(box.min_x / side), math.floor(box.min_y / side)
    shape = [math.floor(box.max_x / side) - left + 1, math.floor(box.max_y / side) - top + 1]
    if math.prod(shape) > MOST_SQUARES:
        raise BadInput(
            f"The box has {shape[0]} x {shape[1]} squares, and {MOST_SQUARES} are the most: ask "
            "for larger ones."
        )
    which = replace(which, field=field, box=box)
    if which.mapobject_id is not None:
        found = (row.values[place] for row in read_rows(session, table, schema, which))
        counts = Counter((math.floor(x / side), math.floor(y / side)) for x, y, _ in found)
        return [(*square, count) for square, count in sorted(counts.items())]
    many = len(schema.points) > 1
    corners: tuple[Any, Any] = (Annotation.min_x, Annotation.min_y)
    x, y = (
        Annotation.data[(field, axis)].as_float() if many else corner
        for axis, corner in enumerate(corners)
    )
    column, row = _number(session, x, side, left), _number(session, y, side, top)
    columns: list[ColumnElement[Any]] = [
        *(column.label("across"), row.label("down")),
        func.count().label("n_points"),
    ]
    query = filtered(session, select(*columns).select_from(Annotation), table, schema, which)
    counted = session.execute(query.group_by("across", "down").order_by("across", "down"))
    return [(one.across + left, one.down + top, one.n_points) for one in counted]


def _number(
    session: Session, coordinate: ColumnElement[Any], side: float, first: int
) -> ColumnElement[int]:
    """Which square a coordinate is in, counted from the first one, before which there is none."""
    share = cast(coordinate, Float) / side - first
    if session.get_bind().dialect.name == "postgresql":
        share = func.floor(share)
    # SQLite cuts off what is behind the point; its builds need not have floor
    return cast(share, Integer)
