"""Outlines of objects with their measurements as GeoJSON, as QuPath reads it.

Coordinates are pixels, x to the right and y down, as in an image. The id of a feature encodes time
point, plane and the mapobject's id as a UUID, which QuPath requires.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pydantic_core import to_json
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db.spatial import decode, undecoded
from tmlib.errors import Conflict
from tmlib.objects.models import MapobjectSegmentation, MapobjectType
from tmlib.objects.service import get_mapobject_type
from tmlib.objects.table.columns import Column
from tmlib.objects.table.object_table import ObjectTable

_ROWS = 2_000
_CELLS = 200_000
_UUID_DIGITS = 12  # of the last group
_COLOURS = (
    (31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189),
    (140, 86, 75), (227, 119, 194), (127, 127, 127), (188, 189, 34), (23, 190, 207),
)  # fmt: skip


@dataclass(frozen=True)
class GeoJsonContent:
    """What to write for each object.

    Attributes
    ----------
    measurements
        Columns with numbers.
    metadata
        Columns that are written as text.
    classification
        Text column with the class of each object, which determines its colour.
    origins
        (y, x) of the upper left corner of each site in map pixels, by its number, for coordinates
        in pixels of the site. None for coordinates in pixels of the map.
    """

    measurements: Sequence[Column]
    metadata: Sequence[Column]
    classification: Column | None = None
    origins: Mapping[int, tuple[int, int]] | None = None


def geojson(table: ObjectTable, rows: NDArray[np.intp], content: GeoJsonContent) -> Iterator[bytes]:
    """A GeoJSON feature collection, part by part.

    Parameters
    ----------
    table
        Table of the objects.
    rows
        Positions of the rows to write.
    content
        What to write for each.

    Raises
    ------
    Conflict
        If the objects are replaced in the meantime.
    """
    with table.database.session() as session:
        mapobject_type = get_mapobject_type(
            session, table.storage.experiment_id, table.mapobject_type_id
        )
    n_rows = max(1, min(_ROWS, _CELLS // (1 + len(content.measurements))))
    before = b'{"type":"FeatureCollection","features":[\n'
    for start in range(0, len(rows), n_rows):
        part = rows[start : start + n_rows]
        with table.database.session() as session:
            outlines = _outlines(session, mapobject_type, table, part)
        yield before + b",\n".join(_features(table, part, outlines, content))
        before = b",\n"
    yield (before if not len(rows) else b"") + b"\n]}\n"


def _features(
    table: ObjectTable,
    rows: NDArray[np.intp],
    outlines: NDArray[Any],
    content: GeoJsonContent,
) -> Iterator[bytes]:
    if content.origins is not None:
        refs = table.rows["ref_id"][rows].tolist()
        corners = np.array([content.origins.get(ref, (0, 0)) for ref in refs], np.float64)
        owners = shapely.get_coordinates(outlines, return_index=True)[1]
        moved = shapely.get_coordinates(outlines) - corners[owners][:, ::-1]
        outlines = shapely.set_coordinates(outlines.copy(), moved)
    geometries = shapely.to_geojson(outlines)
    properties = _properties(table, rows, content)
    planes = (table.rows[name][rows].tolist() for name in ("tpoint", "zplane", "mapobject_id"))
    for *plane, geometry, one in zip(*planes, geometries, properties, strict=True):
        tpoint, zplane, mapobject_id = plane
        digits = f"{tpoint:08x}{zplane:04x}{mapobject_id:020x}"
        groups = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[-_UUID_DIGITS:])
        head = f'{{"type":"Feature","id":"{"-".join(groups)}","geometry":{geometry},"properties":'
        yield head.encode() + to_json(one) + b"}"


def _properties(
    table: ObjectTable, rows: NDArray[np.intp], content: GeoJsonContent
) -> Iterator[dict[str, Any]]:
    measured = _values(table, rows, content.measurements)
    known = _values(table, rows, content.metadata)
    classes: list[str | None] = [None] * len(rows)
    colours: dict[str, tuple[int, int, int]] = {}
    if content.classification is not None:
        [values] = table.values_of([content.classification], rows)
        classes = values.plain()
        colours = {text: _COLOURS[i % len(_COLOURS)] for i, text in enumerate(values.texts or ())}
    names = [column.name for column in content.measurements]
    keys = [column.name for column in content.metadata]
    for numbers, facts, one in zip(measured, known, classes, strict=True):
        properties: dict[str, Any] = {"objectType": "detection"}
        if one is not None:
            properties["classification"] = {"name": one, "color": colours.get(one)}
        pairs = zip(names, numbers, strict=True)
        properties["measurements"] = {name: value for name, value in pairs if value is not None}
        facts_by_key = zip(keys, facts, strict=True)
        properties["metadata"] = {key: str(fact) for key, fact in facts_by_key if fact is not None}
        yield properties


def _values(
    table: ObjectTable, rows: NDArray[np.intp], columns: Sequence[Column]
) -> list[tuple[Any, ...]]:
    """Values of columns, row by row."""
    if not columns:
        return [()] * len(rows)
    return list(zip(*(one.plain() for one in table.values_of(columns, rows)), strict=True))


def _outlines(
    session: Session, mapobject_type: MapobjectType, table: ObjectTable, rows: NDArray[np.intp]
) -> NDArray[Any]:
    """Outlines of the objects in some rows, as shapely geometries, shape (n,)."""
    ids = table.rows["mapobject_id"][rows]
    found = np.full(len(rows), None, dtype=object)
    segmentations = MapobjectSegmentation
    for layer in mapobject_type.layers:
        at = np.arange(len(rows))
        if layer.tpoint is not None:
            in_time = table.rows["tpoint"][rows] == layer.tpoint
            at = np.flatnonzero(in_time & (table.rows["zplane"][rows] == layer.zplane))
        if not len(at):
            continue
        stored = session.execute(
            select(segmentations.mapobject_id, undecoded(segmentations.outline)).where(
                segmentations.experiment_id == layer.experiment_id,
                segmentations.segmentation_layer_id == layer.id,
                segmentations.mapobject_id.in_(ids[at].tolist()),
            )
        ).all()
        geometries = decode([row[1] for row in stored])
        by_id = {row[0]: geometry for row, geometry in zip(stored, geometries, strict=True)}
        found[at] = [by_id.get(mapobject_id) for mapobject_id in ids[at].tolist()]
    if any(geometry is None for geometry in found):
        raise Conflict("The objects were replaced while their outlines were read: try again.")
    return found
