"""Spatial queries: which objects are at a point, in a region, or nearest to a point.

An object is in a region if its outline touches it. Coordinates are pixels of the map at full
resolution, x to the right and y downwards. The database finds candidates with its index, which are
checked by PostGIS or by shapely.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Float, and_, func, or_, select
from sqlalchemy.orm import Session

from tmlib.db.spatial import decode, in_box
from tmlib.errors import BadInput
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer
from tmlib.objects.tiles.outlines_in_box import outlines_in_box

MAX_CORNERS = 300
"""Of a region that is drawn."""

_CANDIDATES = 5_000  # outlines that are decoded at once
_FIRST_RADIUS = 64.0
_EVERYTHING = 2.0**31


@dataclass(frozen=True)
class FoundObject:
    """An object of a layer.

    Attributes
    ----------
    id
        Id of the mapobject.
    label
        Number in its site's label image; None if it has none.
    x, y
        Its centroid.
    box
        (min_x, min_y, max_x, max_y) around its outline.
    distance
        Distance from the requested point to its outline; 0 inside.
    """

    id: int
    label: int | None
    x: float
    y: float
    box: tuple[float, float, float, float]
    distance: float = 0.0


def region_of(corners: list[tuple[float, float]]) -> shapely.Polygon:
    """The region that a closed line encloses.

    Parameters
    ----------
    corners
        (x, y) of each corner, from 3 to `MAX_CORNERS`; the last one is connected to the first.

    Raises
    ------
    BadInput
        If it has too few or too many corners, crosses itself or encloses nothing.
    """
    if not 3 <= len(corners) <= MAX_CORNERS:
        raise BadInput(
            f"A region has between 3 and {MAX_CORNERS} corners, this one has {len(corners)}: "
            "draw it with fewer corners."
        )
    region = shapely.Polygon(corners)
    if not region.is_valid or region.area == 0:
        raise BadInput("The line around the region crosses itself or encloses nothing.")
    return region


def objects_at(
    session: Session, layer: SegmentationLayer, x: float, y: float, limit: int
) -> list[FoundObject]:
    """Objects whose outline covers a point, in the order of their ids."""
    return objects_in(session, layer, shapely.Point(x, y), limit)


def objects_in(
    session: Session,
    layer: SegmentationLayer,
    region: shapely.Polygon | shapely.Point,
    limit: int,
    after: int = 0,
) -> list[FoundObject]:
    """Objects that touch a region, in the order of their ids.

    Parameters
    ----------
    session, layer
        Session and layer to query.
    region
        Polygon or point.
    limit
        Largest number of objects.
    after
        Only objects with a larger id than this, the last one of the previous page.
    """
    found: list[FoundObject] = []
    for rows, outlines in _candidates(session, layer, region, after, limit):
        touching = np.flatnonzero(_touches(region, outlines))[: limit - len(found)]
        found += _objects(rows, outlines, touching, np.zeros(len(rows)))
        if len(found) == limit:
            break
    return found


def count_in(session: Session, layer: SegmentationLayer, region: shapely.Polygon) -> int:
    """Number of objects that touch a region."""
    if session.get_bind().dialect.name != "postgresql":
        return sum(
            int(np.count_nonzero(_touches(region, outlines)))
            for _, outlines in _candidates(session, layer, region, 0, _CANDIDATES)
        )
    outline = MapobjectSegmentation.outline
    shape = func.ST_GeomFromWKB(region.wkb)
    touches: ColumnElement[bool] = func.ST_Intersects(outline, shape)
    if _is_box(region):
        # objects inside need no further check
        touches = or_(outline.bool_op("@")(shape), touches)
    count = select(func.count()).select_from(MapobjectSegmentation)
    return session.scalar(count.where(_near(session, layer, region.bounds), touches)) or 0


def nearest_objects(
    session: Session,
    layer: SegmentationLayer,
    x: float,
    y: float,
    limit: int,
    max_distance: float | None = None,
) -> list[FoundObject]:
    """Objects whose outlines are nearest to a point, the nearest first, then by id.

    Parameters
    ----------
    session, layer
        Session and layer to query.
    x, y
        The point.
    limit
        Largest number of objects.
    max_distance
        Objects further away are left out.
    """
    point = shapely.Point(x, y)
    furthest = _EVERYTHING if max_distance is None else max_distance
    radius = min(_radius(session, layer, point, limit), furthest)
    while True:
        box = (x - radius, y - radius, x + radius, y + radius)
        rows = outlines_in_box(session, layer, box)
        outlines = decode([row.outline for row in rows])
        distances = shapely.distance(outlines, point)
        # there may be others that are nearer beyond the radius
        within = np.flatnonzero(distances <= radius)
        if len(within) >= limit or radius >= furthest:
            ids = np.array([row.mapobject_id for row in rows], np.int64)
            order = within[np.lexsort((ids[within], distances[within]))][:limit]
            return _objects(rows, outlines, order, distances)
        radius = min(2 * radius, furthest)


def _radius(session: Session, layer: SegmentationLayer, point: shapely.Point, limit: int) -> float:
    """A radius within which the nearest objects are: exact where the index knows distances."""
    if session.get_bind().dialect.name != "postgresql":
        return _FIRST_RADIUS
    found = MapobjectSegmentation
    distance = found.outline.op("<->", return_type=Float())(func.ST_GeomFromWKB(point.wkb))
    distances = session.scalars(
        select(distance)
        .where(found.experiment_id == layer.experiment_id, found.segmentation_layer_id == layer.id)
        .order_by(distance)
        .limit(limit)
    ).all()
    # a little more, because both programs may round differently
    return max(distances) * (1 + 1e-9) + 1e-6 if len(distances) == limit else _EVERYTHING


def _near(
    session: Session, layer: SegmentationLayer, box: tuple[float, float, float, float]
) -> ColumnElement[bool]:
    found = MapobjectSegmentation
    touching = in_box(session, found.id, found.segmentation_layer_id, found.outline, layer.id, box)
    return and_(found.experiment_id == layer.experiment_id, touching)


def _candidates(
    session: Session,
    layer: SegmentationLayer,
    region: shapely.Polygon | shapely.Point,
    after: int,
    limit: int,
) -> Iterator[tuple[Any, NDArray[Any]]]:
    """Objects whose boxes touch that of a region, in parts, with their outlines."""
    size = min(max(limit, 1) + 100, _CANDIDATES)
    while True:
        rows = outlines_in_box(session, layer, region.bounds, after=after, limit=size)
        if rows:
            yield rows, decode([row.outline for row in rows])
            after = rows[-1].mapobject_id
        if len(rows) < size:
            return


def _touches(region: shapely.Polygon | shapely.Point, outlines: NDArray[Any]) -> NDArray[np.bool_]:
    shapely.prepare(region)
    return np.asarray(shapely.intersects(region, outlines))


def _is_box(region: shapely.Polygon) -> bool:
    return bool(region.equals(shapely.box(*region.bounds)))


def _objects(
    rows: Any, outlines: NDArray[Any], chosen: NDArray[np.int64], distances: NDArray[np.float64]
) -> list[FoundObject]:
    boxes = shapely.bounds(outlines[chosen]).tolist()
    return [
        FoundObject(
            id=rows[position].mapobject_id,
            label=rows[position].label,
            x=rows[position].centroid_x,
            y=rows[position].centroid_y,
            box=tuple(box),
            distance=float(distances[position]),
        )
        for position, box in zip(chosen.tolist(), boxes, strict=True)
    ]
