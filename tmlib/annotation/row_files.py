"""Rows of annotations in files that others have written: CSV, Parquet and GeoJSON.

They are read part by part. Columns are called as in what is exported, a point ``pt`` being
``pt_x``, ``pt_y`` and ``pt_z``; what an export tells beside of its rows is passed over.
"""

import csv
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, TextIO, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tmlib.annotation.errors import UNKNOWN, InvalidRows
from tmlib.annotation.exports import AXES
from tmlib.annotation.feature_files import read_features
from tmlib.annotation.fields import Field, Kind
from tmlib.annotation.schemas import AUTHOR, OF_THE_SERVER, Schema
from tmlib.errors import BadInput, TooLarge

MOST_ROWS = 200_000
"""In a file: the table is locked while they are entered."""

MOST_BYTES = 512 * 2**20
"""Of a file, and of all of its rows as JSON."""

_AT_ONCE = 5000
_LONGEST_ROW = 2**23  # in characters
_MOST_BYTES = 2**30  # of a part of a Parquet file
_WIDTH = 8  # of a number; of a text, where it repeats
_OF_EXPORTS = {"created_at", "deleted_at", "superseded_by", "user_id"}
_CELLS = "(all)"

_LONGEST_NAME = 80  # that is told
_DELTA = "DELTA_"
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.ASCII | re.IGNORECASE)

Sent = dict[str, Any]

T = TypeVar("T")


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
    columns = _Columns(schema)
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, strict=True)
        try:
            records = filter(None, reader)  # lines with nothing in them are no rows
            names = next(records, [])
            columns.check(names)
            lines.begin_row()
            sized = ((cells, lines.begin_row()) for cells in records)
            for first, some in _portions(sized):
                rows = []
                for number, cells in enumerate(some, start=first):
                    if len(cells) != len(names):
                        counted = f"there are {len(cells)} cells in it, and {len(names)} columns"
                        raise InvalidRows.at(number, _CELLS, counted)
                    rows.append(columns.row(names, columns.parse(names, cells)))
                yield Part(rows, _share_read(file))
        except UnicodeDecodeError as error:
            raise BadInput(f"The file is not written in UTF-8: {error.reason}.") from None
        except csv.Error as error:
            raise BadInput(f"The file is no CSV: line {reader.line_num}: {error}.") from None


class _Lines:
    """Lines of a file, of which no row takes more than so many characters."""

    def __init__(self, file: TextIO) -> None:
        self._file, self._n_read = file, 0

    def __iter__(self) -> Iterator[str]:
        while line := self._file.readline(_LONGEST_ROW + 1):
            self._n_read += len(line)
            if self._n_read > _LONGEST_ROW:
                raise TooLarge(
                    f"The file has a row with more than {_LONGEST_ROW} characters: leave it out."
                )
            yield line

    def begin_row(self) -> int:
        """Begin with the next row; how many characters the one before had."""
        n_read, self._n_read = self._n_read, 0
        return n_read


def _portions(sized: Iterable[tuple[T, int]]) -> Iterator[tuple[int, list[T]]]:
    """What follows each other, in parts that take little memory, and the number of each first one.

    With each comes how many characters it was read from.
    """
    first, some, n_characters = 0, list[T](), 0
    for one, size in sized:
        some.append(one)
        n_characters += size
        if len(some) >= _AT_ONCE or n_characters >= _LONGEST_ROW:
            yield first, some
            first, some, n_characters = first + len(some), [], 0
    if some:
        yield first, some


def _share_read(file: TextIO) -> float:
    return os.lseek(file.fileno(), 0, os.SEEK_CUR) / max(1, os.fstat(file.fileno()).st_size)


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
            _check_encodings(told, texts)
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
    """Refuse a Parquet file with texts in lists, or with what is none of the usual types."""
    told = file.metadata.schema
    columns = [told.column(number) for number in range(len(told))]
    refused = [one.path for one in columns if _is_text(one) and one.path != one.name]
    refused += [one.name for one in file.schema_arrow if isinstance(one.type, pa.BaseExtensionType)]
    if refused:
        raise BadInput(
            f'Column "{refused[0][:_LONGEST_NAME]}" of the file has neither numbers nor plain '
            "texts: leave it out."
        )


def _check_encodings(told: Any, texts: Sequence[int]) -> None:
    """Refuse a Parquet file with texts whose size is not known before they are read.

    What they have in common with those before is not written again.
    """
    for number in range(told.num_row_groups):
        for place in texts:
            column = told.row_group(number).column(place)
            for encoding in column.encodings:
                if encoding.startswith(_DELTA):
                    raise BadInput(
                        f'Column "{column.path_in_schema[:_LONGEST_NAME]}" of the file is written '
                        f"in the encoding {encoding}: write texts plain or with a dictionary."
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
    with path.open(encoding="utf-8-sig") as file:
        try:
            for first, some in _portions(read_features(file, _LONGEST_ROW)):
                rows = [
                    _of_feature(columns, feature, number)
                    for number, feature in enumerate(some, start=first)
                ]
                yield Part(rows, _share_read(file))
        except UnicodeDecodeError as error:
            raise BadInput(f"The file is not written in UTF-8: {error.reason}.") from None
        except (ValueError, RecursionError) as error:
            raise BadInput(f"The file is no GeoJSON: {error}.") from None


def _of_feature(columns: "_Columns", feature: Any, number: int) -> Sent:
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise ValueError('the "properties" of a feature are no object')
    if (unknown := columns.unknown(properties)) is not None:
        raise InvalidRows.at(number, unknown[:_LONGEST_NAME], UNKNOWN)
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
            f"{name}_{axis}": (schema.point_column(name), number)
            for name in schema.points
            for number, axis in enumerate(AXES)
        }
        bound = {f"{name}_mapobject_id" for name in schema.points}
        shown = {
            name for field in schema.fields for name in (field.column, *field.part_columns.values())
        }
        self.passed_over = (_OF_EXPORTS | bound | {AUTHOR}) - (schema.by_name.keys() - {AUTHOR})
        self._known = self.passed_over.union(
            ["id"], OF_THE_SERVER, schema.by_name, self._places, shown
        )
        self.first_point = schema.point_column(schema.points[0]) if schema.points else None

    def check(self, names: Sequence[str]) -> None:
        """Refuse a file with columns that are unknown, or cannot be told apart."""
        if not names:
            raise BadInput("The file has no columns.")
        if (unknown := self.unknown(names)) is not None:
            raise BadInput(f'Column "{unknown[:_LONGEST_NAME]}" of the file: {UNKNOWN}.')
        seen = set[str]()
        for name in names:
            if name in seen:
                raise BadInput(f'The file has several columns "{name}": rename one of them.')
            seen.add(name)

    def unknown(self, names: Iterable[str]) -> str | None:
        """The first name that says nothing of rows of the schema; None if there is none."""
        return next((name for name in names if name not in self._known), None)

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
        if not _NUMBER.fullmatch(cell):
            return cell
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
