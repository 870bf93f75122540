"""One object of a table: its values, and where they stand among those of all."""

from typing import Annotated, Any

from pydantic import Field, Json

from tmlib.objects.table import columns
from tmlib.objects.table.table_ranks import RankedValue, rank_object
from tmserver.access import ExperimentAccess
from tmserver.api.table_queries import ColumnName, opened_table
from tmserver.http.routing import Routes
from tmserver.http.schemas import Index, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("table", scope=EXPERIMENT)

_MAX_COLUMNS = 1000


class ObjectQuery(Schema):
    """Which values, all by default, and when and in which plane: where the object is seen first."""

    columns: Annotated[
        Json[Annotated[list[ColumnName], Field(min_length=1, max_length=_MAX_COLUMNS)]] | None,
        Field(examples=['["well_name", "Morphology_Area"]']),
    ] = None
    tpoint: Index | None = None
    zplane: Index | None = None


class ObjectValue(Schema):
    """A value of an object; null if it is missing.

    The percentile is the share, in percent, of the values at the same time point and plane that are
    smaller, where those that are equal count half. Metadata, texts and what is missing have none.
    """

    name: str = Field(examples=["Morphology_Area"])
    kind: columns.Kind = Field(examples=["feature"])
    type: columns.ValueType = Field(examples=["float"])
    value: Any = Field(examples=[2450.0])
    percentile: float | None = Field(examples=[73.5])


class ObjectRow(Schema):
    """An object at a time point and plane, where there are so many of its type.

    The id is a plain number, as in tiles and tables.
    """

    mapobject_id: int
    tpoint: int
    zplane: int
    n_objects: int = Field(examples=[1630])
    columns: list[ObjectValue]


@routes.get(
    "/mapobject_types/<mapobject_type_id>/table/objects/<mapobject_id>",
    permits="read",
    raises=(409,),
)
def get_table_object(
    access: ExperimentAccess, mapobject_type_id: int, mapobject_id: int, query: ObjectQuery
) -> ObjectRow:
    """Get the values of an object, and their percentiles among those of all objects of its type."""
    table = opened_table(access, mapobject_type_id)
    shown = [*table.columns]
    if query.columns is not None:
        shown = [table.find(name) for name in query.columns]
    found = rank_object(table, shown, mapobject_id, query.tpoint, query.zplane)
    return ObjectRow(
        mapobject_id=found.mapobject_id,
        tpoint=found.tpoint,
        zplane=found.zplane,
        n_objects=found.n_objects,
        columns=[_value(one) for one in found.values],
    )


def _value(ranked: RankedValue) -> ObjectValue:
    column = ranked.column
    return ObjectValue(
        name=column.name,
        kind=column.kind,
        type=column.type,
        value=ranked.value,
        percentile=ranked.percentile,
    )
