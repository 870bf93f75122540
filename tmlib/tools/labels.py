"""Labels of objects on disk: one Parquet file per result, never changed once it is there.

Columns are ``tpoint`` (int32), ``mapobject_id`` (int64) and ``label``: text from a small dictionary
for classes, float64 for continuous values. Rows are sorted by time point and object, so that the
labels of a few objects are found without reading the others. Objects without a label have no row.
"""

import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select

from tmlib.db import Database
from tmlib.errors import TmError
from tmlib.storage import ExperimentStorage
from tmlib.tools.models import ToolResult

MISSING = "nan"
"""What is sent for objects without a label."""

_FORMAT = {b"tmserver.labels": b"1"}
_ROWS_PER_GROUP = 65_536
_TEMPORARY = ".tmp"


class UnknownFormat(TmError):  # noqa: N818 - reads as what it is, like the other errors
    """A file was not written by this version of the product."""


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
        What the classes are called; None if the labels are numbers.
    """

    mapobject_ids: NDArray[np.int64]
    tpoints: NDArray[np.int32]
    values: NDArray[Any]
    texts: tuple[str, ...] | None = None

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
        return pa.table(columns).replace_schema_metadata(_FORMAT)


def folder(storage: ExperimentStorage) -> Path:
    """Where the files of all results of an experiment are."""
    return storage.root / "tool_results"


def write(storage: ExperimentStorage, labels: Labels) -> Path:
    """Write labels to a new file, which appears complete or not at all."""
    target = folder(storage) / f"{secrets.token_hex(8)}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(target.name + _TEMPORARY)
    try:
        with draft.open("wb") as file:
            pq.write_table(labels.table(), file, compression="zstd", row_group_size=_ROWS_PER_GROUP)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target


def read(path: Path) -> Any:
    """All labels of a file as a ``pyarrow.Table``, sorted by time point and object."""
    with _open(path) as parquet:
        return parquet.read()


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
            yield parquet.read_row_group(number)


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


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove files that belong to no result: of jobs that were killed, of types that are gone.

    Parameters
    ----------
    database
        Where results are listed.
    storage
        Folders of the experiment.
    older_than
        Age in seconds; younger files may belong to a job that still runs.

    Returns
    -------
    int
        How many were removed.
    """
    latest = time.time() - older_than
    found = {path for path in folder(storage).glob("*.parquet*") if path.stat().st_mtime <= latest}
    with database.session() as session:
        listed = session.scalars(
            select(ToolResult.path).where(ToolResult.experiment_id == storage.experiment_id)
        )
        orphans = found - {storage.root / path for path in listed}
    for path in orphans:
        path.unlink(missing_ok=True)
    return len(orphans)


@dataclass(frozen=True)
class LabelTable:
    """All labels of a file, as a table that streams."""

    path: Path

    @property
    def schema(self) -> Any:
        """Arrow schema."""
        with _open(self.path) as parquet:
            label = parquet.schema_arrow.field("label").type
        if pa.types.is_dictionary(label):
            label = label.value_type
        numbers = [("mapobject_id", pa.int64()), ("tpoint", pa.int32())]
        return pa.schema([*numbers, ("label", label)], metadata=_FORMAT)

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``."""
        schema = self.schema
        with _open(self.path) as parquet:
            for number in range(parquet.num_row_groups):
                yield parquet.read_row_group(number).select(schema.names).cast(schema)

    def csv(self) -> Iterator[bytes]:
        """CSV in parts; numbers have at most six decimals."""
        header = ",".join(self.schema.names) + "\r\n"
        for table in self.tables():
            columns = (column.to_pylist() for column in table.columns)
            yield (header + "".join(map(_line, *columns))).encode()
            header = ""
        if header:
            yield header.encode()


def _line(mapobject_id: int, tpoint: int, label: str | float) -> str:
    # labels of classes are numbers, so that nothing needs quotes
    text = label if isinstance(label, str) else text_of(label)
    return f"{mapobject_id},{tpoint},{text}\r\n"
