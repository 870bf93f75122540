"""Rows of annotation tables for other programs: Arrow tables of them, CSV and GeoJSON."""

import io
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, islice
from typing import Any

import pyarrow as pa
import pyarrow.csv
from pydantic_core import to_json

from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.reading import Row
from tmlib.annotation.schemas import Schema

_AT_ONCE = 5000
AXES = ("x", "y", "z")
"""At the end of the names of a point's columns."""

ARROW_TYPES = {
    Kind.TEXT: pa.string(),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.INTEGER: pa.int64(),
    Kind.ID: pa.int64(),
}
"""Of columns, by what they hold."""

_OF_ALL = (
    ("id", pa.int64()),
    ("created_at", pa.timestamp("us", "UTC")),
    ("deleted_at", pa.timestamp("us", "UTC")),
    ("superseded_by", pa.int64()),
    ("user_id", pa.int64()),
)


class AnnotationStream:
    """Rows as a table that is written part by part; a point has three columns, ``pt_x`` ...

    Parameters
    ----------
    schema
        Of the rows.
    rows
        In their order; taken once.
    bound
        Names of the columns of rows that tell to which mapobjects points bind.
    """

    def __init__(self, schema: Schema, rows: Iterable[Row], bound: Collection[str] = ()) -> None:
        self._fields = schema.fields
        self._bound = bound
        self._rows = iter(rows)

    @property
    def schema(self) -> Any:
        """Arrow schema."""
        columns = [pa.field(name, kind) for name, kind in _OF_ALL]
        for field in self._fields:
            columns += [pa.field(name, kind) for name, kind in _columns(field)]
        columns += [pa.field(name, pa.int64()) for name in self._bound]
        return pa.schema(columns)

    def tables(self) -> Iterator[Any]:
        """Its parts, as ``pyarrow.Table`` of the schema."""
        schema = self.schema
        while rows := list(islice(self._rows, _AT_ONCE)):
            columns: list[Any] = [[getattr(row, name) for row in rows] for name, _ in _OF_ALL]
            for field in self._fields:
                columns += _values(field, rows)
            columns += [[row.values[name] for row in rows] for name in self._bound]
            arrays = [
                pa.array(column, kind) for column, kind in zip(columns, schema.types, strict=True)
            ]
            yield pa.Table.from_arrays(arrays, schema=schema)

    def csv(self) -> Iterator[bytes]:
        """Its text, in parts."""
        for number, table in enumerate(chain([self.schema.empty_table()], self.tables())):
            buffer = io.BytesIO()
            pyarrow.csv.write_csv(
                table, buffer, pyarrow.csv.WriteOptions(include_header=number == 0)
            )
            yield buffer.getvalue()


def json_rows(rows: Iterable[Row]) -> Iterator[bytes]:
    """A JSON list of rows, in parts."""
    return _json_list((_described(row) for row in rows), b"[", b"]")


def geojson(schema: Schema, rows: Iterable[Row]) -> Iterator[bytes]:
    """A collection of features in GeoJSON, in parts.

    A row lies where its first point is; all of its values are properties.
    """
    first = schema.point_column(schema.points[0]) if schema.points else None

    def features() -> Iterator[dict[str, Any]]:
        for row in rows:
            place = None if first is None else row.values[first]
            yield {
                "type": "Feature",
                "id": row.id,
                "geometry": place and {"type": "Point", "coordinates": place},
                "properties": {"created_at": row.created_at, "user_id": row.user_id, **row.values},
            }

    return _json_list(features(), b'{"type":"FeatureCollection","features":[', b"]}")


def _described(row: Row) -> dict[str, Any]:
    return {**row._asdict(), "is_valid": row.is_valid}


def _json_list(items: Iterator[dict[str, Any]], start: bytes, end: bytes) -> Iterator[bytes]:
    separator = start
    while some := list(islice(items, _AT_ONCE)):
        yield separator + to_json(some)[1:-1]
        separator = b","
    yield (start if separator is start else b"") + end


def _columns(field: Field) -> list[tuple[str, Any]]:
    if field.has_coordinates:
        places = [(f"{field.name}_{axis}", pa.float64()) for axis in AXES]
        return [*places, *((column, pa.int64()) for column in field.part_columns.values())]
    return [(field.name, ARROW_TYPES[field.kind])]


def _values(field: Field, rows: list[Row]) -> list[list[Any]]:
    if field.has_coordinates:
        places = [row.values[field.column] for row in rows]
        return [
            *([place and float(place[axis]) for place in places] for axis in range(len(AXES))),
            *([row.values[column] for row in rows] for column in field.part_columns.values()),
        ]
    return [[row.values[field.name] for row in rows]]
