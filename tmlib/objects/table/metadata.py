"""Metadata of objects, everything but their feature values, as streamed tables."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sqlalchemy import Select, select

from tmlib.db import Database
from tmlib.experiments.models import Plate, Site, Well
from tmlib.objects.models import (
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.selection import EVERYTHING, Selection, check_selection, conditions
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.table.metadata_columns import metadata_columns
from tmlib.objects.table.object_places import conditions_of_wells
from tmlib.objects.values.place_columns import PlaceColumn

_ROWS = 5_000
_PLACES: dict[str, dict[str, Any]] = {
    "Plate": {"plate_name": Plate.name},
    "Well": {"plate_name": Plate.name, "well_name": Well.name},
    "Site": {
        "plate_name": Plate.name,
        "well_name": Well.name,
        "well_pos_y": Site.y,
        "well_pos_x": Site.x,
    },
}
_SEGMENTATION: dict[str, Any] = {
    "tpoint": SegmentationLayer.tpoint,
    "zplane": SegmentationLayer.zplane,
    "label": MapobjectSegmentation.label,
    "is_border": MapobjectSegmentation.is_border,
}


_TYPES: dict[str, Any] = {
    "mapobject_id": pa.int64(),
    "plate_name": pa.string(),
    "well_name": pa.string(),
    "is_border": pa.bool_(),
}
_FORMAT_KEY = b"tmserver.metadata"

TextColumn = tuple[str, Callable[[NDArray[np.int64], NDArray[np.int32]], Iterable[str]]]
"""Name of another column, and its texts for the ids and time points of n objects."""


def select_metadata(
    database: Database,
    experiment_id: int,
    mapobject_type_id: int,
    selection: Selection = EVERYTHING,
    more: Sequence[TextColumn] = (),
) -> "Metadata":
    """Select objects whose metadata will be read; errors are reported now.

    Parameters
    ----------
    database
        Database of the objects.
    experiment_id, mapobject_type_id
        Type of the objects.
    selection
        Which objects, all by default.
    more
        Additional columns, after those of the metadata and before the conditions of wells.

    Raises
    ------
    NotFound
        If there is no such type, plate, well, site or time point.
    BadInput
        If the selection does not fit the type.
    """
    with database.session() as session:
        mapobject_type = get_mapobject_type(session, experiment_id, mapobject_type_id)
        check_selection(session, mapobject_type, selection)
        lies_in_wells = mapobject_type.ref_type != "Plate"
        wells = conditions_of_wells(session, experiment_id) if lies_in_wells else {}
    columns = dict(_PLACES[mapobject_type.ref_type])
    if not mapobject_type.is_static:
        columns |= _SEGMENTATION
    names = ("mapobject_id", *columns)
    described = metadata_columns(wells, (*names, *(name for name, _ in more)))
    well_id = {"well_id": Well.id} if described else {}
    query = _query(mapobject_type, columns | well_id, selection)
    return Metadata(database, names, query, tuple(more), described)


@dataclass(frozen=True)
class Metadata:
    """Metadata with one row per object and segmentation layer; see :func:`select_metadata`.

    Rows are in the order of :class:`tmlib.objects.values.feature_values.FeatureValues`. Static
    types have no columns ``tpoint``, ``zplane``, ``label`` and ``is_border``. With conditions of
    wells, the query gives the id of the well behind what the names say.
    """

    database: Database
    names: tuple[str, ...]
    query: Select[Any]
    more: tuple[TextColumn, ...] = ()
    conditions: tuple[PlaceColumn, ...] = ()

    @property
    def schema(self) -> Any:
        """Arrow schema."""
        fields = [pa.field(name, _TYPES.get(name, pa.int32())) for name in self.names]
        fields += [pa.field(name, pa.string()) for name, _ in self.more]
        fields += [pa.field(column.name, column.type) for column in self.conditions]
        return pa.schema(fields, metadata={_FORMAT_KEY: b"1"})

    def tables(self) -> Iterator[Any]:
        """Parts, as ``pyarrow.Table``."""
        schema = self.schema
        for rows in self._parts():
            yield pa.table([list(column) for column in zip(*rows, strict=True)], schema=schema)

    def csv(self) -> Iterator[bytes]:
        """CSV in parts; true is 1 and false 0."""
        header: list[Sequence[Any]] = [self.schema.names]
        for rows in self._parts():
            # the database's true and false are 1 and 0 to the reader
            yield _lines(
                header + [[int(v) if isinstance(v, bool) else v for v in row] for row in rows]
            )
            header = []
        if header:
            yield _lines(header)

    def _parts(self) -> Iterator[Sequence[Sequence[Any]]]:
        n = len(self.names)
        with self.database.session() as session:
            rows = session.execute(self.query.execution_options(yield_per=_ROWS))
            for part in rows.partitions():
                columns = zip(part, self._texts(part), self._conditions(part), strict=True)
                yield [(*row[:n], *texts, *conditions) for row, texts, conditions in columns]

    def _conditions(self, rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
        if not self.conditions:
            return [()] * len(rows)
        wells = np.array([row[-1] for row in rows], dtype=np.int32)
        return zip(*(column.read(wells).to_pylist() for column in self.conditions), strict=True)

    def _texts(self, rows: Sequence[Any]) -> Iterable[Sequence[str]]:
        if not self.more:
            return [()] * len(rows)
        tpoint = self.names.index("tpoint") if "tpoint" in self.names else None
        ids = np.array([row[0] for row in rows], dtype=np.int64)
        # objects without a time point count as belonging to the first
        tpoints = np.array([0 if tpoint is None else row[tpoint] for row in rows], dtype=np.int32)
        return zip(*(column(ids, tpoints) for _, column in self.more), strict=True)


def _query(
    mapobject_type: MapobjectType, columns: dict[str, Any], selection: Selection
) -> Select[Any]:
    layers, segmentations = SegmentationLayer, MapobjectSegmentation
    query = (
        select(Mapobject.id, *columns.values())
        .join(
            segmentations,
            (segmentations.experiment_id == Mapobject.experiment_id)
            & (segmentations.mapobject_id == Mapobject.id),
        )
        .join(layers, layers.id == segmentations.segmentation_layer_id)
    )
    if mapobject_type.ref_type == "Site":
        query = query.join(Site, Site.id == Mapobject.ref_id).join(Well, Well.id == Site.well_id)
    elif mapobject_type.ref_type == "Well":
        query = query.join(Well, Well.id == Mapobject.ref_id)
    place = Plate.id == (Mapobject.ref_id if mapobject_type.ref_type == "Plate" else Well.plate_id)
    query = query.join(Plate, place).where(
        Mapobject.experiment_id == mapobject_type.experiment_id,
        Mapobject.mapobject_type_id == mapobject_type.id,
        *conditions(selection),
    )
    if selection.tpoint is not None:
        query = query.where(layers.tpoint == selection.tpoint)
    return query.order_by(layers.tpoint, layers.zplane, Mapobject.ref_id, segmentations.label)


def _lines(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
