"""Which object is at each of many points: one query for all of them."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Double, Row, func, literal, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from tmlib.db.many import select_among
from tmlib.db.spatial import RTREE, decode, undecoded
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer

# joins are crossed so that points come first, and boxes of each are looked up: SQLite would rather
# walk through all boxes
_ON_SQLITE = text(
    f"""
    SELECT point.key, outline.mapobject_id, outline.id
    FROM json_each(:points) AS point
    CROSS JOIN {RTREE} AS box
    CROSS JOIN mapobject_segmentations AS outline
    WHERE box.min_layer <= :layer_id AND box.max_layer >= :layer_id
    AND box.min_x <= json_extract(point.value, '$[0]')
    AND box.max_x >= json_extract(point.value, '$[0]')
    AND box.min_y <= json_extract(point.value, '$[1]')
    AND box.max_y >= json_extract(point.value, '$[1]')
    AND outline.experiment_id = :experiment_id AND outline.id = box.id
    """  # noqa: S608 - the name is a constant of the code
)


def objects_at_points(
    session: Session, layer: SegmentationLayer, points: NDArray[np.float64]
) -> NDArray[np.int64]:
    """The objects of a layer whose outlines cover points.

    Parameters
    ----------
    session, layer
        Session and layer to query.
    points
        (x, y) of each point in pixels of the map, shape (n, 2).

    Returns
    -------
    ndarray
        Id of the object at each point, shape (n,); 0 where there is none. Where there are several,
        as on the border between two, it is the smallest id.
    """
    found = np.zeros(len(points), np.int64)
    candidates = _candidates(session, layer, points)
    if not candidates:
        return found
    outlines = _outlines(session, layer, {candidate.id for candidate in candidates})
    # what was deleted meanwhile contains nothing
    known = [candidate for candidate in candidates if candidate.id in outlines]
    numbers, objects, segmentations = np.array(known, np.int64).reshape(-1, 3).T
    places = shapely.points(points[numbers])
    around = np.array([outlines[one] for one in segmentations.tolist()], dtype=object)
    covered = np.flatnonzero(shapely.intersects(around, places))
    # the smallest ids are written last
    covered = covered[np.argsort(-objects[covered], kind="stable")]
    found[numbers[covered]] = objects[covered]
    return found


def _candidates(
    session: Session, layer: SegmentationLayer, points: NDArray[np.float64]
) -> Sequence[Row[Any]]:
    """Numbers of points, counted from 0, and the objects whose bounding boxes they are in."""
    connection = session.connection()
    if connection.dialect.name == "sqlite":
        given = {"points": json.dumps(points.tolist())}
        place = {"layer_id": layer.id, "experiment_id": layer.experiment_id}
        return connection.execute(_ON_SQLITE, given | place).all()
    found = MapobjectSegmentation
    axes = (literal(axis, ARRAY(Double)) for axis in points.T.tolist())
    point = func.unnest(*axes).table_valued("x", "y", with_ordinality="number").render_derived().c
    query = select(point.number - 1, found.mapobject_id, found.id).where(
        found.experiment_id == layer.experiment_id,
        found.segmentation_layer_id == layer.id,
        found.outline.bool_op("&&")(func.ST_MakePoint(point.x, point.y)),
    )
    return connection.execute(query).all()


def _outlines(
    session: Session, layer: SegmentationLayer, segmentations: Collection[int]
) -> dict[int, Any]:
    found = MapobjectSegmentation
    query = select(found.id, undecoded(found.outline).label("outline")).where(
        found.experiment_id == layer.experiment_id
    )
    rows = list(select_among(session, query, found.id, segmentations))
    outlines = decode([row.outline for row in rows])
    shapely.prepare(outlines)
    return {row.id: outline for row, outline in zip(rows, outlines, strict=True)}
