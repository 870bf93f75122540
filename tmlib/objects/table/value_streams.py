"""Values of one column, with the ids of their objects, in binary formats.

The plain format, for browsers, is: the length of a header as 32-bit little-endian integer; the
header, JSON in UTF-8, padded with spaces; then each column as a little-endian array that begins at
a multiple of 8 bytes. The header contains ``n_rows``, the ``version`` of the values, and for each
column its ``name``, ``type`` (of JavaScript's typed arrays), ``offset`` from the end of the header
and, if numbers stand for texts, ``texts``; -1 is a missing value then.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tmlib.objects.table.columns import ColumnValues
from tmlib.objects.values.table_streams import arrow_stream

_ROWS = 262_144
_ALIGNED = 8
_FORMAT_KEY = b"tmserver.values"
_VERSION_KEY = b"tmserver.version"


class ValueFormat(StrEnum):
    """The formats of values."""

    ARROW = "arrow"
    BINARY = "binary"

    @property
    def media_type(self) -> str:
        """The media type."""
        return _MEDIA_TYPES[self]


_MEDIA_TYPES = {
    ValueFormat.ARROW: "application/vnd.apache.arrow.stream",
    ValueFormat.BINARY: "application/vnd.tmserver.values",
}


@dataclass(frozen=True)
class KeyedValues:
    """Values of a column for n objects.

    Attributes
    ----------
    version
        Version of the table.
    name
        Name of the column.
    mapobject_ids
        Shape (n,).
    tpoints, zplanes
        Shape (n,); None if all are of the requested time point or plane.
    values
        The values; floating-point numbers are sent in the type that they have here.
    """

    version: str
    name: str
    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32] | None
    zplanes: NDArray[np.int32] | None
    values: ColumnValues

    @property
    def _plane(self) -> dict[str, NDArray[np.int32]]:
        """Time points and planes, if they vary."""
        known = {"tpoint": self.tpoints, "zplane": self.zplanes}
        return {name: numbers for name, numbers in known.items() if numbers is not None}

    def arrow(self) -> Iterator[bytes]:
        """An Arrow IPC stream: ``mapobject_id``, ``tpoint`` and ``zplane`` where they vary, values.

        Texts are dictionary-encoded. Missing texts and whole numbers are null, missing
        floating-point numbers nan.
        """
        columns: dict[str, Any] = {"mapobject_id": pa.array(self.mapobject_ids)}
        columns |= {name: pa.array(numbers) for name, numbers in self._plane.items()}
        columns |= {"value" if self.name in columns else self.name: arrow_array(self.values)}
        table = pa.table(columns)
        table = table.replace_schema_metadata(
            {_FORMAT_KEY: b"1", _VERSION_KEY: self.version.encode()}
        )
        starts = range(0, table.num_rows, _ROWS)
        return arrow_stream(table.schema, (table.slice(start, _ROWS) for start in starts))

    def binary(self) -> Iterator[bytes]:
        """The plain format."""
        columns: dict[str, NDArray[Any]] = {"mapobject_id": self.mapobject_ids.astype("<f8")}
        columns |= self._plane
        numbers = self.values.numbers
        # JavaScript has no array of 64-bit integers that are ordinary numbers
        columns["value"] = numbers.astype("<f8") if numbers.dtype == np.int64 else numbers
        return plain_form(self.version, columns, self.values.texts)


def plain_form(
    version: str, columns: Mapping[str, NDArray[Any]], texts: Sequence[str] | None = None
) -> Iterator[bytes]:
    """Columns of the same length in the plain format; `texts` are those of the last one."""
    described, offset = [], 0
    for name, column in columns.items():
        described.append({"name": name, "type": column.dtype.name, "offset": offset})
        offset += _aligned(column.nbytes)
    described[-1] |= {} if texts is None else {"texts": texts}
    n_rows = len(next(iter(columns.values())))
    header = json.dumps({"version": version, "n_rows": n_rows, "columns": described}).encode()
    header = header.ljust(_aligned(4 + len(header)) - 4)
    yield len(header).to_bytes(4, "little") + header
    for column in columns.values():
        little = column.astype(column.dtype.newbyteorder("<"), copy=False)
        for start in range(0, len(little), _ROWS):
            yield little[start : start + _ROWS].tobytes()
        yield bytes(_aligned(column.nbytes) - column.nbytes)


def arrow_array(values: ColumnValues) -> Any:
    """Values as an Arrow array of a suitable type."""
    numbers = values.numbers
    if numbers.dtype.kind == "f":
        return pa.array(numbers)
    if numbers.dtype == np.uint8:
        return pa.array(numbers.astype(bool))
    array = pa.array(numbers, mask=values.is_missing)
    if values.texts is None:
        return array
    return pa.DictionaryArray.from_arrays(array, pa.array(values.texts, pa.string()))


def _aligned(n_bytes: int) -> int:
    return -(-n_bytes // _ALIGNED) * _ALIGNED
