"""The values of one object, and where they stand among those of all others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tmlib.errors import NotFound
from tmlib.objects.table.columns import Column, ColumnValues
from tmlib.objects.table.object_table import ObjectTable


@dataclass(frozen=True)
class RankedValue:
    """A value of an object.

    Attributes
    ----------
    column
        What it is a value of.
    value
        Number, boolean or text; None if it is missing.
    percentile
        Share of the values of all objects at the same time point and plane that are smaller, in
        percent; those that are equal count half. None if the value is missing, and in columns that
        are no features or numbers of results.
    """

    column: Column
    value: Any
    percentile: float | None


@dataclass(frozen=True)
class RankedObject:
    """An object at a time point and plane, among ``n_objects`` there."""

    mapobject_id: int
    tpoint: int
    zplane: int
    n_objects: int
    values: list[RankedValue]


def rank_object(
    table: ObjectTable,
    columns: Sequence[Column],
    mapobject_id: int,
    tpoint: int | None = None,
    zplane: int | None = None,
) -> RankedObject:
    """The values of an object and their percentiles.

    Parameters
    ----------
    table
        All objects of the type.
    columns
        Which values.
    mapobject_id
        Which object.
    tpoint, zplane
        When and in which plane; where the object is seen first by default.

    Raises
    ------
    NotFound
        If there is no such object, or not at this time point and plane.
    """
    rows = table.rows
    chosen = rows["mapobject_id"] == mapobject_id
    # plates, wells and sites are the same at all time points and planes
    if table.layout is None:
        for name, number in (("tpoint", tpoint), ("zplane", zplane)):
            if number is not None:
                chosen = chosen & (rows[name] == number)
    found = np.flatnonzero(chosen)
    if not len(found):
        asked = (("time point", tpoint), ("plane", zplane))
        place = "".join(f" at {name} {number}" for name, number in asked if number is not None)
        raise NotFound(f"There is no object {mapobject_id} of this type{place}.")
    row = found[0]
    when, where = int(rows["tpoint"][row]), int(rows["zplane"][row])
    among = (rows["tpoint"] == when) & (rows["zplane"] == where)
    values = [_ranked(table, column, found[:1], np.flatnonzero(among)) for column in columns]
    return RankedObject(mapobject_id, when, where, int(np.count_nonzero(among)), values)


def _ranked(table: ObjectTable, column: Column, row: Any, among: Any) -> RankedValue:
    values = table.values(column)
    own = values.of(row)
    return RankedValue(column, own.plain()[0], _percentile(column, own, values.of(among)))


def _percentile(column: Column, own: ColumnValues, others: ColumnValues) -> float | None:
    if column.kind == "metadata" or own.texts is not None or own.is_missing[0]:
        return None
    numbers = others.numbers[~others.is_missing]
    below = np.count_nonzero(numbers < own.numbers[0])
    equal = np.count_nonzero(numbers == own.numbers[0])
    return float(100 * (below + equal / 2) / len(numbers))
