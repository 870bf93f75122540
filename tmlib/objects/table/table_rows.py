"""Rows of an object table: filtered, sorted, and divided into pages.

Missing values are in no range and no set, and come last in every order. Sorting is stable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tmlib.errors import BadInput
from tmlib.objects.table.columns import Column, ColumnValues
from tmlib.objects.table.object_table import ObjectTable

Value = str | bool | int | float
Rows = NDArray[np.intp]

_FEW = 2**16 - 1


@dataclass(frozen=True)
class Condition:
    """A condition for the value of a column; all fields that are not None must hold.

    Attributes
    ----------
    column
        The column.
    minimum, maximum
        Bounds, both included, for numbers.
    values
        The value must be one of these.
    is_missing
        Whether the value must be missing.
    """

    column: Column
    minimum: float | None = None
    maximum: float | None = None
    values: Sequence[Value] | None = None
    is_missing: bool | None = None

    def holds(self, found: ColumnValues) -> NDArray[np.bool_]:
        """Which rows meet the condition, shape (n,).

        Raises
        ------
        BadInput
            If the condition does not fit the column's type.
        """
        missing = found.is_missing
        chosen = np.ones(len(missing), bool)
        if self.is_missing is not None:
            chosen &= missing if self.is_missing else ~missing
        has_range = self.minimum is not None or self.maximum is not None
        if has_range and self.column.type in ("text", "boolean"):
            raise BadInput(
                f'"{self.column.name}" has no numbers that could be in a range: choose "values".'
            )
        if self.minimum is not None:
            chosen &= found.numbers >= self.minimum
        if self.maximum is not None:
            chosen &= found.numbers <= self.maximum
        if self.values is not None:
            chosen &= np.isin(found.numbers, self._numbers(found, self.values))
        if has_range or self.values is not None:
            chosen &= ~missing
        return chosen

    def _numbers(self, found: ColumnValues, values: Sequence[Value]) -> NDArray[Any]:
        """The numbers of the values in the column; -1 for texts that do not occur in it."""
        for value in values:
            is_text = isinstance(value, str)
            is_boolean = isinstance(value, bool)
            if (is_text, is_boolean) != (
                self.column.type == "text",
                self.column.type == "boolean",
            ):
                wanted = {"text": "texts", "boolean": "true or false"}
                raise BadInput(
                    f'"{self.column.name}" cannot be {value!r}: its values are '
                    f"{wanted.get(self.column.type, 'numbers')}."
                )
        if found.texts is None:
            return np.array(values, np.float64)
        codes = {text: code for code, text in enumerate(found.texts)}
        return np.array([codes.get(str(value), -1) for value in values], np.int32)


@dataclass(frozen=True)
class SortKey:
    """A column to sort by."""

    column: Column
    descending: bool = False


def matching(
    table: ObjectTable, conditions: Sequence[Condition], chosen: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which of the chosen rows meet all conditions, shape (n,)."""
    found = table.values_of([condition.column for condition in conditions])
    for condition, values in zip(conditions, found, strict=True):
        chosen = chosen & condition.holds(values)
    return chosen


def in_order(table: ObjectTable, keys: Sequence[SortKey]) -> NDArray[np.int32] | None:
    """Positions of all rows in sorted order; None if it is the order of the table.

    The order by one column is cached with the columns, because sorting is the most expensive part.
    """
    if not keys:
        return None
    *before, last = keys
    order = _order(table, last)
    for key in reversed(before):
        numbers = _sortable(table.values(key.column), key.descending)
        order = order[np.argsort(numbers[order], kind="stable")]
    return order


def page(
    chosen: NDArray[np.bool_], order: NDArray[np.int32] | None, offset: int, limit: int
) -> Rows:
    """Positions of the rows on a page."""
    end = offset + limit
    if chosen.all():
        return (
            np.arange(len(chosen))[offset:end]
            if order is None
            else order[offset:end].astype(np.intp)
        )
    if order is None:
        return np.flatnonzero(chosen)[offset:end]
    return order[chosen[order]][offset:end].astype(np.intp)


def _order(table: ObjectTable, key: SortKey) -> NDArray[np.int32]:
    direction = "descending" if key.descending else "ascending"
    name = f"order/{table.version_of(key.column)}/{direction}"
    found = table.cache.read(table.content, name, "i4")
    if found is None:
        numbers = _sortable(table.values(key.column), key.descending)
        found = np.argsort(numbers, kind="stable").astype(np.int32)
        table.cache.write(table.content, {name: "i4"}, [[found]])
    return found


def _sortable(values: ColumnValues, descending: bool) -> NDArray[Any]:
    """Numbers that ascend in the requested order, with missing values at the end."""
    numbers, missing = values.numbers, values.is_missing
    if numbers.dtype.kind != "f" and len(numbers):
        lowest, highest = int(numbers.min()), int(numbers.max())
        if highest - lowest < _FEW:
            # wide enough for the differences, and for the number that stands for what is missing
            numbers = numbers.astype(np.int32 if numbers.itemsize <= 2 else np.int64)
            numbers = highest - numbers if descending else numbers - lowest
            # 16-bit integers are sorted by radix sort, ten times faster than others
            return np.where(missing, _FEW, numbers).astype(np.uint16)
    numbers = numbers.astype(np.float64)
    numbers[missing] = np.nan
    return -numbers if descending else numbers
