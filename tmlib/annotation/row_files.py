"""Rows of annotations in files that others have written: CSV, Parquet and GeoJSON.

They are read part by part. Columns are called as in what is exported, a point ``pt`` being
``pt_x``, ``pt_y`` and ``pt_z``; what an export tells beside of its rows is passed over.
"""

import csv
import json
import os
import re
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tmlib.annotation.errors import InvalidRows
from tmlib.annotation.exports import AXES
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.schemas import AUTHOR, Schema
from tmlib.errors import BadInput, TooLarge

MOST_ROWS = 200_000
"""In a file: the table is locked while they are entered."""

MOST_BYTES = 512 * 2**20
"""Of a file, and of all of its rows as JSON."""

_AT_ONCE = 5000
_MOST_BYTES = 2**30  # of a part of a Parquet file
_WIDTH = 8  # of a number; of a text, where it repeats
_OF_EXPORTS = {"created_at", "deleted_at", "superseded_by", "user_id"}
_CELLS = "(all)"

_LIST = re.compile(r"\s*\[(\s*\])?")
_SIGNS = '"{[-0123456789tfnN'  # with which values begin

Sent = dict[str, Any]


class FileFormat(StrEnum):
    """Forms in which files with rows come."""

    CSV = "csv"
    PARQUET = "parquet"
    GEOJSON = "geojson"


class Part(NamedTuple):
    """Rows that follow each other in a file, and how much of it was read with them, from 0 to 1."""

    rows: list[Sent]
    share_done: float


def read_parts(path: Path, form: FileFormat, schema: Schema) -> Iterator[Part]:
    """The rows of a file, as they would be sent.

    Parameters
    ----------
    path, form
        The file.
    schema
        Of the rows.

    Raises
    ------
    BadInput
        If it is no such file.
    InvalidRows
        If a line has more or fewer cells than the first one.
    TooLarge
        If there are more than `MOST_ROWS`, or a part of it would take too much memory.
    """
    read = {
        FileFormat.CSV: _read_csv,
        FileFormat.PARQUET: _read_parquet,
        FileFormat.GEOJSON: _read_geojson,
    }[form]
    n_rows = 0
    for part in read(path, schema):
        n_rows += len(part.rows)
        if n_rows > MOST_ROWS:
            raise TooLarge(f"The file has more than {MOST_ROWS} rows: send it in several files.")
        yield part


def _read_csv(path: Path, schema: Schema) -> Iterator[Part]:
    columns, size = _Columns(schema), max(1, path.stat().st_size)
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            lines = csv.reader(file, strict=True)
            names = next(lines, [])
            columns.check(names)
            n_rows = 0
            while some := [line for line in islice(lines, _AT_ONCE) if line]:
                for number, cells in enumerate(some, start=n_rows):
                    if len(cells) != len(names):
                        counted = f"there are {len(cells)} cells in it, and {len(names)} columns"
                        raise InvalidRows.at(number, _CELLS, counted)
                n_rows += len(some)
                read = os.lseek(file.fileno(), 0, os.SEEK_CUR) / size
                yield Part([columns.row(names, columns.parse(names, line)) for line in some], read)
        except UnicodeDecodeError as error:
            raise BadInput(f"The file is not written in UTF-8: {error.reason}.") from None
        except csv.Error as error:
            raise BadInput(f"The file is no CSV: line {lines.line_num}: {error}.") from None


def _read_parquet(path: Path, schema: Schema) -> Iterator[Part]:
    columns = _Columns(schema)
    try:
        told = pq.read_metadata(path)
        # they would be read as often as they are repeated, however small the file
        texts = [n for n in range(told.num_columns) if _is_text(told.schema.column(n))]
        with pq.ParquetFile(path, metadata=told, read_dictionary=texts) as file:
            names = file.schema_arrow.names
            columns.check(names)
            _check_types(file)
            _check_size(told)
            wanted = [name for name in names if name not in columns.passed_over]
            n_rows = 0
            for batch in file.iter_batches(_AT_ONCE, columns=wanted):
                if sum(map(_n_bytes, batch.columns)) > MOST_BYTES:
                    raise TooLarge(
                        f"The {batch.num_rows} rows from row {n_rows} (counted from 0) have more "
                        f"than {MOST_BYTES} bytes: send them in several files."
                    )
                n_rows += batch.num_rows
                rows = [columns.row(wanted, list(row.values())) for row in batch.to_pylist()]
                yield Part(rows, n_rows / max(1, told.num_rows))
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise BadInput(f"The file is no Parquet: {str(error).splitlines()[0][:200]}.") from None


def _is_text(column: Any) -> bool:
    return bool(column.physical_type == "BYTE_ARRAY")


def _check_types(file: Any) -> None:
    """Refuse a Parquet file with texts whose size is not known before they are read."""
    told = file.metadata.schema
    columns = [told.column(number) for number in range(len(told))]
    refused = [one.path for one in columns if _is_text(one) and one.path != one.name]
    refused += [one.name for one in file.schema_arrow if isinstance(one.type, pa.BaseExtensionType)]
    if refused:
        raise BadInput(
            f'Column "{refused[0][:80]}" of the file has neither numbers nor plain texts: leave it '
            "out."
        )


