"""Statistics of the table of all objects of a type: by plate, well or site, and of all of them."""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import Field, Json

from tmlib.errors import BadInput
from tmlib.objects.table import table_statistics as statistics
from tmlib.objects.table.table_statistics import Groups, Statistics
from tmserver.access import ExperimentAccess
from tmserver.api.table_queries import (
    ColumnName,
    Number,
    ObjectsQuery,
    TableColumn,
    asked_places,
    chosen_rows,
    opened_table,
)
from tmserver.http.routing import Routes
from tmserver.http.schemas import Index, Schema
from tmserver.scopes import EXPERIMENT

routes = Routes("table", scope=EXPERIMENT)

_TABLE = "/mapobject_types/<mapobject_type_id>/table"
_Value = str | int | float | bool | None
_Statistic = Annotated[float | None, Field(examples=[2450.0])]
_Quantile = Annotated[float, Field(ge=0, le=1)]
_QUANTILES = [0.05, 0.25, 0.75, 0.95]


class StatisticsQuery(ObjectsQuery):
    """Which objects, and which quantiles."""

    quantiles: Annotated[
        Json[Annotated[list[_Quantile], Field(max_length=100)]] | None,
        Field(examples=["[0.05, 0.25, 0.75, 0.95]"]),
    ] = None

    @property
    def wanted(self) -> list[float]:
        """The quantiles, and the median."""
        return [0.5, *(_QUANTILES if self.quantiles is None else self.quantiles)]


class GroupsQuery(StatisticsQuery):
    """Which columns, and what the objects of a group have in common.

    ``by`` names columns of texts or whole numbers; ``["plate_name", "well_name"]`` makes a group of
    each well. Without it all objects are one group.
    """

    columns: Annotated[
        Json[Annotated[list[ColumnName], Field(max_length=100)]],
        Field(examples=['["Morphology_Area"]']),
    ]
    by: Annotated[
        Json[Annotated[list[ColumnName], Field(max_length=6)]] | None,
        Field(examples=['["plate_name", "well_name"]']),
    ] = None
    limit: Annotated[int, Field(ge=1, le=10_000)] = 1_000
    offset: Index = 0


class ColumnStatistics(Schema):
    """What the values of a column are like; null where there are none.

    ``count`` values and ``missing`` ones; ``std`` is the standard deviation of a sample;
    ``quantiles`` are those that were asked for, in their order.
    """

    count: int = Field(examples=[1630])
    missing: int = Field(examples=[2])
    mean: _Statistic = None
    std: _Statistic = None
    min: _Statistic = None
    max: _Statistic = None
    median: _Statistic = None
    quantiles: list[_Statistic]


class ObjectGroup(Schema):
    """Objects that have the same values in all columns of ``by``; one entry per column each.

    ``n_objects`` counts an object once, statistics have it at each time point and plane.
    """

    key: list[_Value] = Field(examples=[["Plate 1", "A01"]])
    n_objects: int = Field(examples=[1632])
    statistics: list[ColumnStatistics]


class GroupPage(Schema):
    """Groups in the order of their keys; ``n_groups`` counts those on all pages."""

    by: list[TableColumn]
    columns: list[TableColumn]
    quantiles: list[float]
    n_groups: int
    groups: list[ObjectGroup]


class DistributionQuery(StatisticsQuery):
    """Which column, and the bins of its histogram: from the smallest to the largest value."""

    column: ColumnName
    bins: Annotated[int, Field(ge=1, le=10_000)] = 100
    minimum: Annotated[Number | None, Field(alias="min", examples=[0])] = None
    maximum: Annotated[Number | None, Field(alias="max", examples=[5000])] = None


class Histogram(Schema):
    """Counts between edges, of which there is one more; and of what is below and above all."""

    edges: list[float] = Field(examples=[[0.0, 2500.0, 5000.0]])
    counts: list[int] = Field(examples=[[900, 730]])
    below: int
    above: int


class TextCount(Schema):
    """How often a text occurs."""

    value: str = Field(examples=["A01"])
    count: int


