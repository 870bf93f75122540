"""Labels of objects on disk: one Parquet file per result, which is never changed.

Columns are ``tpoint`` (int32), ``mapobject_id`` (int64) and ``label``: text from a small dictionary
for classes, float64 for continuous values. Tools that compute several numbers for an object have a
float64 column for each of the others. Rows are sorted by time point and object, so that the labels
of a few objects are found without reading the others. Objects without a label have no row.
"""

import csv
import io
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tmlib import durable_files
from tmlib.errors import TmError
from tmlib.storage import ExperimentStorage

MISSING = "nan"
"""Stands for the label of objects that have none."""

_FORMAT = {b"tmserver.labels": b"1"}
_ROWS_PER_GROUP = 65_536
_ID = "mapobject_id"


class UnknownFormat(TmError):  # noqa: N818 - reads as what it is, like the other errors
    """The file was not written by this version of the product."""


@dataclass(frozen=True)
class Labels:
    """A label for each of n objects at a time point.

    Attributes
    ----------
    mapobject_ids, tpoints
        Which objects, shape (n,); no pair occurs twice.
    values
        Shape (n,): float64, or positions in `texts` as integers.
    texts
        Names of the classes; None if the labels are numbers.
    columns
        Further numbers by their names, each of shape (n,).
    """

    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32]
    values: NDArray[Any]
    texts: tuple[str, ...] | None = None
    columns: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def table(self) -> Any:
        """The rows of the file (``pyarrow.Table``)."""
        order = np.lexsort((self.mapobject_ids, self.tpoints))
        values = pa.array(self.values[order])
        if self.texts is not None:
            texts = pa.array(self.texts, pa.string())
            values = pa.DictionaryArray.from_arrays(values.cast(pa.int32()), texts)
        columns = {
            "tpoint": pa.array(self.tpoints[order], pa.int32()),
            "mapobject_id": pa.array(self.mapobject_ids[order], pa.int64()),
            "label": values,
        }
        columns |= {name: pa.array(numbers[order]) for name, numbers in self.columns.items()}
        return pa.table(columns).replace_schema_metadata(_FORMAT)


def folder(storage: ExperimentStorage) -> Path:
    """The folder with the files of all results of an experiment."""
    return storage.root / "tool_results"


def write(storage: ExperimentStorage, labels: Labels) -> Path:
    """Write labels to a new file, which appears complete or not at all."""
    return write_table(storage, labels.table())


def write_table(storage: ExperimentStorage, table: Any) -> Path:
    """Write a table (``pyarrow.Table``) of a result to a new file, complete or not at all."""
    target = folder(storage) / f"{secrets.token_hex(8)}.parquet"
    names = table.schema.names
    differing = {_ID, *(field.name for field in table.schema if pa.types.is_floating(field.type))}
    with durable_files.writing(target) as file:
        pq.write_table(
            table,
            file,
            compression="lz4",
            row_group_size=_ROWS_PER_GROUP,
            # dictionaries of numbers that hardly repeat take time and save nothing
            use_dictionary=[name for name in names if name not in differing],
            # from one object to the next one ids grow by little
            column_encoding={_ID: "DELTA_BINARY_PACKED"} if _ID in names else None,
        )
    return target


def read(path: Path) -> Any:
    """All labels of a file as a ``pyarrow.Table``, sorted by time point and object."""
    with _open(path) as parquet:
        return parquet.read()


def tpoints_of(path: Path) -> list[int]:
    """The time points at which objects have labels, ascending."""
    with _open(path) as parquet:
        found: list[int] = np.unique(parquet.read(columns=["tpoint"])["tpoint"].to_numpy()).tolist()
    return found


def texts_of(
    path: Path, mapobject_ids: NDArray[np.int64], tpoints: NDArray[np.int32]
) -> NDArray[np.str_]:
    """Labels of some objects as text, ``nan`` for those that have none.

    Parameters
    ----------
    path
        File of the result.
    mapobject_ids, tpoints
        Which objects, both of shape (n,), in any order.
    """
    found = np.full(len(mapobject_ids), MISSING, dtype=object)
    with _open(path) as parquet:
        for tpoint in np.unique(tpoints):
            wanted = np.flatnonzero(tpoints == tpoint)
            order = wanted[np.argsort(mapobject_ids[wanted], kind="stable")]
            for group in _groups_with(parquet, tpoint, mapobject_ids[order]):
                _look_up(group, tpoint, mapobject_ids, order, found)
    return found.astype(np.str_)


def text_of(number: float) -> str:
    """A continuous label as text: at most six decimals."""
    return str(round(number, 6) + 0.0)


def _groups_with(parquet: Any, tpoint: int, sorted_ids: NDArray[np.int64]) -> Any:
    """Row groups that may have labels of these objects at this time point."""
    for number in range(parquet.num_row_groups):
        group = parquet.metadata.row_group(number)
        tpoints, ids = group.column(0).statistics, group.column(1).statistics
        if not group.num_rows or not tpoints.min <= tpoint <= tpoints.max:
            continue
        first = np.searchsorted(sorted_ids, ids.min)
        if first < np.searchsorted(sorted_ids, ids.max, side="right"):
            yield parquet.read_row_group(number, columns=["tpoint", "mapobject_id", "label"])


def _look_up(
    group: Any,
    tpoint: int,
    mapobject_ids: NDArray[np.int64],
    order: NDArray[np.int64],
    found: NDArray[Any],
) -> None:
    start, end = np.searchsorted(group["tpoint"].to_numpy(), [tpoint, tpoint + 1])
    known = group["mapobject_id"].to_numpy()[start:end]
    if not len(known):
        return
    wanted = mapobject_ids[order]
    places = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    is_known = known[places] == wanted
    labels = group["label"].take(pa.array(start + places[is_known])).to_pylist()
    found[order[is_known]] = [
        label if isinstance(label, str) else text_of(label) for label in labels
    ]


def _open(path: Path) -> Any:
    parquet = pq.ParquetFile(path)
    metadata = parquet.schema_arrow.metadata or {}
    if not _FORMAT.items() <= metadata.items():
        parquet.close()
        raise UnknownFormat(
            f'The labels in "{path.name}" were not written by this version of the product: '
            "run the tool again."
        )
    return parquet


@dataclass(frozen=True)
class LabelTable:
    """All labels of a file, as a table that can be streamed."""

    path: Path

    @property
    def schema(self) -> Any:
        """Arrow schema."""
        with _open(self.path) as parquet:
            fields = [_without_dictionary(field) for field in parquet.schema_arrow]
        tpoint, mapobject_id, *others = fields
        return pa.schema([mapobject_id, tpoint, *others], metadata=_FORMAT)

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``."""
        schema = self.schema
        with _open(self.path) as parquet:
            for number in range(parquet.num_row_groups):
                yield parquet.read_row_group(number).select(schema.names).cast(schema)

    def csv(self) -> Iterator[bytes]:
        """CSV in parts; numbers have at most six decimals."""
        text = io.StringIO(newline="")
        writer = csv.writer(text)
        writer.writerow(self.schema.names)
        for table in self.tables():
            columns = (map(_cell, column.to_pylist()) for column in table.columns)
            writer.writerows(zip(*columns, strict=True))
            yield text.getvalue().encode()
            text.seek(0)
            text.truncate()
        if text.tell():
            yield text.getvalue().encode()


def _without_dictionary(field: Any) -> Any:
    if pa.types.is_dictionary(field.type):
        return pa.field(field.name, field.type.value_type)
    return field


def _cell(value: str | float) -> str | int:
    return text_of(value) if isinstance(value, float) else value
