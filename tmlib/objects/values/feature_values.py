"""Reading feature values, as Arrow tables and as streamed tables."""

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
from tmlib.objects.models import Feature
from tmlib.objects.selection import EVERYTHING, Selection, check_selection
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.values.csv_numbers import csv_rows
from tmlib.objects.values.feature_files import FeatureFile, Vanished, list_files, merge
from tmlib.storage import ExperimentStorage

_CSV_CELLS = 200_000
_NUMBERS = ("label", "site_id", "tpoint", "zplane")  # columns before those of the features
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
    values of several, and likewise ``zplane``.
    """

    source: FeatureValues

    @property
    def _varying(self) -> list[str]:
        """Names of the columns in which rows of one object differ."""
        tpoints = {file.tpoint for file in self.source.files}
        zplanes = {file.zplane for file in self.source.files}
        several = {"tpoint": len(tpoints) > 1, "zplane": len(zplanes) > 1}
        return [name for name, varies in several.items() if varies]

    @property
    def schema(self) -> Any:
        """Arrow schema: ``mapobject_id``, varying ``tpoint`` and ``zplane``, then the features."""
        full = self.source.schema
        fields = [full[0], *map(full.field, self._varying), *list(full)[1 + len(_NUMBERS) :]]
        return pa.schema(fields, metadata={_FORMAT_KEY: b"1"})

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``; each is of one time point and plane."""
        schema = self.schema
        varying = [1 + _NUMBERS.index(name) for name in self._varying]
        for table in self.source.tables():
            columns = table.columns
            plane = [columns[index] for index in varying]
            yield pa.table([columns[0], *plane, *columns[1 + len(_NUMBERS) :]], schema=schema)

    def csv(self) -> Iterator[bytes]:
        r"""CSV in parts.

        The header is ``mapobject_id``, varying ``tpoint`` and ``zplane``, and the names of the
        features; values have 6 decimals, missing ones are ``nan``; lines end with ``\r\n``.
        """
        header = io.StringIO(newline="")
        csv.writer(header).writerow(self.schema.names)
        # sent with the first rows, so that errors of these are reported in time
        text = header.getvalue().encode()
        n_varying = len(self._varying)
        for table in self.tables():
            numbers, *columns = (column.to_numpy() for column in table.columns)
            plane = "".join(f",{column[0]}" for column in columns[:n_varying])
            rows = max(1, _CSV_CELLS // len(table.columns))
            for start in range(0, table.num_rows, rows):
                part = slice(start, start + rows)
                values = np.empty((len(numbers[part]), len(columns) - n_varying))
                for index, column in enumerate(columns[n_varying:]):
                    values[:, index] = column[part]
                yield text + csv_rows(numbers[part], values, plane)
                text = b""
        if text:
            yield text
