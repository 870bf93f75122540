"""Which mapobjects contain the points of annotations, by the outlines that there are at present.

Points are in the unit of their table, outlines in pixels of the map; the third coordinate of a
point is the number of its focal plane.
"""

import math
from collections.abc import Sequence

import numpy as np
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.annotation.boxes import Box
from tmlib.annotation.models import AnnotationTable
from tmlib.db.spatial import decode, undecoded
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment
from tmlib.objects.models import (
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.service import get_mapobject_type, get_mapobject_types
from tmlib.objects.tiles.objects_at_points import objects_at_points

Position = Sequence[float]
"""The x, y and z of a point."""

_NANOMETRES = 1000  # of a micrometre
_FURTHEST = 2.0**53
_ROUNDING = 1e-9
_NO_POINT = Box(1, 1, 1, -1, -1, -1)


class Binding:
    """The objects of a type, to which points of a table bind.

    A point binds to the object whose outline covers it in the point's focal plane. Where a type
    has outlines in one plane alone, they hold for all. Of several time points, the first one
    counts, and of several objects the one with the smallest id.

    Parameters
    ----------
    session
        To read with.
    table
        Of which the points are.
    mapobject_type
        With its layers.
    """

    def __init__(
        self, session: Session, table: AnnotationTable, mapobject_type: MapobjectType
    ) -> None:
        self._session = session
        self._scale = _scale(session, table)
        layers = mapobject_type.layers
        first = layers[0].tpoint if layers else None
        self._layers = {layer.zplane: layer for layer in layers if layer.tpoint == first}

    def objects_at(self, positions: Sequence[Position | None]) -> list[int | None]:
        """Ids of the objects to which points bind; None where no object contains a point."""
        found: list[int | None] = [None] * len(positions)
        for layer in self._layers.values():
            numbers, places = [], []
            for number, position in enumerate(positions):
                if position is not None and self._layer(position[2]) is layer:
                    numbers.append(number)
                    places.append(position[:2])
            if numbers:
                points = np.array(places, np.float64) * self._scale
                objects = objects_at_points(self._session, layer, points)
                for number, one in zip(numbers, objects.tolist(), strict=True):
                    found[number] = one or None
        return found

    def box_of(self, mapobject_id: int) -> Box:
        """A box, in the unit of the table, that has all points in it that bind to an object."""
        outline = MapobjectSegmentation
        query = select(undecoded(outline.outline)).where(
            outline.experiment_id.in_({one.experiment_id for one in self._layers.values()}),
            outline.mapobject_id == mapobject_id,
            outline.segmentation_layer_id.in_([one.id for one in self._layers.values()]),
        )
        found = decode(self._session.scalars(query).all())
        if not len(found):
            return _NO_POINT
        corners = np.array(shapely.total_bounds(found)).reshape(2, 2) / self._scale
        # a little more, because the way back may round differently
        margin = _ROUNDING * (1 + np.abs(corners))
        (min_x, min_y), _ = (corners - margin).tolist()
        _, (max_x, max_y) = (corners + margin).tolist()
        return Box(min_x, min_y, -_FURTHEST, max_x, max_y, _FURTHEST)

    def _layer(self, z: float) -> SegmentationLayer | None:
        if len(self._layers) == 1:
            return next(iter(self._layers.values()))
        return self._layers.get(math.floor(z + 0.5))


def binding_to(session: Session, table: AnnotationTable, type_name: str) -> Binding:
    """How points bind to the objects of a type.

    Raises
    ------
    NotFound
        If the experiment has no such type.
    """
    found = get_mapobject_types(session, table.experiment_id, type_name)
    if not found:
        raise NotFound(f'There is no mapobject type "{type_name[:100]}" in the experiment.')
    return Binding(session, table, found[0])


def binding_of(session: Session, table: AnnotationTable, mapobject_id: int) -> Binding:
    """How points bind to objects of the type that one is of.

    Raises
    ------
    NotFound
        If the experiment has no such object.
    """
    of_type = select(Mapobject.mapobject_type_id).where(
        Mapobject.experiment_id == table.experiment_id, Mapobject.id == mapobject_id
    )
    known = select(MapobjectType.id).where(MapobjectType.id.in_(of_type))
    type_id = session.scalar(known)
    if type_id is None:
        raise NotFound(f"There is no mapobject {mapobject_id} in the experiment.")
    return Binding(session, table, get_mapobject_type(session, table.experiment_id, type_id))


def _scale(session: Session, table: AnnotationTable) -> tuple[float, float]:
    """How many pixels of the map are in a unit of a table's x and y.

    Where the size of a pixel is not known, units are pixels.
    """
    query = select(Experiment.pixel_size).where(Experiment.id == table.experiment_id)
    size = session.scalar(query)
    if size is None:
        return (1.0, 1.0)
    sizes = (table.voxel_resolution_x, table.voxel_resolution_y)
    x, y = (one / (size * _NANOMETRES) for one in sizes)
    # the same size, but for how it was rounded
    return (1.0 if math.isclose(x, 1) else x, 1.0 if math.isclose(y, 1) else y)
