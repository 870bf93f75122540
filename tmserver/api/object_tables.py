"""Feature values and metadata of objects, as tables that stream."""

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from flask import Response
from pydantic import Field

from tmlib.annotation.remark_columns import remark_texts
from tmlib.errors import BadInput
from tmlib.objects import service
from tmlib.objects.selection import Selection, file_name
from tmlib.objects.table.metadata import select_metadata
from tmlib.objects.table.metadata_columns import metadata_columns
from tmlib.objects.table.object_places import places_of
from tmlib.objects.values.feature_values import select_feature_values
from tmlib.objects.values.table_streams import StreamedTable, TableFormat, stream
from tmlib.objects.writing import value_updates
from tmlib.tools.service import labels_of
from tmserver.access import ExperimentAccess
from tmserver.annotators import annotator
from tmserver.api.places import find_site
from tmserver.http.negotiation import accepted_form
from tmserver.http.routing import LARGE_BODY, MANY_ITEMS, Routes
from tmserver.http.schemas import Body, Index, Message, Schema, Text
from tmserver.scopes import EXPERIMENT

routes = Routes("object_table", scope=EXPERIMENT)

_TYPE = "/mapobject_types/<mapobject_type_id>"
FeatureName = Annotated[Text, Field(min_length=1, max_length=255)]

_MEDIA_TYPES = tuple(table_format.media_type for table_format in TableFormat)


class SelectionQuery(Schema):
    """Which objects are asked for, by where they lie."""

    plate_name: Text | None = None
    well_name: Text | None = None
    well_pos_y: Index | None = None
    well_pos_x: Index | None = None
    tpoint: Index | None = None


class NewFeatureValues(Body):
    """Values of all objects of a site: a row for each label, a column for each name.

    Values that are missing are null. Where several planes of the site have objects, ``zplane``
    says which of them is meant.
    """

    plate_name: Text
    well_name: Text
    well_pos_y: Index
    well_pos_x: Index
    tpoint: Index
    zplane: Index | None = None
    names: Annotated[list[FeatureName], Field(min_length=1)]
    labels: list[Index]
    values: list[list[float | None]]


class TableQuery(SelectionQuery):
    """Which objects, and in what form; without ``format`` the header ``Accept`` decides."""

    format: Literal["csv", "parquet", "arrow"] | None = None


class FeatureValuesQuery(TableQuery):
    """Which objects, in what form, and whether columns tell where they lie."""

    metadata: bool = False


@routes.get(f"{_TYPE}/feature-values", permits="read", raises=(409,), media=_MEDIA_TYPES)
def get_feature_values(
    access: ExperimentAccess, mapobject_type_id: int, query: FeatureValuesQuery
) -> Response:
    """Get the feature values of objects: a row for each object and time point.

    With ``metadata``, columns ``Metadata_...`` before the features have the names and positions of
    plate, well and site, and the conditions of the well.
    """
    selection = _selection(query)
    found = select_feature_values(access.database, access.storage, mapobject_type_id, selection)
    table = found.values
    if query.metadata:
        with access.database.session() as session:
            mapobject_type = service.get_mapobject_type(
                session, access.experiment_id, mapobject_type_id
            )
            places = places_of(session, mapobject_type)
        table = found.described_by(metadata_columns(places, found.names))
    return _answer(access, mapobject_type_id, query, "feature-values", table)


@routes.post(
    f"{_TYPE}/feature-values",
    permits="write",
    raises=(409,),
    max_bytes=LARGE_BODY,
    max_items=MANY_ITEMS,
)
def add_feature_values(
    access: ExperimentAccess, mapobject_type_id: int, body: NewFeatureValues
) -> Message:
    """Store what was measured elsewhere of the objects of a site.

    Features that do not exist are created; those that are not named keep their values.
    """
    with access.database.session() as session:
        site = find_site(session, access.experiment_id, body.model_dump())
    value_updates.add_feature_values(
        access.database,
        access.storage,
        mapobject_type_id=mapobject_type_id,
        site_id=site.id,
        tpoint=body.tpoint,
        zplane=body.zplane,
        measurements=_measurements(body),
    )
    return Message()


@routes.get(f"{_TYPE}/metadata", permits="read", media=_MEDIA_TYPES)
def get_metadata(access: ExperimentAccess, mapobject_type_id: int, query: TableQuery) -> Response:
    """Get where objects lie: a row for each object, time point and plane.

    The labels that tools have given come in columns with the names of their results, what people
    have remarked in columns ``TABLE.FIELD``, and conditions of wells in columns ``Metadata_...``.
    """
    labels = labels_of(access.database, access.storage, mapobject_type_id)
    labels += remark_texts(
        access.database, access.experiment_id, mapobject_type_id, annotator(access)
    )
    found = select_metadata(
        access.database, access.experiment_id, mapobject_type_id, _selection(query), labels
    )
    return _answer(access, mapobject_type_id, query, "metadata", found)


def _selection(query: SelectionQuery) -> Selection:
    return Selection(**query.model_dump(include=set(SelectionQuery.model_fields)))


def _measurements(body: NewFeatureValues) -> pd.DataFrame:
    if len(body.values) != len(body.labels):
        raise BadInput(
            f'There are {len(body.values)} rows of "values" for {len(body.labels)} "labels": '
            "send a row for each label."
        )
    for label, row in zip(body.labels, body.values, strict=True):
        if len(row) != len(body.names):
            raise BadInput(
                f'The row of "values" for label {label} has {len(row)} values for '
                f'{len(body.names)} "names": send one for each name, null where it is missing.'
            )
    shape = (len(body.labels), len(body.names))
    values = np.array(body.values, dtype=np.float64).reshape(shape)
    return pd.DataFrame(values, index=body.labels, columns=body.names)


def _answer(
    access: ExperimentAccess,
    mapobject_type_id: int,
    query: TableQuery,
    content: str,
    table: StreamedTable,
) -> Response:
    table_format = TableFormat(query.format) if query.format else accepted_form(TableFormat)
    table_format = table_format or TableFormat.CSV
    with access.database.session() as session:
        found = service.get_mapobject_type(session, access.experiment_id, mapobject_type_id)
        name = file_name(session, found, _selection(query), f"{content}.{table_format}")
    response = Response(_begun(stream(table, table_format)), mimetype=table_format.media_type)
    response.headers.set("Content-Disposition", "attachment", filename=name)
    response.vary.add("Accept")
    return response


def _begun(parts: Iterator[bytes]) -> Iterator[bytes]:
    """The same parts; what is wrong with the first of them is reported before any is sent."""
    return chain([next(parts, b"")], parts)
