"""The table of all objects of a type: columns of features, tool results, remarks and metadata.

A table shows one version of the values, which is defined by the list of Parquet files that is read
first. Rows are in order of time point, plane, site and label. Columns are read on demand, once for
each version; see :mod:`tmlib.objects.table.column_cache`.
"""

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.digests import digest_of
from tmlib.errors import BadInput, Conflict
from tmlib.objects.models import EmptySite, Mapobject, MapobjectType
from tmlib.objects.selection import EVERYTHING, Selection, check_selection
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.table.column_cache import ColumnCache
from tmlib.objects.table.columns import Column, ColumnValues, LabelSource, ValueType, join_labels
from tmlib.objects.table.object_places import Place, places_of, read_outlined
from tmlib.objects.values.feature_files import FeatureFile, Vanished, list_files, merge
from tmlib.storage import ExperimentStorage

_ROWS = {"mapobject_id": "i8", "label": "i4", "ref_id": "i4", "tpoint": "i4", "zplane": "i4"}
_OUTLINED: dict[str, str] = {"is_border": "u1", "centroid_y": "f8", "centroid_x": "f8"}
_TYPES: dict[str, ValueType] = {"f8": "float", "u1": "boolean", "i4": "integer", "i8": "integer"}
_FORMAT = "1"  # of the cached columns
_FEW_SITES = 64  # the values of which are looked for, instead of reading all
_REPLACED = "The objects were replaced while their values were read: try again."


def open_table(
    database: Database,
    storage: ExperimentStorage,
    cache: ColumnCache,
    mapobject_type_id: int,
    results: Sequence[LabelSource] = (),
) -> "ObjectTable":
    """The current table of a type.

    Parameters
    ----------
    database, storage
        Database and storage of the experiment.
    cache
        Cache of columns.
    mapobject_type_id
        Type of the objects.
    results
        Tool results about them, and what people have remarked on them.

    Raises
    ------
    NotFound
        If there is no such type.
    Conflict
        If the objects are being replaced.
    """
    with database.session() as session:
        found = get_mapobject_type(session, storage.experiment_id, mapobject_type_id)
        files = list_files(session, storage, mapobject_type_id)
        places = places_of(session, found)
        layout = None if files else _objects_of_layout(session, found.experiment_id, found.id)
        empty = _empty_sites(session, found.id)
    if layout is None:
        names = [file.path.name for file in files]
    else:
        names = [",".join(map(str, layout["mapobject_id"].tolist()))]
    text = "/".join([_FORMAT, str(storage.root), str(mapobject_type_id), *sorted(names)])
    content = _digest(text)
    table = ObjectTable(
        database=database,
        storage=storage,
        cache=cache,
        mapobject_type_id=mapobject_type_id,
        content=content,
        version=_digest(content, *(place.digest for place in places.values())),
        columns=tuple(_columns(found, bool(files), places, results)),
        is_static=found.is_static,
        files=tuple(files),
        places=places,
        results={one.key: one for one in results},
        layout=layout,
        empty=empty,
    )
    table.read_rows()
    return table


def _columns(
    mapobject_type: MapobjectType,
    has_values: bool,
    places: Mapping[str, Place],
    results: Sequence[LabelSource],
) -> Iterator[Column]:
    """Metadata, features, results, remarks."""
    has_planes = has_values or not mapobject_type.is_static
    shown = ["mapobject_id", *(("label", "tpoint", "zplane") if has_planes else ())]
    dtypes = {name: _ROWS[name] for name in shown} | _OUTLINED
    if mapobject_type.is_static:
        del dtypes["is_border"]
    for name, dtype in dtypes.items():
        yield Column(name, "metadata", _TYPES[dtype], name)
    for name, place in places.items():
        yield Column(name, "metadata", place.type, name)
    for feature in mapobject_type.features:
        yield Column(feature.name, "feature", "float", feature.key)
    for one in results:
        yield Column(one.name, one.kind, "text" if one.is_text else "float", one.key)


def _digest(*texts: str) -> str:
    return digest_of("/".join(texts), 24)


def _objects_of_layout(
    session: Session, experiment_id: int, type_id: int
) -> dict[str, NDArray[Any]]:
    """Rows of a type without values: plates, wells or sites, or no rows yet."""
    found = session.execute(
        select(Mapobject.id, Mapobject.ref_id)
        .where(Mapobject.experiment_id == experiment_id, Mapobject.mapobject_type_id == type_id)
        .order_by(Mapobject.ref_id, Mapobject.id)
    ).all()
    ids = np.array([row[0] for row in found], np.int64)
    refs = np.array([row[1] for row in found], np.int32)
    zeros = np.zeros(len(ids), np.int32)
    return {"mapobject_id": ids, "label": zeros, "ref_id": refs, "tpoint": zeros, "zplane": zeros}


