"""Feature values and metadata of objects, as tables that stream."""

from collections.abc import Iterator
from itertools import chain
from typing import Literal

from flask import Response, request

from tmlib.objects import service
from tmlib.objects.feature_values import select_feature_values
from tmlib.objects.metadata import select_metadata
from tmlib.objects.selection import Selection, file_name
from tmlib.objects.table_streams import StreamedTable, TableFormat, stream
from tmserver.access import ExperimentAccess
from tmserver.routing import Routes
from tmserver.schemas import Index, Schema, Text

routes = Routes("object_table")

_TYPE = "/api/experiments/<experiment_id>/mapobject_types/<mapobject_type_id>"
_MEDIA_TYPES = tuple(table_format.media_type for table_format in TableFormat)


class SelectionQuery(Schema):
    """Which objects are asked for, by where they lie."""

    plate_name: Text | None = None
    well_name: Text | None = None
    well_pos_y: Index | None = None
    well_pos_x: Index | None = None
    tpoint: Index | None = None


class TableQuery(SelectionQuery):
    """Which objects, and in what form; without ``format`` the header ``Accept`` decides."""

    format: Literal["csv", "parquet", "arrow"] | None = None


@routes.get(f"{_TYPE}/feature-values", permits="read", raises=(409,), media=_MEDIA_TYPES)
def get_feature_values(
    access: ExperimentAccess, mapobject_type_id: int, query: TableQuery
) -> Response:
    """Get the feature values of objects: a row for each object and time point."""
    selection = _selection(query)
    found = select_feature_values(access.database, access.storage, mapobject_type_id, selection)
    return _answer(access, mapobject_type_id, query, "feature-values", found.values)


@routes.get(f"{_TYPE}/metadata", permits="read", media=_MEDIA_TYPES)
def get_metadata(access: ExperimentAccess, mapobject_type_id: int, query: TableQuery) -> Response:
    """Get where objects lie: a row for each object, time point and plane."""
    selection = _selection(query)
    found = select_metadata(access.database, access.experiment_id, mapobject_type_id, selection)
    return _answer(access, mapobject_type_id, query, "metadata", found)


def _selection(query: SelectionQuery) -> Selection:
    return Selection(**query.model_dump(include=set(SelectionQuery.model_fields)))


def _answer(
    access: ExperimentAccess,
    mapobject_type_id: int,
    query: TableQuery,
    content: str,
    table: StreamedTable,
) -> Response:
    table_format = TableFormat(query.format) if query.format else _accepted_format()
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        name = file_name(session, found, _selection(query), f"{content}.{table_format}")
    response = Response(_begun(stream(table, table_format)), mimetype=table_format.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.vary.add("Accept")
    return response


def _accepted_format() -> TableFormat:
    """The form that the header ``Accept`` asks for; CSV if it asks for none that there is."""
    best = request.accept_mimetypes.best_match(_MEDIA_TYPES, default=TableFormat.CSV.media_type)
    return next(one for one in TableFormat if one.media_type == best)


def _begun(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same parts; what is wrong with the first of them is reported before any is sent."""
    return chain([next(parts, b"")], parts)
