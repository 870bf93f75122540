"""Rows of annotation tables as the data frames that programs for CAVE read."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import pyarrow as pa
from pydantic_core import to_json

from tmlib.annotation.exports import ARROW_TYPES, AXES
from tmlib.annotation.reading import Row
from tmlib.annotation.schemas import Schema
from tmlib.errors import BadInput
from tmlib.objects.values.table_streams import arrow_stream

MEDIA_TYPE = "data.arrow"
"""By this name the client knows an Arrow stream."""

_AT_ONCE = 5000

Scale = tuple[float, float, float]


@dataclass(frozen=True)
class Column:
    """A column of a frame.

    Attributes
    ----------
    name
        How it is called; a position that is split has one column for each axis.
    take
        Its value for a row, or for a pair of rows.
    type
        Of its values in Arrow; None for positions.
    scale
        By what the coordinates of a position are multiplied.
    """

    name: str
    take: Callable[[Any], Any]
    type: Any = None
    scale: Scale = (1.0, 1.0, 1.0)


def columns_of(schema: Schema, scale: Scale) -> list[Column]:
    """The columns of a table, in their order.

    Parameters
    ----------
    schema
        Of its rows.
    scale
        By what coordinates are multiplied.
    """
    found = [
        Column("id", lambda row: row.id, pa.int64()),
        Column("created", lambda row: row.created_at, pa.timestamp("us", "UTC")),
        Column("superceded_id", lambda row: row.superseded_by, pa.int64()),
        Column("valid", lambda row: row.is_valid, pa.bool_()),
    ]
    for field in schema.fields:
        if field.has_coordinates:
            found.append(Column(field.column, _value(field.column), scale=scale))
            found += [
                Column(column, _value(column), pa.int64()) for column in field.part_columns.values()
            ]
        else:
            found.append(Column(field.name, _value(field.name), ARROW_TYPES[field.kind]))
    return found


def joined(
    columns: Sequence[Column], targets: Sequence[Column], suffixes: tuple[str, str]
) -> list[Column]:
    """The columns of pairs, each of a row and its target.

    Parameters
    ----------
    columns, targets
        Those of the rows, and of their targets.
    suffixes
        What is added to names that both have.
    """
    both = {one.name for one in columns} & {one.name for one in targets}
    return [
        replace(one, name=f"{one.name}{suffix}" if one.name in both else one.name, take=take)
        for side, suffix in zip((columns, targets), suffixes, strict=True)
        for one in side
        for take in [_of_side(one, 0 if side is columns else 1)]
    ]


def choose(columns: Sequence[Column], names: Sequence[str]) -> list[Column]:
    """Some columns by their names, in the order of these.

    Raises
    ------
    BadInput
        If there is none of a name.
    """
    known = {column.name: column for column in columns}
    for name in names:
        if name not in known:
            raise BadInput(f'There is no column "{name[:80]}": there are {", ".join(known)}.')
    return [known[name] for name in dict.fromkeys(names)]


class Frame:
    """Rows as a data frame, which is written part by part.

    Parameters
    ----------
    columns
        Which ones.
    rows
        In their order, or pairs of them; taken once.
    split
        Whether positions have a column for each axis.
    """

    def __init__(self, columns: Sequence[Column], rows: Iterable[Any], *, split: bool) -> None:
        self._columns = columns
        self._rows = iter(rows)
        self._split = split
        self._schema = pa.schema([field for column in columns for field in self._fields(column)])

    def arrow(self, compression: str | None) -> Iterator[bytes]:
        """An Arrow stream, in parts."""
        return arrow_stream(self._schema, self._tables(), compression)

    def json(self) -> Iterator[bytes]:
        """A list of objects in JSON, in parts."""
        separator = b"["
        for table in self._tables():
            yield separator + to_json(table.to_pylist())[1:-1]
            separator = b","
        yield b"[]" if separator == b"[" else b"]"

    def _tables(self) -> Iterator[Any]:
        types = self._schema.types
        while rows := list(islice(self._rows, _AT_ONCE)):
            values = [one for column in self._columns for one in self._values(column, rows)]
            arrays = [pa.array(given, kind) for given, kind in zip(values, types, strict=True)]
            yield pa.Table.from_arrays(arrays, schema=self._schema)

    def _fields(self, column: Column) -> list[Any]:
        if column.type is not None:
            return [pa.field(column.name, column.type)]
        if self._split:
            return [pa.field(f"{column.name}_{axis}", pa.float64()) for axis in AXES]
        return [pa.field(column.name, pa.list_(pa.float64()))]

    def _values(self, column: Column, rows: list[Any]) -> list[list[Any]]:
        values = [column.take(row) for row in rows]
        if column.type is not None:
            return [values]
        scale = column.scale
        if self._split:
            return [
                [None if place is None else place[axis] * scale[axis] for place in values]
                for axis in range(len(AXES))
            ]
        return [
            [
                None if place is None else [a * b for a, b in zip(place, scale, strict=True)]
                for place in values
            ]
        ]


def _of_side(column: Column, side: int) -> Callable[[Any], Any]:
    return lambda pair: column.take(pair[side])


def _value(name: str) -> Callable[[Row], Any]:
    return lambda row: row.values[name]