def _check_size(told: Any) -> None:
    """Refuse a Parquet file that would take too much memory, by what it tells of itself."""
    if told.num_rows > MOST_ROWS:
        raise TooLarge(
            f"The file has {told.num_rows} rows, and at most {MOST_ROWS} can be sent at "
            "once: send it in several files."
        )
    columns = [told.schema.column(number) for number in range(told.num_columns)]
    for number in range(told.num_row_groups):
        group = told.row_group(number)
        # what is repeated, also within lists, is there once
        decoded = sum(
            group.column(place).num_values * max(_WIDTH, column.length)
            for place, column in enumerate(columns)
        )
        if max(group.total_byte_size, decoded) > _MOST_BYTES:
            raise TooLarge(
                f"Row group {number} of the file has more than {_MOST_BYTES} bytes: write "
                "it in smaller groups."
            )


def _n_bytes(column: Any) -> int:
    """How much memory the values of a column take when each has its own."""
    if not pa.types.is_dictionary(column.type):
        return int(column.nbytes)
    lengths = pc.binary_length(column.dictionary).take(column.indices)
    return pc.sum(lengths).as_py() or 0


def _read_geojson(path: Path, schema: Schema) -> Iterator[Part]:
    columns = _Columns(schema)
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = _features(text)
        while some := list(islice(found, _AT_ONCE)):
            rows = [_of_feature(columns, feature) for feature, _ in some]
            yield Part(rows, some[-1][1] / len(text))
    except UnicodeDecodeError as error:
        raise BadInput(f"The file is not written in UTF-8: {error.reason}.") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The file is no GeoJSON: {error}.") from None


def _features(text: str) -> Iterator[tuple[Any, int]]:
    """The features of a collection, and where each of them ends; one after the other, as all of
    them as objects would take ten times the memory of the file.
    """
    decode = json.JSONDecoder().raw_decode

    def after(start: int, signs: str) -> int:
        found = re.compile(rf"\s*[{re.escape(signs)}]").match(text, start)
        if found is None:
            raise ValueError(f"there is no {' or '.join(signs)} at character {start}")
        return found.end()

    is_there = False
    at = after(0, "{")
    while text[at - 1] != "}":
        key, at = decode(text, after(at, '"') - 1)
        at = after(at, ":")
        if key == "features" and (opened := _LIST.match(text, at)) is not None:
            is_there, at = True, opened.end()
            while text[at - 1] != "]":
                feature, at = decode(text, after(at, "{") - 1)
                yield feature, at
                at = after(at, ",]")
        else:
            _, at = decode(text, after(at, _SIGNS) - 1)
        at = after(at, ",}")
    if not is_there:
        raise ValueError('it has no "features"')


def _of_feature(columns: "_Columns", feature: Any) -> Sent:
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise ValueError('the "properties" of a feature are no object')
    row = columns.row(list(properties), list(properties.values()))
    if "id" in feature and "id" not in row:
        row["id"] = feature["id"]
    geometry = feature.get("geometry")
    first = columns.first_point
    if geometry is not None and first is not None and row.get(first) is None:
        if not isinstance(geometry, dict) or geometry.get("type") != "Point":
            raise ValueError('the "geometry" of a feature is no point')
        place = geometry.get("coordinates")
        flat = len(AXES) - 1
        row[first] = [*place, 0] if isinstance(place, list) and len(place) == flat else place
    return row


class _Columns:
    """What columns of files are called, and what they hold."""

    def __init__(self, schema: Schema) -> None:
        self._fields = schema.by_name
        self._places = {
            f"{name}_{axis}": (self._position(schema.by_name[name]), number)
            for name in schema.points
            for number, axis in enumerate(AXES)
        }
        bound = {f"{name}_mapobject_id" for name in schema.points}
        self.passed_over = (_OF_EXPORTS | bound | {AUTHOR}) - (schema.by_name.keys() - {AUTHOR})
        self.first_point = (
            self._position(schema.by_name[schema.points[0]]) if schema.points else None
        )

    @staticmethod
    def _position(field: Field) -> str:
        return f"{field.name}_position" if field.kind.is_point else field.name

    def check(self, names: list[str]) -> None:
        """Refuse a file whose columns cannot be told apart."""
        if not names:
            raise BadInput("The file has no columns.")
        for name in names:
            if names.count(name) > 1:
                raise BadInput(f'The file has several columns "{name[:80]}": rename one of them.')

    def parse(self, names: list[str], cells: list[str]) -> list[Any]:
        """Values of a line; a text that is none stays, and is refused with the row later."""
        return [self._value(name, cell) for name, cell in zip(names, cells, strict=True)]

    def _value(self, name: str, cell: str) -> Any:
        field = self._fields.get(name)
        if field is not None and field.kind is Kind.TEXT:
            return cell if cell or field.required else None
        if not cell:
            return None
        if field is not None and field.kind is Kind.BOOLEAN:
            return {"true": True, "false": False}.get(cell.lower(), cell)
        is_real = name in self._places or (field is not None and field.kind is Kind.NUMBER)
        try:
            return float(cell) if is_real else int(cell)
        except ValueError:
            return cell

    def row(self, names: list[str], values: list[Any]) -> Sent:
        """A row as it would be sent."""
        row: Sent = {}
        places: dict[str, list[Any]] = {}
        for name, value in zip(names, values, strict=True):
            if name in self.passed_over:
                continue
            if name in self._places:
                point, axis = self._places[name]
                places.setdefault(point, [None] * len(AXES))[axis] = value
            elif value is not None or self._is_needed(name):
                row[name] = value
        return row | {
            name: place if any(axis is not None for axis in place) else None
            for name, place in places.items()
        }

    def _is_needed(self, name: str) -> bool:
        """Whether it is told of a row although it has no value there: to be refused."""
        field: Field | None = self._fields.get(name)
        return name != "id" and (field is None or field.required)
