"""Rows of annotation tables: entering, updating, deleting, finding them, and their history."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from itertools import chain, islice
from typing import Annotated, Any

from flask import Response
from pydantic import Field, Json

from tmlib.accounts import service
from tmlib.annotation import exports, reading, rows, tables
from tmlib.annotation.boxes import Box
from tmlib.annotation.conditions import Comparison, Condition
from tmlib.annotation.density import count_in_squares
from tmlib.annotation.known_schemas import find_schema
from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.reading import Row, Selection
from tmlib.annotation.schemas import Schema as RowSchema
from tmlib.errors import BadInput
from tmlib.objects.values.table_streams import TableFormat, stream
from tmserver.access import ExperimentAccess
from tmserver.annotators import RepeatKey, annotator, place
from tmserver.http.compression import compressed_response
from tmserver.http.routing import LARGE_BODY, LIST_BODY, MANY_ITEMS, Routes
from tmserver.http.schemas import Body, IdText, Moment, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("annotation", scope=EXPERIMENT)

_TABLE = "/annotation_tables/<table_name>"
_ROWS = f"{_TABLE}/annotations"
_IDS = re.compile(r"\d{1,18}(,\d{1,18})*", re.ASCII)
_FLAT_BOX, _DEEP_BOX = 4, 6


class Format(StrEnum):
    """Forms in which rows are sent."""

    JSON = "json"
    CSV = "csv"
    GEOJSON = "geojson"
    PARQUET = "parquet"
    ARROW = "arrow"


class ConditionText(Schema):
    """A condition on a field; for `in` and `not_in` the value is a list."""

    field: Text
    comparison: Comparison = "eq"
    value: Any


class RowsFilter(Schema):
    """Which rows: those that fit all that is given, and hold now or at the moment `as_of`.

    `box` has numbers with commas between them, `min_x,min_y,max_x,max_y` for all focal planes or
    `min_x,min_y,min_z,max_x,max_y,max_z`; one of the points of a row has to lie in it, or that of
    `field`. So it is with the object `mapobject_id`, whose outline has to contain the point.
    """

    box: Text | None = Field(None, examples=["2000,500,3000,1500"])
    mapobject_id: Annotated[int | None, Field(ge=1, lt=2**53, examples=[None])] = None
    field: Text | None = Field(None, examples=[None])
    where: Annotated[
        Json[Annotated[list[ConditionText], Field(max_length=50)]] | None,
        Field(examples=['[{"field": "tag", "comparison": "eq", "value": "anaphase"}]']),
    ] = None
    as_of: Moment | None = Field(None, examples=["2026-01-31T12:00:00Z"])
    with_invalid: bool = False
    user_id: IdText | None = Field(None, examples=[None])
    created_since: Moment | None = Field(None, examples=[None])
    created_until: Moment | None = Field(None, examples=[None])

    def selection(self) -> Selection:
        """What is looked for."""
        return Selection(
            as_of=self.as_of,
            with_invalid=self.with_invalid,
            box=None if self.box is None else _box(self.box),
            mapobject_id=self.mapobject_id,
            field=self.field,
            conditions=tuple(
                Condition(one.field, one.comparison, one.value) for one in self.where or ()
            ),
            user_id=self.user_id,
            created_since=self.created_since,
            created_until=self.created_until,
        )


class RowsQuery(RowsFilter):
    """Which rows, and in which form.

    `ids` are numbers with commas between them. `after` is the number of a row: those with greater
    ones come, and at most `limit` of them. `bind` is the name of a mapobject type: for each point
    `<name>_mapobject_id` tells the object that contains it at present, null where none does.
    """

    ids: Text | None = Field(None, examples=["1,2,3"])

    after: Annotated[int | None, Field(ge=0, lt=2**53, examples=[None])] = None
    limit: Annotated[int | None, Field(ge=1, lt=2**31)] = None
    bind: Text | None = Field(None, examples=[None])
    format: Format = Format.JSON

    def selection(self) -> Selection:
        """What is looked for."""
        if self.ids is not None and not _IDS.fullmatch(self.ids):
            raise BadInput('"ids" must be whole numbers with commas between them.')
        ids = None if self.ids is None else [int(one) for one in self.ids.split(",")]
        return replace(
            super().selection(), ids=ids, after=self.after, limit=self.limit, bind=self.bind
        )


class DensityQuery(RowsFilter):
    """Which rows, and how large squares are; only points in the `box`, which must be given, count.

    Of rows with several points it is that of `field`, or the first one.
    """

    box: Text = Field(examples=["2000,500,3000,1500"])
    side: Annotated[float, Field(ge=0.001, le=2**53, examples=[16.0])]


class Density(Schema):
    """How many points there are in squares, whose sides are as long as asked for.

    `squares` has those with points: column and row, counted from the origin, and the number of
    points. A square begins at column * `side` and row * `side`.
    """

    side: float = Field(examples=[16.0])
    n_points: int = Field(examples=[3])
    squares: list[tuple[int, int, int]] = Field(examples=[[[125, 31, 2], [126, 40, 1]]])


class Annotations(Body):
    """Rows, or changes of rows, each of which has an `id` then."""

    annotations: list[dict[str, Any]] = Field(
        examples=[[{"pt": {"position": [2450, 883, 0]}, "tag": "anaphase"}]]
    )


class RowIds(Body):
    """Numbers of rows."""

    ids: list[int] = Field(examples=[[1, 2]])


class UpdatedRow(Schema):
    """The numbers of a row that was superseded and of the one that is in its place."""

    id: int
    new_id: int = Field(examples=[2])


class AnnotationRow(Schema):
    """A state of an annotation; points are `<name>_position`, three coordinates."""

    id: int
    created_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    deleted_at: datetime | None = Field(examples=[None])
    superseded_by: int | None = Field(examples=[None])
    supersedes: int | None = Field(examples=[None])
    user_id: int
    deleted_by: int | None = Field(examples=[None])
    is_valid: bool
    values: dict[str, Any] = Field(examples=[{"pt_position": [2450, 883, 0], "tag": "anaphase"}])


class AnnotationState(AnnotationRow):
    """A state of an annotation, with who has made and who has ended it, as far as known."""

    user_name: str | None = Field(None, examples=["mara"])
    deleted_by_name: str | None = Field(None, examples=[None])


@routes.get(
    _ROWS,
    permits="read",
    raises=(403,),
    by_form=True,
    media=("text/csv", "application/geo+json", *(form.media_type for form in TableFormat)),
)
def get_annotations(
    access: ExperimentAccess, table_name: str, query: RowsQuery
) -> list[AnnotationRow] | Response:
    """Get rows in the order of their numbers, any number of them."""
    which = query.selection()
    write: Callable[[RowSchema, Iterable[Row]], Iterator[bytes]]
    match query.format:
        case Format.JSON:
            write, media_type = _enveloped, "application/json"
        case Format.GEOJSON:
            write, media_type = exports.geojson, "application/geo+json"
        case _:
            form = TableFormat(query.format)
            media_type = form.media_type

            def write(schema: RowSchema, found: Iterable[Row]) -> Iterator[bytes]:
                bound = () if which.bind is None else reading.bound_columns(schema).values()
                return stream(exports.AnnotationStream(schema, found, tuple(bound)), form)

    parts = _parts(access, table_name, which, write)
    response = compressed_response(chain([next(parts)], parts), media_type)
    if query.format is not Format.JSON:
        name = f"{table_name}.{query.format}"
        response.headers.set("Content-Disposition", "attachment", filename=name)
    return response


@routes.get(f"{_TABLE}/count", permits="read", raises=(403,))
def count_annotations(access: ExperimentAccess, table_name: str, query: RowsFilter) -> int:
    """Count rows."""
    which = query.selection()
    with access.database.session() as session:
        table, schema = _opened(access, session, table_name, which.as_of)
        return reading.count_rows(session, table, schema, which)


@routes.get(f"{_TABLE}/density", permits="read", raises=(403,))
def get_annotation_density(
    access: ExperimentAccess, table_name: str, query: DensityQuery
) -> Density:
    """Count points by squares, to draw them where there are too many to draw each."""
    which, box = query.selection(), _box(query.box)
    with access.database.session() as session:
        table, schema = _opened(access, session, table_name, which.as_of)
        squares = count_in_squares(session, table, schema, which, box, query.side)
    n_points = sum(count for _, _, count in squares)
    return Density(side=query.side, n_points=n_points, squares=squares)


@routes.get(f"{_ROWS}/<row>/history", permits="read", raises=(403,))
def get_annotation_history(
    access: ExperimentAccess, table_name: str, row: str
) -> list[AnnotationState]:
    """Get all states of an annotation, the first one first, by the number of any of them."""
    if not _IDS.fullmatch(row) or "," in row:
        raise BadInput("The number of a row must be a whole number.")
    with access.database.session() as session:
        table, schema = _opened(access, session, table_name)
        states = reading.history(session, table, schema, int(row))
        names = service.names_of(
            session, {one.user_id for one in states} | {one.deleted_by for one in states}
        )
        return [
            AnnotationState.model_validate(
                one._asdict()
                | {
                    "is_valid": one.is_valid,
                    "user_name": names.get(one.user_id),
                    "deleted_by_name": names.get(one.deleted_by),
                }
            )
            for one in states
        ]


@routes.post(_ROWS, permits="write", raises=(409,), max_bytes=LARGE_BODY, max_items=MANY_ITEMS)
def add_annotations(
    access: ExperimentAccess, table_name: str, headers: RepeatKey, body: Annotations
) -> list[int]:
    """Enter rows; the answer is their numbers, in the same order.

    Those with an `id` keep it; the others get numbers that go on from the greatest.
    """
    return rows.post_rows(place(access, table_name, headers), body.annotations)


@routes.put(_ROWS, permits="write", raises=(409,), max_bytes=LARGE_BODY, max_items=MANY_ITEMS)
def update_annotations(
    access: ExperimentAccess, table_name: str, headers: RepeatKey, body: Annotations
) -> list[UpdatedRow]:
    """Supersede rows by new ones, which keep what is not given."""
    changed = rows.update_rows(place(access, table_name, headers), body.annotations)
    return [UpdatedRow(id=old, new_id=new) for old, new in changed.items()]


@routes.delete(_ROWS, permits="write", max_bytes=LIST_BODY)
def delete_annotations(access: ExperimentAccess, table_name: str, body: RowIds) -> list[int]:
    """Mark rows as deleted; the answer is the numbers of those that there are."""
    return rows.delete_rows(place(access, table_name), body.ids)


def _opened(
    access: ExperimentAccess, session: Any, table_name: str, as_of: datetime | None = None
) -> tuple[AnnotationTable, RowSchema]:
    who = annotator(access)
    table = tables.open_table(session, access.experiment_id, table_name, who, "read", as_of=as_of)
    return table, find_schema(session, table.schema_name)


def _parts(
    access: ExperimentAccess,
    table_name: str,
    which: Selection,
    write: Callable[[RowSchema, Iterable[Row]], Iterator[bytes]],
) -> Iterator[bytes]:
    with access.database.session() as session:
        table, schema = _opened(access, session, table_name, which.as_of)
        found = reading.read_rows(session, table, schema, which)
        # what is wrong with the query is said before anything is sent
        first = list(islice(found, 1))
        yield from write(schema, chain(first, found))


def _enveloped(schema: RowSchema, found: Iterable[Row]) -> Iterator[bytes]:
    return chain([b'{"data":'], exports.json_rows(found), [b"}"])


def _box(text: str) -> Box:
    try:
        numbers = [float(one) for one in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == _FLAT_BOX:
        min_x, min_y, max_x, max_y = numbers
        numbers = [min_x, min_y, -(2.0**53), max_x, max_y, 2.0**53]
    if len(numbers) != _DEEP_BOX or not all(abs(one) <= 2.0**53 for one in numbers):
        raise BadInput('"box" must be four or six numbers with commas between them.')
    return Box(*numbers)