def _empty_sites(session: Session, type_id: int) -> dict[str, NDArray[Any]]:
    found = session.execute(
        select(EmptySite.site_id, EmptySite.tpoint, EmptySite.zplane)
        .where(EmptySite.mapobject_type_id == type_id)
        .order_by(EmptySite.tpoint, EmptySite.zplane, EmptySite.site_id)
    ).all()
    refs, tpoints, zplanes = np.array(found, np.int32).reshape(-1, 3).T
    return {
        "mapobject_id": np.zeros(len(found), np.int64),
        "ref_id": refs,
        "tpoint": tpoints,
        "zplane": zplanes,
    }


@dataclass(frozen=True)
class ObjectTable:
    """All objects of a type at one version of their values, made by :func:`open_table`.

    ``content`` changes with the objects and their values, ``version`` also with the names of plates
    and wells.
    """

    database: Database
    storage: ExperimentStorage
    cache: ColumnCache
    mapobject_type_id: int
    content: str
    version: str
    columns: tuple[Column, ...]
    is_static: bool
    files: tuple[FeatureFile, ...]
    places: Mapping[str, Place]
    results: Mapping[str, LabelSource]
    layout: Mapping[str, NDArray[Any]] | None
    empty: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    rows: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def n_rows(self) -> int:
        """Number of rows: one per object, time point and plane."""
        return len(self.rows["mapobject_id"])

    @cached_property
    def _by_name(self) -> dict[str, list[Column]]:
        columns: dict[str, list[Column]] = {}
        for column in self.columns:
            columns.setdefault(column.name, []).append(column)
        return columns

    def find(self, name: str) -> Column:
        """The column with a name.

        If columns of several kinds have the name, ``feature:Area`` tells them apart.

        Raises
        ------
        BadInput
            If there is none, or several.
        """
        found = self._by_name.get(name, [])
        if not found:
            kind, _, rest = name.partition(":")
            found = [column for column in self._by_name.get(rest, []) if column.kind == kind]
        if len(found) > 1:
            choices = " or ".join(f'"{column.kind}:{name}"' for column in found)
            raise BadInput(f'There are several columns "{name}": say {choices}.')
        if not found:
            close = difflib.get_close_matches(name, self._by_name, n=1)
            hint = f'did you mean "{close[0]}"?' if close else "ask for the list of columns."
            raise BadInput(f'There is no column "{name[:80]}": {hint}')
        return found[0]

    def values(self, column: Column) -> ColumnValues:
        """Values of a column, one per row."""
        [values] = self.values_of([column])
        return values

    def values_of(
        self, columns: Sequence[Column], rows: NDArray[np.intp] | None = None
    ) -> list[ColumnValues]:
        """Values of columns, for all rows or some of them.

        Features that are not in the cache are read together.
        """
        keys = {column.key: "f8" for column in columns if column.kind == "feature"}
        features = self._cached("feature", keys, lambda missing: self._read_features(missing))
        found = []
        for column in columns:
            if column.name in self.places and column.kind == "metadata":
                ref_ids = self.rows["ref_id"]
                ref_ids = ref_ids if rows is None else ref_ids[rows]
                found.append(self.places[column.name].values(ref_ids))
                continue
            is_feature = column.kind == "feature"
            values = ColumnValues(features[column.key]) if is_feature else self._other(column)
            found.append(values if rows is None else values.of(rows))
        return found

    def stream_features(
        self, columns: Sequence[Column], rows: NDArray[np.intp]
    ) -> Iterator[tuple[slice, list[NDArray[np.float64]]]]:
        """Values of features part by part, as they are stored and without caching them.

        Parameters
        ----------
        columns
            Features.
        rows
            Positions of rows, ascending.

        Yields
        ------
        tuple
            Indices into `rows`, and the values of each column.

        Raises
        ------
        Conflict
            If the objects are replaced in the meantime.
        """
        sites = np.unique(self.rows["ref_id"][rows])
        is_stored = self.layout is None
        few = set(sites.tolist()) if is_stored and len(sites) <= _FEW_SITES else None
        read = np.flatnonzero(np.isin(self.rows["ref_id"], sites)) if few else None
        wanted = rows if read is None else np.searchsorted(read, rows)
        start = 0
        try:
            for part in self._read_features([column.key for column in columns], few):
                end = start + len(part[0])
                low, high = np.searchsorted(wanted, [start, end])
                inside = wanted[low:high] - start
                if len(inside):
                    yield slice(low, high), [values[inside] for values in part]
                start = end
        except Vanished:
            raise Conflict(_REPLACED) from None

    def tells_place(self, column: Column) -> bool:
        """Whether a column is a position, which empty sites have as well."""
        return column.kind == "metadata" and column.name in (*self.places, "tpoint", "zplane")

    @property
    def empty_sites(self) -> "ObjectTable":
        """A table of analysed sites without objects, a row for each plane.

        It has values only in columns of positions.
        """
        return replace(self, rows=dict(self.empty))

    def version_of(self, column: Column) -> str:
        """A version that changes whenever a value of a column does."""
        if self._is_drawn(column):
            return _digest(self.version, column.key, str(self.values(column).numbers.tolist()))
        return _digest(self.version, column.kind, column.key)

    def select(self, selection: Selection = EVERYTHING) -> NDArray[np.bool_]:
        """Which rows lie in a part of the experiment, shape (n,).

        Raises
        ------
        NotFound
            If there is no such plate, well, site or time point.
        BadInput
            If the selection does not fit the type.
        """
        chosen = np.ones(self.n_rows, bool)
        if selection == EVERYTHING:
            return chosen
        with self.database.session() as session:
            found = get_mapobject_type(session, self.storage.experiment_id, self.mapobject_type_id)
            check_selection(session, found, selection)
        for name, place in self.places.items():
            wanted = getattr(selection, name, None)
            if wanted is not None:
                chosen &= place.equals(self.rows["ref_id"], wanted)
        if selection.tpoint is not None and self.layout is None:
            chosen &= self.rows["tpoint"] == selection.tpoint
        return chosen

    def read_rows(self) -> None:
        """Read the columns that identify rows; called once."""
        if self.layout is not None:
            self.rows.update(self.layout)
            return
        self.rows.update(self._cached("rows", _ROWS, lambda _: self._read_identifiers()))

    def _other(self, column: Column) -> ColumnValues:
        if column.kind in ("result", "remark"):
            return self._labels(self.results[column.key])
        if column.name in self.rows:
            return ColumnValues(self.rows[column.name])
        if self._is_drawn(column):
            [outlined] = self._read_outlined()
            return ColumnValues(dict(zip(_OUTLINED, outlined, strict=True))[column.name])
        found = self._cached("outlined", _OUTLINED, lambda _: self._read_outlined())
        return ColumnValues(found[column.name])

    def _is_drawn(self, column: Column) -> bool:
        """Whether it is about outlines from the layout: few, and they change but keep their ids."""
        return self.is_static and column.kind == "metadata" and column.name in _OUTLINED

    def _cached(
        self,
        kind: str,
        dtypes: Mapping[str, str],
        read: Callable[[list[str]], Iterator[Sequence[NDArray[Any]]]],
    ) -> dict[str, NDArray[Any]]:
        """Columns from the cache, after missing ones have been added to it."""
        found: dict[str, NDArray[Any]] = {}
        for _ in range(2):
            missing = {}
            for name, dtype in dtypes.items():
                array = self.cache.read(self.content, f"{kind}/{name}", dtype)
                if array is None:
                    missing[name] = dtype
                else:
                    found[name] = array
            if not missing:
                return found
            self._check_room(missing)
            named = {f"{kind}/{name}": dtype for name, dtype in missing.items()}
            try:
                self.cache.write(self.content, named, read(list(missing)))
            except Vanished:
                break
        raise Conflict(_REPLACED)

    def _check_room(self, missing: Mapping[str, str]) -> None:
        n_rows = len(self.rows.get("mapobject_id", ()))
        needed = sum(np.dtype(dtype).itemsize for dtype in missing.values()) * n_rows
        if needed > self.cache.max_bytes:
            raise BadInput(
                f"{len(missing)} columns of {n_rows} objects are more than the server keeps at a "
                "time: ask for fewer columns, or its administrator for a larger "
                "TM_COLUMN_CACHE_MB."
            )

    def _planes(
        self, keys: Sequence[str], site_ids: Collection[int] | None = None
    ) -> Iterator[tuple[int, int, Any]]:
        for tpoint, zplane in sorted({(file.tpoint, file.zplane) for file in self.files}):
            plane = [file for file in self.files if (file.tpoint, file.zplane) == (tpoint, zplane)]
            for table in merge(plane, keys, site_ids=site_ids):
                yield tpoint, zplane, table

    def _read_identifiers(self) -> Iterator[Sequence[NDArray[Any]]]:
        for tpoint, zplane, table in self._planes([]):
            n = table.num_rows
            ids = [table[name].to_numpy() for name in ("mapobject_id", "label", "site_id")]
            yield [*ids, np.full(n, tpoint, np.int32), np.full(n, zplane, np.int32)]

    def _read_features(
        self, keys: Sequence[str], site_ids: Collection[int] | None = None
    ) -> Iterator[Sequence[NDArray[Any]]]:
        if self.layout is not None:
            yield [np.full(self.n_rows, np.nan)] * len(keys)
        for _, _, table in self._planes(keys, site_ids):
            yield [table[key].to_numpy() for key in keys]

    def _read_outlined(self) -> Iterator[Sequence[NDArray[Any]]]:
        with self.database.session() as session:
            found = get_mapobject_type(session, self.storage.experiment_id, self.mapobject_type_id)
            yield read_outlined(session, found, self.rows)

    def _labels(self, source: LabelSource) -> ColumnValues:
        name = f"result/{source.key}"
        dtype = "i4" if source.is_text else "f8"
        numbers = self.cache.read(self.content, name, dtype)
        texts = self.cache.read_texts(self.content, name) if source.is_text else None
        if numbers is None or (source.is_text and texts is None):
            joined = join_labels(source.read(), self.rows["mapobject_id"], self.rows["tpoint"])
            if joined.texts is not None:
                self.cache.write_texts(self.content, name, joined.texts)
            self.cache.write(self.content, {name: dtype}, [[joined.numbers]])
            return joined
        return ColumnValues(numbers, texts)
