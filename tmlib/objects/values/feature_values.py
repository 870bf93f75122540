"""Reading feature values, as Arrow tables and as streamed tables."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import select

from tmlib.db import Database
from tmlib.errors import Conflict, NotFound
from tmlib.objects.models import Feature
from tmlib.objects.selection import EVERYTHING, Selection, check_selection
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.values.csv_numbers import csv_rows
from tmlib.objects.values.feature_files import FeatureFile, Vanished, list_files, merge
from tmlib.objects.values.place_columns import PlaceColumn, csv_cells
from tmlib.storage import ExperimentStorage

_CSV_CELLS = 200_000
_NUMBERS = ("label", "site_id", "tpoint", "zplane")  # columns before those of the features
_SITE = 1 + _NUMBERS.index("site_id")
_FORMAT_KEY = b"tmserver.feature_values"


def select_feature_values(
    database: Database,
    storage: ExperimentStorage,
    mapobject_type_id: int,
    selection: Selection = EVERYTHING,
    *,
    features: Sequence[str] | None = None,
) -> "FeatureValues":
    """Select feature values to be read; errors are reported now, not during reading.

    Parameters
    ----------
    database
        Database that lists the files; used only briefly, not while reading.
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

    Rows are in order of time point, plane, site and label. Reading needs little memory for any
    number of rows, and continues if the files are compacted in the meantime.
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
        """Arrow schema: id, label, site, time point and plane of the object, then the features."""
        numbers = [pa.field("mapobject_id", pa.int64())]
        numbers += [pa.field(name, pa.int32()) for name in _NUMBERS]
        return pa.schema([*numbers, *(pa.field(name, pa.float64()) for name in self.names)])

    def tables(self) -> Iterator[Any]:
        """Arrow tables (``pyarrow.Table``) of the :attr:`schema`, each with a part of the rows.

        Raises
        ------
        Conflict
            If the objects are replaced while they are read.
        """
        for tpoint, zplane in sorted({(file.tpoint, file.zplane) for file in self.files}):
            for table in self._read_plane(tpoint, zplane):
                plane = [
                    pa.array(np.full(table.num_rows, number, dtype=np.int32))
                    for number in (tpoint, zplane)
                ]
                columns = table.columns
                yield pa.table([*columns[:3], *plane, *columns[3:]], schema=self.schema)

    def table(self) -> Any:
        """All rows as one ``pyarrow.Table``."""
        return pa.concat_tables([self.schema.empty_table(), *self.tables()]).combine_chunks()

    @property
    def values(self) -> "ValueTable":
        """The table for users: ids of the objects, and the features."""
        return ValueTable(self)

    def described_by(self, columns: Sequence[PlaceColumn]) -> "ValueTable":
        """The table for users, with columns that describe the places of the objects."""
        return ValueTable(self, tuple(columns))

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


@dataclass(frozen=True)
class ValueTable:
    """Feature values for users: a row per object, time point and plane.

    An object has the same id at all of them, so ``tpoint`` follows ``mapobject_id`` if there are
    values of several, and likewise ``zplane``. What describes the places of the objects comes
    before the features.
    """

    source: FeatureValues
    described: tuple[PlaceColumn, ...] = ()

    @property
    def _varying(self) -> list[str]:
        """Names of the columns in which rows of one object differ."""
        tpoints = {file.tpoint for file in self.source.files}
        zplanes = {file.zplane for file in self.source.files}
        several = {"tpoint": len(tpoints) > 1, "zplane": len(zplanes) > 1}
        return [name for name, varies in several.items() if varies]

    @property
    def schema(self) -> Any:
        """Arrow schema, with ``tpoint`` and ``zplane`` if they vary."""
        full = self.source.schema
        fields = [full[0], *map(full.field, self._varying)]
        fields += [pa.field(column.name, column.type) for column in self.described]
        fields += list(full)[1 + len(_NUMBERS) :]
        return pa.schema(fields, metadata={_FORMAT_KEY: b"1"})

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``; each is of one time point and plane."""
        schema = self.schema
        varying = [1 + _NUMBERS.index(name) for name in self._varying]
        for table in self.source.tables():
            columns = table.columns
            plane = [columns[index] for index in varying]
            sites = columns[_SITE].to_numpy()
            described = [column.read(sites) for column in self.described]
            features = columns[1 + len(_NUMBERS) :]
            yield pa.table([columns[0], *plane, *described, *features], schema=schema)

    def csv(self) -> Iterator[bytes]:
        r"""CSV in parts.

        The header has the names of the :attr:`schema`; feature values have 6 decimals, missing
        ones are ``nan``; what else is missing is empty; lines end with ``\r\n``.
        """
        header = io.StringIO(newline="")
        csv.writer(header).writerow(self.schema.names)
        # sent with the first rows, so that errors of these are reported in time
        text = header.getvalue().encode()
        varying = [1 + _NUMBERS.index(name) for name in self._varying]
        for table in self.source.tables():
            columns = [column.to_numpy() for column in table.columns]
            features = columns[1 + len(_NUMBERS) :]
            plane = "".join(f",{columns[index][0]}" for index in varying if table.num_rows)
            for part, cells in self._parts(columns[_SITE], len(columns)):
                numbers = columns[0][part]
                values = np.empty((len(numbers), len(features)))
                for index, column in enumerate(features):
                    values[:, index] = column[part]
                yield text + csv_rows(numbers, values, plane + cells)
                text = b""
        if text:
            yield text

    def _parts(self, sites: NDArray[np.int32], n_columns: int) -> Iterator[tuple[slice, str]]:
        """Rows that are described alike, in parts of some cells, and how they are described."""
        starts, cells = np.zeros(1, np.intp), [""]
        if self.described:
            starts = np.flatnonzero(np.diff(sites, prepend=-1))
            cells = csv_cells(self.described, sites[starts])
        n_rows = max(1, _CSV_CELLS // n_columns)
        bounds = pairwise([*starts.tolist(), len(sites)])
        for (first, end), text in zip(bounds, cells, strict=True):
            for start in range(first, end, n_rows):
                yield slice(start, min(start + n_rows, end)), text
