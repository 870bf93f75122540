"""An index of the objects of a segmentation layer, in the order of its tiles.

A file for each version of a layer lists its objects by the Morton code of their centroid: the bits
of column and row interleaved. Therefore the objects of a tile are contiguous at every zoom level,
and so are those of a cell of a tile. Centroids and densities, which show many objects at once, are
read from there and are the same on both databases.

The file is Arrow IPC and memory-mapped. Columns are ``code`` (uint64), ``mapobject_id``
(int64), ``label`` (int32, -1 for none), ``x`` and ``y`` (float32, map pixels).
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib import durable_files
from tmlib.db import Database
from tmlib.db.bulk_reading import fetch_table
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer
from tmlib.objects.versions import layer_version
from tmlib.storage import ExperimentStorage

CELLS = 64
"""Rows and columns of cells in a tile, for densities."""

_CELL_BITS = 6
_SMALLEST_CELL_BITS = 2  # a cell of the innermost tiles has 4 x 4 pixels
_FORMAT_KEY = b"tmserver.layer_index"
_FORMAT_VERSION = 1
_SUFFIX = ".arrow"
_MAPPED = 32  # files that a process keeps open
# An index that takes this long to make remains in use for this many times longer during changes.
_SLOW_SECONDS = 1.0
_PATIENCE = 10

_SCHEMA = pa.schema(
    [
        ("code", pa.uint64()),
        ("mapobject_id", pa.int64()),
        ("label", pa.int32()),
        ("x", pa.float32()),
        ("y", pa.float32()),
    ]
)
_ROWS = pa.schema(
    [("mapobject_id", pa.int64()), ("label", pa.int32()), ("x", pa.float64()), ("y", pa.float64())]
)


@dataclass(frozen=True, eq=False)
class LayerIndex:
    """The n objects of a version of a layer, in the order of its tiles.

    Attributes
    ----------
    version
        Of the layer.
    codes
        Morton codes of the smallest cells, ascending, uint64.
    mapobject_ids, labels
        Id and label of each object; -1 if it has no label.
    x, y
        Centroids in map pixels.
    fullest
        Largest number of objects in any of the smallest cells, in any square of twice their size,
        and so on until one square contains all objects.
    """

    version: str
    codes: NDArray[np.uint64]
    mapobject_ids: NDArray[np.int64]
    labels: NDArray[np.int32]
    x: NDArray[np.float32]
    y: NDArray[np.float32]
    fullest: list[int]

    def tile(self, x: int, y: int, zoomed_out: int) -> slice:
        """Which objects have their centroid in a tile, at a level out from the innermost."""
        if _is_beyond(x, y, zoomed_out):
            return slice(0, 0)
        bits = 2 * (_CELL_BITS + zoomed_out)
        code = int(_interleave(np.array([x]), np.array([y]))[0])
        limits = np.array([code << bits, (code + 1) << bits], np.uint64)
        first, end = np.searchsorted(self.codes, limits).tolist()
        return slice(first, end)

    def cells(self, tile: slice, zoomed_out: int) -> NDArray[np.int64]:
        """Index of the cell of each object of a tile: row * CELLS + column."""
        codes = self.codes[tile] >> np.uint64(2 * zoomed_out)
        return CELL_OF_CODE[(codes & np.uint64(CELLS**2 - 1)).astype(np.int64)]

    def cell_counts(self, x: int, y: int, zoomed_out: int) -> NDArray[np.int64]:
        """Number of objects in each cell of a tile, in the order of their Morton codes."""
        if _is_beyond(x, y, zoomed_out):
            return np.zeros(CELLS**2, np.int64)
        first = int(_interleave(np.array([x]), np.array([y]))[0]) << 2 * _CELL_BITS
        codes = np.arange(first, first + CELLS**2 + 1, dtype=np.uint64)
        ends: NDArray[np.int64] = self.codes.searchsorted(codes << np.uint64(2 * zoomed_out))
        return np.diff(ends)

    def largest_tile(self, zoomed_out: int) -> int:
        """Number of objects in the fullest tile of a level."""
        return self.largest_cell(zoomed_out + _CELL_BITS)

    def largest_cell(self, zoomed_out: int) -> int:
        """Number of objects in the fullest cell of a level."""
        return self.fullest[min(zoomed_out, len(self.fullest) - 1)]


def layer_index(
    session: Session, storage: ExperimentStorage, layer: SegmentationLayer, version: str
) -> LayerIndex:
    """The index of a version of a layer, which is made if there is none yet.

    If that takes seconds because there are many objects, an earlier version may be returned for a
    short while, so that the index is not remade all the time during an analysis.

    Parameters
    ----------
    session
        For reading.
    storage
        Folders of the experiment.
    layer
        The layer.
    version
        Its current version.
    """
    folder = storage.layer_tiles(layer.id)
    path = folder / f"{version}{_SUFFIX}"
    if found := _open(path) or _recent(folder):
        return found
    with _lock(folder):
        if found := _open(path):
            return found
        start = time.monotonic()
        table = _read(session, layer)
        _write(path, table, time.monotonic() - start)
        for other in index_files(folder):
            if other != path:
                other.unlink(missing_ok=True)
    return _map(path)


def latest_index(storage: ExperimentStorage, layer: SegmentationLayer) -> LayerIndex | None:
    """The existing index of the most recently requested version of a layer, if there is one.

    The layer may have changed since.
    """
    for path in index_files(storage.layer_tiles(layer.id)):
        if found := _open(path):
            return found
    return None


def prepare_tiles(database: Database, storage: ExperimentStorage, mapobject_type_id: int) -> None:
    """Make the indices of a type's layers in advance, so that the first viewer need not wait."""
    with database.session() as session:
        layers = session.scalars(
            select(SegmentationLayer)
            .where(SegmentationLayer.mapobject_type_id == mapobject_type_id)
            .order_by(SegmentationLayer.id)
        ).all()
        for layer in layers:
            layer_index(session, storage, layer, layer_version(session, layer.id))


