"""Feature values on disk: Parquet files, which become visible by being listed in a table.

Columns are ``mapobject_id`` (int64), ``label`` (int32), ``site_id`` (int32) and one of float64 per
feature, named by the feature's key. Rows are sorted by site and label. A file contains one site,
time point and plane, or, if it was compacted, all sites of one time point and plane. A file of a
single site replaces that site's rows in a compacted one.
"""

import secrets
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib import durable_files
from tmlib.db import Database
from tmlib.errors import TmError
from tmlib.objects.models import FeatureValueFile
from tmlib.objects.values.table_streams import join_tables
from tmlib.storage import ExperimentStorage, remove_orphans

IDENTIFIERS = ("mapobject_id", "label", "site_id")

_FORMAT_KEY = b"tmserver.feature_values"
_FORMAT_VERSION = b"1"
# One column of a row group is half a megabyte: large enough for the disk, and small enough for a
# group of a hundred columns in memory.
_ROWS_PER_GROUP = 65_536
_CELLS_PER_BATCH = 1_000_000  # of a row group that are decoded at once
# Measured numbers differ in most of their bytes, but hardly in the exponent: with the bytes of a
# column split into streams, fast LZ4 compresses better than Zstandard does without.
_ENCODINGS = dict.fromkeys(("mapobject_id", "label"), "DELTA_BINARY_PACKED")


class UnknownFormat(TmError):  # noqa: N818 - reads as what it is, like the other errors
    """The file was not written by this version of the product."""


class Vanished(Exception):  # noqa: N818 - a signal between reader and caller, no fault
    """The file of a site was replaced after the list of files had been read."""

    def __init__(self, site_id: int) -> None:
        super().__init__(site_id)
        self.site_id = site_id


@dataclass(frozen=True)
class FeatureFile:
    """A file as listed in the table; ``site_id`` is None if it contains all sites."""

    path: Path
    site_id: int | None
    tpoint: int
    zplane: int
    n_rows: int


def list_files(
    session: Session,
    storage: ExperimentStorage,
    mapobject_type_id: int,
    *,
    site_id: int | None = None,
) -> list[FeatureFile]:
    """Currently visible files of a type, in order of time point, plane and site.

    With `site_id`, only those that may contain values of this site.
    """
    files = FeatureValueFile
    query = (
        select(files.path, files.site_id, files.tpoint, files.zplane, files.n_rows)
        .where(files.mapobject_type_id == mapobject_type_id)
        .order_by(files.tpoint, files.zplane, files.site_id)
    )
    if site_id is not None:
        query = query.where(files.site_id.is_(None) | (files.site_id == site_id))
    rows = session.execute(query)
    return [FeatureFile(storage.root / row.path, *row[1:]) for row in rows]


def schema(keys: Iterable[str]) -> Any:
    """Arrow schema of a file with the given features."""
    fields = [
        pa.field("mapobject_id", pa.int64(), nullable=False),
        pa.field("label", pa.int32(), nullable=False),
        pa.field("site_id", pa.int32(), nullable=False),
        *(pa.field(key, pa.float64()) for key in keys),
    ]
    return pa.schema(fields, metadata={_FORMAT_KEY: _FORMAT_VERSION})


def new_path(
    storage: ExperimentStorage,
    mapobject_type_id: int,
    tpoint: int,
    zplane: int,
    site_id: int | None = None,
) -> Path:
    """A path for a new file that no other file has ever had."""
    content = f"t{tpoint}_z{zplane}" if site_id is None else f"site{site_id}_t{tpoint}_z{zplane}"
    name = f"{content}_{secrets.token_hex(8)}.parquet"
    return storage.features(mapobject_type_id) / name


def write(path: Path, keys: Sequence[str], batches: Iterable[Any]) -> int:
    """Write a file that appears complete or not at all, and survives a power failure.

    Parameters
    ----------
    path
        Path of the file.
    keys
        Columns of the features.
    batches
        Arrow tables with the columns of :func:`schema`.

    Returns
    -------
    int
        Number of rows.
    """
    n_rows = 0
    with durable_files.writing(path) as file:
        writer = pq.ParquetWriter(
            file,
            schema(keys),
            compression="lz4",
            use_dictionary=["site_id"],
            column_encoding=_ENCODINGS | dict.fromkeys(keys, "BYTE_STREAM_SPLIT"),
        )
        with writer:
            for group in join_tables(batches, _ROWS_PER_GROUP):
                writer.write_table(group, row_group_size=_ROWS_PER_GROUP)
                n_rows += group.num_rows
    return n_rows


def write_with_ids(
    source: Path, path: Path, keys: Sequence[str], mapobject_ids: NDArray[np.int64]
) -> None:
    """Write the rows of a site's file into a new one, with other object ids."""
    with _open(source) as parquet:
        table = parquet.read(columns=[*IDENTIFIERS, *keys])
    write(path, keys, [table.set_column(0, schema(keys).field(0), pa.array(mapobject_ids))])


