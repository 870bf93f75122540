"""Values of one column for all objects of a type, as arrays that need no parsing."""

from typing import Annotated, Any, Literal

import numpy as np
from flask import Response, request
from pydantic import Field

from tmlib.errors import BadInput
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.table.columns import Column, ColumnValues
from tmlib.objects.table.object_places import rows_in_box
from tmlib.objects.table.object_table import ObjectTable
from tmlib.objects.table.value_streams import KeyedValues, ValueFormat
from tmlib.objects.tiles.geojson_tiles import TILE_SIZE
from tmserver.access import ExperimentAccess
from tmserver.api.table_queries import (
    ColumnName,
    ObjectsQuery,
    chosen_rows,
    digest,
    opened_table,
    version_of,
)
from tmserver.http.compression import accepted_coding, compressed_response
from tmserver.http.negotiation import accepted_form
from tmserver.http.routing import Routes
from tmserver.http.schemas import Index
from tmserver.scopes import EXPERIMENT

routes = Routes("object_values", scope=EXPERIMENT)

_TileNumber = Annotated[Index | None, Field(examples=[None])]


class ValuesQuery(ObjectsQuery):
    """Which column and which objects: all, or those of a place on the plate, or of a tile.

    An object is the same at all time points and planes: rows of several have ``tpoint`` and
    ``zplane``. ``x``, ``y`` and ``z`` are those of the map's tiles. ``dtype`` is the type of
    floating-point numbers.
    """

    column: ColumnName
    zplane: Index | None = None
    dtype: Literal["float32", "float64"] = "float64"
    x: _TileNumber = None
    y: _TileNumber = None
    z: _TileNumber = None
    format: Literal["arrow", "binary"] | None = None


@routes.get(
    "/mapobject_types/<mapobject_type_id>/values",
    permits="read",
    raises=(409,),
    media=tuple(one.media_type for one in ValueFormat),
    success=(200, 304),
)
def get_values(access: ExperimentAccess, mapobject_type_id: int, query: ValuesQuery) -> Response:
    """Get the values of a feature, of a tool result or of metadata, keyed by mapobject id.

    They come as Arrow IPC stream, or in a plain form for browsers. The header ``ETag`` changes
    when the values do.
    """
    table = opened_table(access, mapobject_type_id)
    column = table.find(query.column)
    value_format = ValueFormat(query.format) if query.format else accepted_form(ValueFormat)
    value_format = value_format or ValueFormat.ARROW
    etag = digest(
        version_of(table, [column], query),
        query.model_dump_json(exclude={"format"}),
        value_format,
        accepted_coding(),
    )
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        found = _keyed_values(access, table, column, query)
        parts = found.arrow() if value_format is ValueFormat.ARROW else found.binary()
        response = compressed_response(parts, value_format.media_type)
    response.set_etag(etag)
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.update(("Accept", "Accept-Encoding"))
    return response


def _keyed_values(
    access: ExperimentAccess, table: ObjectTable, column: Column, query: ValuesQuery
) -> KeyedValues:
    chosen = chosen_rows(table, query)
    box = _tile_box(access, query)
    if box is not None:
        with access.database.session() as session:
            found = get_mapobject_type(session, access.experiment_id, table.mapobject_type_id)
            chosen = chosen & rows_in_box(session, found, table.rows, box, query.tpoint)
    if query.zplane is not None and table.layout is None:
        chosen = chosen & (table.rows["zplane"] == query.zplane)
    rows: Any = slice(None) if chosen.all() else np.flatnonzero(chosen)
    has_planes = len({file.zplane for file in table.files}) > 1
    values = table.values(column)
    numbers = values.numbers[rows]
    if column.type == "float":
        numbers = numbers.astype(query.dtype, copy=False)
    return KeyedValues(
        version=table.version,
        name=column.name,
        mapobject_ids=table.rows["mapobject_id"][rows],
        tpoints=table.rows["tpoint"][rows] if query.tpoint is None else None,
        zplanes=table.rows["zplane"][rows] if query.zplane is None and has_planes else None,
        values=ColumnValues(numbers, values.texts),
    )


def _tile_box(access: ExperimentAccess, query: ValuesQuery) -> tuple[int, int, int, int] | None:
    """The part of the map that a tile shows, in its pixels: (min_x, min_y, max_x, max_y)."""
    tile = (query.x, query.y, query.z)
    if tile == (None, None, None):
        return None
    if query.x is None or query.y is None or query.z is None:
        raise BadInput('A tile has "x", "y" and "z": send all of them or none.')
    map_levels = access.experiment.map_levels or 0
    if query.z >= map_levels:
        raise BadInput(
            f"There is no zoom level {query.z}: the map of the experiment has {map_levels}, "
            "counted from 0."
        )
    size = TILE_SIZE * 2 ** (map_levels - 1 - query.z)
    return query.x * size, query.y * size, (query.x + 1) * size, (query.y + 1) * size
