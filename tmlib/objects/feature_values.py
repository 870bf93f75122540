"""Reading feature values: as Arrow tables, and as CSV that streams."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from sqlalchemy import select

from tmlib.db import Database
from tmlib.errors import Conflict, NotFound
from tmlib.objects.feature_files import FeatureFile, Vanished, list_files, merge
from tmlib.objects.models import Feature
from tmlib.objects.selection import EVERYTHING, Selection, check_selection
from tmlib.objects.service import get_mapobject_type
from tmlib.storage import ExperimentStorage

_CSV_ROWS = 1_000


def select_feature_values(
    database: Database,
    storage: ExperimentStorage,
    mapobject_type_id: int,
    selection: Selection = EVERYTHING,
    *,
    features: Sequence[str] | None = None,
) -> "FeatureValues":
    """Choose feature values to be read; whatever is wrong is reported now, not while reading.

    Parameters
    ----------
    database
        Where the files are listed; asked for a moment only, not for as long as reading takes.
    storage
        Folders of the experiment.
    mapobject_type_id
        Type of the objects.
    selection
        Which objects, all by default.
    features
        Names of features; all of them in order of their ids by default.

    Raises
    ------
    NotFound
        If there is no such type, feature, plate, well, site or time point.
    BadInput
        If the selection does not fit the type.
    """
    with database.session() as session:
        mapobject_type = get_mapobject_type(session, storage.experiment_id, mapobject_type_id)
        site_ids = check_selection(session, mapobject_type, selection)
        known = session.execute(
            select(Feature.name, Feature.key)
            .where(Feature.mapobject_type_id == mapobject_type_id)
            .order_by(Feature.id)
        )
        keys = dict(known.all())
        files = list_files(session, storage, mapobject_type_id)
    names = tuple(keys) if features is None else tuple(features)
    for name in names:
        if name not in keys:
            raise NotFound(f'Objects of type "{mapobject_type.name}" have no feature "{name}".')
    if selection.tpoint is not None:
        files = [file for file in files if file.tpoint == selection.tpoint]
    return FeatureValues(
        database, storage, mapobject_type_id, names, tuple(keys[n] for n in names), files, site_ids
    )


@dataclass(frozen=True)
class FeatureValues:
    """Values of the selected objects, made by :func:`select_feature_values`.

    Rows are in order of time point, plane, site and label. Reading takes little memory however
    many there are, and goes on when the files are compacted in the meantime.
    """

    database: Database
    storage: ExperimentStorage
    mapobject_type_id: int
    names: tuple[str, ...]
    keys: tuple[str, ...]
    files: list[FeatureFile]
    site_ids: frozenset[int] | None

    @property
    def schema(self) -> Any:
        """Arrow schema: ``mapobject_id``, ``label``, ``site_id``, ``tpoint``, then the features."""
        numbers = [pa.field("mapobject_id", pa.int64())]
        numbers += [pa.field(name, pa.int32()) for name in ("label", "site_id", "tpoint")]
        return pa.schema([*numbers, *(pa.field(name, pa.float64()) for name in self.names)])

    def tables(self) -> Iterator[Any]:
        """Arrow tables (``pyarrow.Table``) of the :attr:`schema`, a part of the rows each.

        Raises
        ------
        Conflict
            If the objects are replaced by others while they are read.
        """
        for tpoint, zplane in sorted({(file.tpoint, file.zplane) for file in self.files}):
            for table in self._read_plane(tpoint, zplane):
                tpoints = pa.array(np.full(table.num_rows, tpoint, dtype=np.int32))
                columns = table.columns
                yield pa.table([*columns[:3], tpoints, *columns[3:]], schema=self.schema)

    def table(self) -> Any:
        """All rows as one ``pyarrow.Table``."""
        return pa.concat_tables([self.schema.empty_table(), *self.tables()]).combine_chunks()

    def csv(self) -> Iterator[bytes]:
        r"""CSV with one row per object and time point, in parts.

        The header is ``mapobject_id`` and the names of the features; values have 6 decimals,
        missing ones are ``nan``; lines end with ``\r\n``.
        """
        header = io.StringIO(newline="")
        csv.writer(header).writerow(["mapobject_id", *self.names])
        yield header.getvalue().encode()
        for table in self.tables():
            for start in range(0, table.num_rows, _CSV_ROWS):
                yield _csv_rows(table.slice(start, _CSV_ROWS))

    def _read_plane(self, tpoint: int, zplane: int) -> Iterator[Any]:
        files, first_site = self.files, 0
        for _ in range(2):
            plane = [file for file in files if (file.tpoint, file.zplane) == (tpoint, zplane)]
            if not plane:
                break
            try:
                yield from merge(plane, self.keys, site_ids=self.site_ids, first_site=first_site)
            except Vanished as vanished:
                first_site = vanished.site_id
                with self.database.session() as session:
                    files = list_files(session, self.storage, self.mapobject_type_id)
            else:
                return
        raise Conflict(
            "The objects were replaced while their values were read: repeat the request."
        )


def _csv_rows(table: Any) -> bytes:
    values = np.empty((table.num_rows, table.num_columns - 3))
    values[:, 0] = table["mapobject_id"].to_numpy()
    for index in range(4, table.num_columns):
        values[:, index - 3] = table.column(index).to_numpy()
    values[np.abs(values) < 5e-7] = 0  # not "-0.000000"
    row = "%d" + ",%.6f" * (values.shape[1] - 1) + "\r\n"
    text: str = row * len(values) % tuple(values.ravel().tolist())
    return text.encode()