def index_files(folder: Path) -> list[Path]:
    """Files of all versions of a layer."""
    return [*folder.glob(f"*{_SUFFIX}")]


def _read(session: Session, layer: SegmentationLayer) -> Any:
    """The table of a layer, sorted."""
    found = MapobjectSegmentation
    query = select(
        found.mapobject_id, func.coalesce(found.label, -1), found.centroid_x, found.centroid_y
    ).where(found.experiment_id == layer.experiment_id, found.segmentation_layer_id == layer.id)
    rows = fetch_table(session, query, _ROWS)
    x, y = (np.maximum(rows[name].to_numpy(), 0).astype(np.int64) for name in ("x", "y"))
    codes = _interleave(x >> _SMALLEST_CELL_BITS, y >> _SMALLEST_CELL_BITS)
    order = np.lexsort((rows["mapobject_id"].to_numpy(), codes))
    columns = [codes, *(rows[name].to_numpy() for name in _ROWS.names)]
    return pa.table(
        [
            pa.array(column[order]).cast(field.type)
            for column, field in zip(columns, _SCHEMA, strict=True)
        ],
        schema=_SCHEMA,
    )


def _write(path: Path, table: Any, seconds: float) -> None:
    """Write an index that appears complete or not at all."""
    facts = {
        "version": _FORMAT_VERSION,
        "seconds": seconds,
        "fullest": _fullest(table["code"].to_numpy()),
    }
    named = table.replace_schema_metadata({_FORMAT_KEY: json.dumps(facts)})
    # it can be made again, but a truncated one must not be used
    with (
        durable_files.writing(path, sync="content") as file,
        pa.ipc.new_file(file, named.schema) as writer,
    ):
        writer.write_table(named)


def _open(path: Path) -> LayerIndex | None:
    try:
        return _map(path)
    except FileNotFoundError:
        return None


@lru_cache(_MAPPED)
def _map(path: Path) -> LayerIndex:
    """Map a file into memory; it stays readable even if it is removed."""
    with pa.memory_map(str(path)) as source:
        table = pa.ipc.open_file(source).read_all().combine_chunks()
    codes, ids, labels, x, y = (column.to_numpy() for column in table.columns)
    return LayerIndex(path.stem, codes, ids, labels, x, y, _facts(path)["fullest"])


def _facts(path: Path) -> dict[str, Any]:
    with pa.memory_map(str(path)) as source:
        metadata = pa.ipc.open_file(source).schema.metadata
    facts: dict[str, Any] = json.loads(metadata[_FORMAT_KEY])
    return facts


def _recent(folder: Path) -> LayerIndex | None:
    """A recent earlier version that took long to make."""
    for path in index_files(folder):
        try:
            seconds = _facts(path)["seconds"]
            age = time.time() - path.stat().st_mtime
        except FileNotFoundError:
            continue
        if seconds > _SLOW_SECONDS and age < _PATIENCE * seconds:
            return _open(path)
    return None


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """Let one process at a time make the index of a layer."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _is_beyond(x: int, y: int, zoomed_out: int) -> bool:
    """Whether a tile is beyond any map, so that its cells cannot be numbered."""
    return (max(x, y) + 1) << (_CELL_BITS + zoomed_out) >= 2**31


def _interleave(x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Morton codes: the bits of x and y interleaved, the lowest of x first."""
    return _spread(x) | (_spread(y) << np.uint64(1))


def _spread(numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Put a zero before every bit of numbers of 32 bits."""
    spread = numbers.astype(np.uint64)
    for shift, mask in (
        (16, 0x0000FFFF0000FFFF),
        (8, 0x00FF00FF00FF00FF),
        (4, 0x0F0F0F0F0F0F0F0F),
        (2, 0x3333333333333333),
        (1, 0x5555555555555555),
    ):
        spread = (spread | (spread << np.uint64(shift))) & np.uint64(mask)
    return spread


def _fullest(codes: NDArray[np.uint64]) -> list[int]:
    """Largest number of objects in any square, from the smallest cells outwards."""
    squares, counts = np.unique(codes, return_counts=True)
    fullest = [int(counts.max(initial=0))]
    while len(squares) > 1:
        squares >>= np.uint64(2)
        first = np.flatnonzero(np.diff(squares, prepend=squares[0] + np.uint64(1)))
        squares, counts = squares[first], np.add.reduceat(counts, first)
        fullest.append(int(counts.max()))
    return fullest


_ROWS_OF_CELLS, _COLUMNS_OF_CELLS = np.divmod(np.arange(CELLS**2), CELLS)
CELL_OF_CODE = np.argsort(_interleave(_COLUMNS_OF_CELLS, _ROWS_OF_CELLS))
