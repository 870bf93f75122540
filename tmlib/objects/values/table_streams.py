"""Tables of any length as Parquet files and Arrow streams, written part by part."""

import io
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

_CELLS = 1_000_000  # of a row group: 8 MB of numbers
_MAX_ROWS = 65_536


class TableFormat(StrEnum):
    """The formats of tables; the values are the suffixes of file names."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"

    @property
    def media_type(self) -> str:
        """The media type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    TableFormat.CSV: "text/csv",
    TableFormat.PARQUET: "application/vnd.apache.parquet",
    TableFormat.ARROW: "application/vnd.apache.arrow.stream",
}


class StreamedTable(Protocol):
    """A table that is read part by part."""

    @property
    def schema(self) -> Any:
        """Arrow schema."""

    def tables(self) -> Iterator[Any]:
        """Its parts, as ``pyarrow.Table`` of the schema."""

    def csv(self) -> Iterator[bytes]:
        """Its text, in parts."""


def stream(table: StreamedTable, table_format: TableFormat) -> Iterator[bytes]:
    """A table in a format, in parts, with little memory for any number of rows."""
    match table_format:
        case TableFormat.CSV:
            return table.csv()
        case TableFormat.PARQUET:
            return parquet_stream(table.schema, table.tables())
        case TableFormat.ARROW:
            return arrow_stream(table.schema, table.tables())


def join_tables(tables: Iterable[Any], n_rows: int) -> Iterator[Any]:
    """Join small ``pyarrow.Table`` into ones with a least number of rows, except the last."""
    waiting: list[Any] = []
    n_waiting = 0
    for table in tables:
        waiting.append(table)
        n_waiting += table.num_rows
        if n_waiting >= n_rows:
            yield pa.concat_tables(waiting)
            waiting, n_waiting = [], 0
    if waiting:
        yield pa.concat_tables(waiting)


def parquet_stream(schema: Any, tables: Iterable[Any]) -> Iterator[bytes]:
    """A Parquet file in parts, one row group or more each.

    Parameters
    ----------
    schema
        Arrow schema of the tables; its metadata is kept.
    tables
        Tables (``pyarrow.Table``) of that schema.
    """
    outbox = Outbox()
    n_rows = max(1, min(_MAX_ROWS, _CELLS // len(schema)))
    # measured numbers hardly repeat: dictionaries of them cost time and save nothing
    repeated = [field.name for field in schema if not pa.types.is_floating(field.type)]
    writer = pq.ParquetWriter(
        pa.PythonFile(outbox, "w"), schema, compression="snappy", use_dictionary=repeated
    )
    with writer:
        for table in join_tables(tables, n_rows):
            writer.write_table(table, row_group_size=n_rows)
            yield outbox.take()
    yield outbox.take()


def arrow_stream(
    schema: Any, tables: Iterable[Any], compression: str | None = None
) -> Iterator[bytes]:
    """An Arrow IPC stream in parts, one record batch or more each.

    The parameters are those of :func:`parquet_stream`, and how the columns are compressed, ``zstd``
    for example.
    """
    outbox = Outbox()
    n_rows = max(1, min(_MAX_ROWS, _CELLS // len(schema)))
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(pa.PythonFile(outbox, "w"), schema, options=options) as writer:
        for table in join_tables(tables, n_rows):
            writer.write_table(table.combine_chunks(), max_chunksize=n_rows)
            yield outbox.take()
    yield outbox.take()


class Outbox(io.RawIOBase):
    """A buffer that is written like a file, and emptied by its sender."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: Any, /) -> int:
        """Add a copy of the data."""
        self._parts.append(bytes(content))
        self._position += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        """Total number of bytes written."""
        return self._position

    def take(self) -> bytes:
        """Return and remove everything written since the last call."""
        content = b"".join(self._parts)
        self._parts.clear()
        return content