class Distribution(Schema):
    """How the values of a column are distributed: a histogram of numbers, counts of texts."""

    column: TableColumn
    n_objects: int
    quantiles: list[float]
    statistics: ColumnStatistics
    histogram: Histogram | None
    texts: list[TextCount] | None


@routes.get(f"{_TABLE}/groups", permits="read", raises=(409,), by_form=True)
def get_table_groups(
    access: ExperimentAccess, mapobject_type_id: int, query: GroupsQuery
) -> GroupPage:
    """Get statistics of columns by group: by plate, well, site, or what a tool has said.

    Plates, wells and sites that were analysed are there with 0 objects if none were found.
    """
    table = opened_table(access, mapobject_type_id)
    columns = [table.find(name) for name in query.columns]
    by = [table.find(name) for name in query.by or ()]
    places = asked_places(table, query)
    groups = statistics.group(table, by, chosen_rows(table, query), places)
    found = [statistics.describe_groups(table, column, groups, query.wanted) for column in columns]
    shown = range(len(groups.sizes))[query.offset : query.offset + query.limit]
    return GroupPage(
        by=[TableColumn.model_validate(column) for column in by],
        columns=[TableColumn.model_validate(column) for column in columns],
        quantiles=query.wanted[1:],
        n_groups=len(groups.sizes),
        groups=_groups(groups, found, shown),
    )


@routes.get(f"{_TABLE}/distribution", permits="read", raises=(409,), by_form=True)
def get_table_distribution(
    access: ExperimentAccess, mapobject_type_id: int, query: DistributionQuery
) -> Distribution:
    """Get the histogram and the quantiles of a column, or how often each of its texts occurs."""
    low, high = query.minimum, query.maximum
    if low is not None and high is not None and low > high:
        raise BadInput(f'Parameter "min" is {low:g}, but must not be larger than "max".')
    table = opened_table(access, mapobject_type_id)
    column = table.find(query.column)
    chosen = chosen_rows(table, query)
    values = table.values(column).of(np.flatnonzero(chosen))
    present = values.numbers[~values.is_missing]
    histogram, texts = None, None
    if values.texts is None:
        counted = statistics.histogram(present.astype(np.float64), query.bins, low, high)
        histogram = Histogram.model_validate(counted)
        everything = statistics.group(table, [], chosen)
        found = statistics.describe_groups(table, column, everything, query.wanted)
        described = _described(found, 0)
    else:
        counts = np.bincount(present, minlength=len(values.texts)).tolist()
        pairs = zip(values.texts, counts, strict=True)
        texts = [TextCount(value=text, count=count) for text, count in pairs]
        described = ColumnStatistics(
            count=len(present), missing=len(values.numbers) - len(present), quantiles=[]
        )
    return Distribution(
        column=TableColumn.model_validate(column),
        n_objects=len(values.numbers),
        quantiles=query.wanted[1:],
        statistics=described,
        histogram=histogram,
        texts=texts,
    )


def _groups(groups: Groups, found: Sequence[Statistics], shown: range) -> list[ObjectGroup]:
    keys = [values.of(np.arange(shown.start, shown.stop)).plain() for values in groups.keys]
    return [
        ObjectGroup(
            key=[values[number - shown.start] for values in keys],
            n_objects=int(groups.n_objects[number]),
            statistics=[_described(one, number) for one in found],
        )
        for number in shown
    ]


def _described(found: Statistics, number: int) -> ColumnStatistics:
    """Statistics of one group; nothing at all if there are no groups."""
    if not len(found.count):
        return ColumnStatistics(count=0, missing=0, quantiles=[])
    median, *quantiles = map(_number, found.quantiles[number])
    return ColumnStatistics(
        count=int(found.count[number]),
        missing=int(found.missing[number]),
        mean=_number(found.mean[number]),
        std=_number(found.std[number]),
        min=_number(found.minimum[number]),
        max=_number(found.maximum[number]),
        median=median,
        quantiles=quantiles,
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