def merge(
    files: Sequence[FeatureFile],
    keys: Sequence[str],
    *,
    site_ids: Collection[int] | None = None,
    first_site: int = 0,
) -> Iterator[Any]:
    """Read the files of one time point and plane as one, sorted by site and label.

    Parameters
    ----------
    files
        Files of one time point and plane.
    keys
        Columns to read; a file that lacks one gives missing values for it.
    site_ids
        Sites to read, all of them by default.
    first_site
        Sites with smaller ids are left out.

    Yields
    ------
    pyarrow.Table
        With the columns of :func:`schema`, never empty.

    Raises
    ------
    Vanished
        If a file does not exist any more; all sites before the one that it names were yielded.
    """
    own = {
        file.site_id: file
        for file in files
        if file.site_id is not None
        and file.site_id >= first_site
        and (site_ids is None or file.site_id in site_ids)
    }
    replaced = [file.site_id for file in files if file.site_id is not None]
    compacted = [file for file in files if file.site_id is None]
    waiting = sorted(own)
    for file in compacted:
        for table in _read_compacted(file, keys, site_ids, first_site, replaced):
            rest = table
            while waiting and waiting[0] < rest["site_id"][-1].as_py():
                site_id = waiting.pop(0)
                cut = int(np.searchsorted(rest["site_id"].to_numpy(), site_id))
                if cut:
                    yield rest.slice(0, cut)
                yield from _read_own(own[site_id], keys)
                rest = rest.slice(cut)
            yield rest
    for site_id in waiting:
        yield from _read_own(own[site_id], keys)


def without_values(files: Sequence[FeatureFile], keys: Collection[str]) -> set[str]:
    """Features of which no object has a finite value, according to the statistics of the files.

    Reads no values, and only as many files as are needed to find a value of each. Files that were
    replaced in the meantime are ignored.
    """
    left = set(keys)
    for file in files:
        if not left:
            break
        try:
            with _open(file.path) as parquet:
                left -= {key for key in left if _has_values(parquet, key)}
        except FileNotFoundError:
            return set()
    return left


def _has_values(parquet: Any, key: str) -> bool:
    names = parquet.schema_arrow.names
    if key not in names:
        return False
    column = names.index(key)
    for number in range(parquet.num_row_groups):
        bounds = parquet.metadata.row_group(number).column(column).statistics
        # missing values are not in the bounds; if there is nothing else, there are no bounds
        is_there = bounds is not None and bounds.has_min_max
        if is_there and np.isfinite([bounds.min, bounds.max]).any():
            return True
    return False


def _read_own(file: FeatureFile, keys: Sequence[str]) -> Iterator[Any]:
    if not file.n_rows:
        return
    try:
        with _open(file.path) as parquet:
            columns = _present(parquet, keys)
            table = parquet.read(columns=columns)
    except FileNotFoundError:
        raise Vanished(file.site_id or 0) from None
    yield _complete(table, keys)


def _read_compacted(
    file: FeatureFile,
    keys: Sequence[str],
    site_ids: Collection[int] | None,
    first_site: int,
    replaced: Sequence[int],
) -> Iterator[Any]:
    try:
        parquet = _open(file.path)
    except FileNotFoundError:
        raise Vanished(first_site) from None
    with parquet:
        columns = _present(parquet, keys)
        for group in range(parquet.num_row_groups):
            bounds = parquet.metadata.row_group(group).column(2).statistics
            if bounds.max < first_site or (
                site_ids is not None
                and not any(bounds.min <= site_id <= bounds.max for site_id in site_ids)
            ):
                continue
            batches = parquet.iter_batches(
                max(1, _CELLS_PER_BATCH // len(columns)), row_groups=[group], columns=columns
            )
            for table in map(_table, batches):
                found = table["site_id"].to_numpy()
                keep: NDArray[np.bool_] = found >= first_site
                if replaced:
                    keep &= ~np.isin(found, replaced)
                if site_ids is not None:
                    keep &= np.isin(found, list(site_ids))
                if keep.any():
                    yield _complete(table if keep.all() else table.filter(pa.array(keep)), keys)


def _table(batch: Any) -> Any:
    return pa.Table.from_batches([batch])


def _open(path: Path) -> Any:
    parquet = pq.ParquetFile(path)
    version = (parquet.schema_arrow.metadata or {}).get(_FORMAT_KEY)
    if version != _FORMAT_VERSION:
        parquet.close()
        raise UnknownFormat(
            f'The feature values in "{path.name}" were not written by this version of the '
            "product: run the analysis again."
        )
    return parquet


def _present(parquet: Any, keys: Sequence[str]) -> list[str]:
    names = set(parquet.schema_arrow.names)
    return [*IDENTIFIERS, *(key for key in keys if key in names)]


def _complete(table: Any, keys: Sequence[str]) -> Any:
    """Bring columns into the order of the keys, with missing values for absent keys."""
    names = set(table.column_names)
    missing = np.full(table.num_rows, np.nan)
    columns = [
        *(table[name] for name in IDENTIFIERS),
        *(table[key] if key in names else pa.array(missing) for key in keys),
    ]
    return pa.table(columns, schema=schema(keys))


def remove(paths: Iterable[Path]) -> None:
    """Remove files that are not listed any more; missing ones are ignored."""
    for path in paths:
        path.unlink(missing_ok=True)


def sweep(database: Database, storage: ExperimentStorage, *, older_than: float = 86_400) -> int:
    """Remove files of an experiment that no table lists, and return their number.

    See :func:`tmlib.storage.remove_orphans`.
    """
    with database.session() as session:
        listed = session.scalars(
            select(FeatureValueFile.path).where(
                FeatureValueFile.experiment_id == storage.experiment_id
            )
        )
        in_use = {storage.root / path for path in listed}
    files = (storage.root / "features").glob("type_*/*.parquet*")
    return remove_orphans(files, in_use, older_than=older_than)
