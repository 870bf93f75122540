"""Queries of annotation tables as of a moment, in the words of CAVE."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

from pydantic import Field
from sqlalchemy.orm import Session

from tmlib.annotation import mapobject_tables, reading, tables
from tmlib.annotation.boxes import Box
from tmlib.annotation.conditions import Comparison, Condition
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.reading import Row, Selection
from tmlib.annotation.schemas import TARGET
from tmlib.annotation.schemas import Schema as RowSchema
from tmlib.errors import BadInput
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.cave.frames import Column, Scale, choose, columns_of, joined
from tmserver.cave.info import pixel_size
from tmserver.cave.tables import find_type
from tmserver.http.schemas import Body, Moment, Text

ReadTargets = Callable[[list[int]], dict[int, Row]]
"""Finds rows by their numbers, those that there are."""

_AT_ONCE = 5000
_MOST = 2**31 - 1
_AXES = 3
_FARTHEST = 2.0**53  # no point has greater coordinates

Filters = Annotated[dict[str, dict[str, Any]] | None, Field(examples=[None])]
"""By table, by column, what is looked for."""

_COMPARISONS: dict[str, Comparison] = {
    "filter_equal_dict": "eq",
    "filter_in_dict": "in",
    "filter_notin_dict": "not_in",
    "filter_greater_dict": "gt",
    "filter_greater_equal_dict": "ge",
    "filter_less_dict": "lt",
    "filter_less_equal_dict": "le",
}


class QueryBody(Body):
    """Which rows, and what of them; all filters have to fit.

    `filter_spatial_dict` has two opposite corners of a box, in the resolution of the table. Of
    `desired_resolution`, in nanometres, are the coordinates in the answer.
    """

    filter_equal_dict: Filters = Field(None, examples=[{"cells": {"tag": "mitotic"}}])
    filter_in_dict: Filters = None
    filter_notin_dict: Filters = None
    filter_greater_dict: Filters = None
    filter_greater_equal_dict: Filters = None
    filter_less_dict: Filters = None
    filter_less_equal_dict: Filters = None
    filter_spatial_dict: Filters = Field(
        None, examples=[{"cells": {"pt_position": [[0, 0, 0], [5000, 5000, 1]]}}]
    )
    select_columns: list[Text] | None = Field(None, examples=[["id", "pt_position"]])
    select_column_map: dict[str, list[Text]] | None = Field(None, examples=[None])
    offset: Annotated[int | None, Field(ge=0, le=_MOST, examples=[0])] = None
    limit: Annotated[int | None, Field(ge=1, le=_MOST, examples=[1000])] = None
    desired_resolution: list[float] | None = Field(None, examples=[[325.0, 325.0, 1000.0]])


class LiveQueryBody(QueryBody):
    """A query of a table as of any moment."""

    table: Text = Field(examples=["cells"])
    timestamp: Moment = Field(examples=["2026-01-31T12:00:00.000000+00:00"])


class JoinBody(QueryBody):
    """A query of the rows of a table, each together with its target in the reference table."""

    tables: Annotated[list[list[Text]], Field(min_length=2, max_length=2)] = Field(
        examples=[[["remarks", "target_id"], ["cells", "id"]]]
    )
    suffix_map: dict[str, Text] | None = Field(None, examples=[{"remarks": "", "cells": "_ref"}])


@dataclass(frozen=True)
class Found:
    """What a query has found.

    Attributes
    ----------
    table
        The table that was asked.
    columns
        Of the answer.
    rows
        To be taken once, while the session is open: rows, or pairs of each row and its target.
    """

    table: AnnotationTable
    columns: list[Column]
    rows: Iterator[Any]


class Reader:
    """Reads annotation tables as of a moment.

    Parameters
    ----------
    access
        Of whom asks.
    session
        To read with, for as long as rows are taken.
    as_of
        The moment.
    """

    def __init__(self, access: ExperimentAccess, session: Session, as_of: datetime) -> None:
        self._access, self._session, self._as_of = access, session, as_of

    def query(self, name: str, body: QueryBody) -> Found:
        """Rows of a table.

        Raises
        ------
        NotFound, Forbidden
            If the table was not there, or is not for this user.
        BadInput
            If it has not what is asked for.
        """
        table, schema = self._open(name)
        which = selection(body, table, self._as_of)
        end = None if body.limit is None else (body.offset or 0) + body.limit
        rows = reading.read_rows(self._session, table, schema, replace(which, limit=end))
        columns = columns_of(schema, _scale(body, _resolution(table)))
        chosen = _of_all(_chosen(columns, body, name), body)
        return Found(table, chosen, _part(rows, body))

    def count(self, name: str, body: QueryBody) -> int:
        """How many rows of a table there are; the errors are those of `query`."""
        table, schema = self._open(name)
        which = selection(body, table, self._as_of)
        return reading.count_rows(self._session, table, schema, which)

    def join(self, body: JoinBody) -> Found:
        """Rows of a table, each with its target; those whose target did not hold are left out.

        The errors are those of `query`.
        """
        name = next(iter(body.tables[0]), "")
        table, schema = self._open(name)
        target = table.reference_table
        if target is None or body.tables != [[name, TARGET], [target, "id"]]:
            raise BadInput(
                f"Tables can only be joined with the one that they refer to: "
                f'[["{name}", "{TARGET}"], ["{target or "its reference table"}", "id"]].'
            )
        read, columns = self._target(target, body)
        rows = reading.read_rows(self._session, table, schema, selection(body, table, self._as_of))
        suffixes = body.suffix_map or {}
        both = joined(
            _chosen(columns_of(schema, _scale(body, _resolution(table))), body, name),
            _chosen(columns, body, target),
            (suffixes.get(name, ""), suffixes.get(target, "_ref")),
        )
        return Found(table, _of_all(both, body), _part(_pairs(rows, read), body))

    def _open(self, name: str) -> tuple[AnnotationTable, RowSchema]:
        if mapobject_tables.is_one(name):
            raise BadInput(
                f"Table {name[:100]} shows mapobjects as they are now: it is in no version."
            )
        table = tables.open_table(
            self._session,
            self._access.experiment_id,
            name,
            annotator(self._access),
            "read",
            as_of=self._as_of,
        )
        return table, find_schema(self._session, table.schema_name)

    def _target(self, name: str, body: JoinBody) -> tuple[ReadTargets, list[Column]]:
        """How rows are found that others refer to, and the columns of these."""
        if mapobject_tables.is_one(name):
            size = pixel_size(self._access.experiment)
            mapobject_type = find_type(self._session, self._access, name)
            schema = find_schema(self._session, mapobject_tables.SCHEMA)
            begun = self._access.experiment.created_at

            def read_objects(ids: list[int]) -> dict[int, Row]:
                found = mapobject_tables.read_objects(self._session, mapobject_type, ids)
                return {
                    number: Row(number, begun, None, None, None, 0, None, values)
                    for number, values in found.items()
                }

            return read_objects, columns_of(schema, _scale(body, (size, size, 1.0)))
        table, schema = self._open(name)

        def read_rows(ids: list[int]) -> dict[int, Row]:
            which = Selection(as_of=self._as_of, ids=ids)
            return {row.id: row for row in reading.read_rows(self._session, table, schema, which)}

        return read_rows, columns_of(schema, _scale(body, _resolution(table)))


def selection(body: QueryBody, table: AnnotationTable, as_of: datetime) -> Selection:
    """Which rows of a table a query means.

    Raises
    ------
    BadInput
        If the filters are of another table, or are not in the form that is read.
    """
    conditions = []
    for filter_name, comparison in _COMPARISONS.items():
        for column, value in _filters(body, filter_name, table).items():
            conditions.append(Condition(column, comparison, value))
    places = _filters(body, "filter_spatial_dict", table)
    if len(places) > 1:
        raise BadInput("One box can be asked for at a time: filter_spatial_dict has several.")
    box = field = None
    for column, corners in places.items():
        box, field = _box(column, corners), column.removesuffix("_position")
    return Selection(as_of=as_of, box=box, field=field, conditions=tuple(conditions))


def _filters(body: QueryBody, name: str, table: AnnotationTable) -> dict[str, Any]:
    given: dict[str, dict[str, Any]] = getattr(body, name) or {}
    for other in given.keys() - {table.name}:
        raise BadInput(f"{name} is about table {other[:100]}: only {table.name} can be filtered.")
    return given.get(table.name, {})


def _box(column: str, corners: Any) -> Box:
    try:
        low, high = [[float(number) for number in corner] for corner in corners]
        axes = [sorted(pair) for pair in zip(low, high, strict=True)]
    except (TypeError, ValueError):
        axes = []
    if len(axes) != _AXES or not all(abs(one) <= _FARTHEST for pair in axes for one in pair):
        raise BadInput(
            f'The box around "{column[:80]}" must be two corners, [[x, y, z], [x, y, z]].'
        )
    lowest, highest = zip(*axes, strict=True)
    return Box(*lowest, *highest)


def _scale(body: QueryBody, present: Scale) -> Scale:
    wanted = body.desired_resolution
    if wanted is None:
        return (1.0, 1.0, 1.0)
    if len(wanted) != _AXES or not all(math.isfinite(size) and size > 0 for size in wanted):
        raise BadInput("The desired resolution must be three sizes in nanometres, greater than 0.")
    x, y, z = (size / target for size, target in zip(present, wanted, strict=True))
    return (x, y, z)


def _resolution(table: AnnotationTable) -> Scale:
    return (table.voxel_resolution_x, table.voxel_resolution_y, table.voxel_resolution_z)


def _chosen(columns: list[Column], body: QueryBody, name: str) -> list[Column]:
    """Those of a table's columns that a query selects for each table."""
    if body.select_column_map is None:
        return columns
    return choose(columns, body.select_column_map.get(name, []))


def _of_all(columns: list[Column], body: QueryBody) -> list[Column]:
    """Those columns of an answer that a query selects."""
    found = choose(columns, body.select_columns) if body.select_columns else columns
    if not found:
        raise BadInput("No columns are selected: leave the selection out for all of them.")
    return found


def _part(rows: Iterator[Any], body: QueryBody) -> Iterator[Any]:
    first = body.offset or 0
    return islice(rows, first, None if body.limit is None else first + body.limit)


def _pairs(rows: Iterator[Row], read: ReadTargets) -> Iterator[tuple[Row, Row]]:
    while some := list(islice(rows, _AT_ONCE)):
        targets = read(sorted({row.values[TARGET] for row in some} - {None}))
        for row in some:
            if (target := targets.get(row.values[TARGET])) is not None:
                yield row, target
