"""The table of all objects of a type: its columns, and its rows page by page."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
from flask import Response
from numpy.typing import NDArray
from pydantic import ConfigDict, Field, Json

from tmlib.errors import BadInput
from tmlib.objects.table.columns import Column
from tmlib.objects.table.object_table import ObjectTable
from tmlib.objects.table.table_rows import SortKey, in_order, page
from tmlib.objects.table.value_streams import arrow_array
from tmlib.objects.values.table_streams import TableFormat, arrow_stream
from tmserver.access import ExperimentAccess
from tmserver.api.table_queries import (
    ColumnName,
    Cursor,
    ObjectsQuery,
    TableColumn,
    chosen_rows,
    digest,
    opened_table,
    version_of,
)
from tmserver.http.compression import compressed_response
from tmserver.http.negotiation import accepted_form
from tmserver.http.routing import Routes
from tmserver.http.schemas import Index, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("table", scope=EXPERIMENT)

_TABLE = "/mapobject_types/<mapobject_type_id>/table"
_MAX_COLUMNS, _MAX_ROWS, _MAX_CELLS = 10_000, 10_000, 1_000_000
_N_ROWS = 100


class SortedBy(Schema):
    """A column to sort by; what is missing comes last either way."""

    model_config = ConfigDict(extra="forbid")

    column: ColumnName
    descending: bool = False


class RowsQuery(ObjectsQuery):
    """Which rows and columns, in which order, and where the page begins.

    Without ``columns`` all of them are sent. Rows that are equal in all columns that are sorted by
    are in the order of time point, plane, site and label. ``cursor`` of a page gives the one that
    follows; ``offset`` goes anywhere.
    """

    columns: Annotated[
        Json[Annotated[list[ColumnName], Field(min_length=1, max_length=_MAX_COLUMNS)]] | None,
        Field(examples=['["mapobject_id", "well_name", "Morphology_Area"]']),
    ] = None
    sort: Annotated[
        Json[Annotated[list[SortedBy], Field(max_length=3)]] | None,
        Field(examples=['[{"column": "Morphology_Area", "descending": true}]']),
    ] = None
    limit: Annotated[int, Field(ge=1, le=_MAX_ROWS)] = _N_ROWS
    offset: Index | None = None
    cursor: Annotated[Text | None, Field(max_length=1000, examples=[None])] = None
    format: Literal["json", "arrow"] | None = None


class TablePage(Schema):
    """Rows of a table, each with a value per column; null is what is missing.

    ``n_rows`` counts the rows on all pages. ``cursor`` is null on the last page.
    """

    columns: list[TableColumn]
    rows: list[list[Any]] = Field(examples=[[[2450.0]]])
    n_rows: int = Field(examples=[1000000])
    offset: int
    cursor: str | None = Field(examples=["WyI3ZDEiLCAiYTQyIiwgMTAwXQ=="])


@routes.get(f"{_TABLE}/columns", permits="read", raises=(409,))
def get_table_columns(access: ExperimentAccess, mapobject_type_id: int) -> list[TableColumn]:
    """List the columns of the table of all objects: metadata, features, results of tools."""
    table = opened_table(access, mapobject_type_id)
    return [TableColumn.model_validate(column) for column in table.columns]


@routes.get(
    _TABLE, permits="read", raises=(409,), by_form=True, media=(TableFormat.ARROW.media_type,)
)
def get_table_page(
    access: ExperimentAccess, mapobject_type_id: int, query: RowsQuery
) -> TablePage | Response:
    """Get a page of the table of all objects, sorted by any column, filtered by ranges and sets.

    All pages of a cursor are of one version of the values; 409 says that these have changed.
    """
    table = opened_table(access, mapobject_type_id)
    shown = [*table.columns]
    if query.columns is not None:
        shown = [table.find(name) for name in query.columns]
    if query.limit * len(shown) > _MAX_CELLS:
        raise BadInput(
            f"{query.limit} rows of {len(shown)} columns are too much for a page, which has "
            f'{_MAX_CELLS} values at most: choose "columns", or a smaller "limit".'
        )
    keys = [SortKey(table.find(one.column), one.descending) for one in query.sort or ()]
    version = version_of(table, [*shown, *(key.column for key in keys)], query)
    request = digest(query.model_dump_json(exclude={"limit", "offset", "cursor", "format"}))
    offset = _offset(query, version, request)
    chosen = chosen_rows(table, query)
    n_rows = int(np.count_nonzero(chosen))
    rows = page(chosen, in_order(table, keys), offset, query.limit)
    end = offset + len(rows)
    cursor = Cursor(version, request, end).encode() if len(rows) and end < n_rows else None
    if query.format == "arrow" or (query.format is None and accepted_form([TableFormat.ARROW])):
        return _arrow_page(table, shown, rows, {"n_rows": str(n_rows), "cursor": cursor or ""})
    values = [found.plain() for found in table.values_of(shown, rows)]
    return TablePage(
        columns=[TableColumn.model_validate(column) for column in shown],
        rows=[list(row) for row in zip(*values, strict=True)],
        n_rows=n_rows,
        offset=offset,
        cursor=cursor,
    )


def _offset(query: RowsQuery, version: str, request: str) -> int:
    if query.cursor is None:
        return query.offset or 0
    if query.offset is not None:
        raise BadInput('A page begins at "cursor" or at "offset": leave one of them out.')
    cursor = Cursor.decode(query.cursor)
    cursor.check(version, request)
    return cursor.offset


def _arrow_page(
    table: ObjectTable, shown: Sequence[Column], rows: NDArray[np.intp], facts: dict[str, str]
) -> Response:
    arrays = [arrow_array(values) for values in table.values_of(shown, rows)]
    names = [column.name for column in shown]
    content = pa.table(arrays, names=names).replace_schema_metadata(
        {f"tmserver.{name}": text for name, text in facts.items()}
    )
    media_type = TableFormat.ARROW.media_type
    return compressed_response(arrow_stream(content.schema, [content]), media_type)
