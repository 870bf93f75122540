"""Outlines in a box of the map: the query behind vector tiles and the object under the cursor.

It is executed whenever a map or a mouse moves. Building it takes longer than executing it for few
objects, so it is built once for each kind of database.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Float, Integer, Row, Select, bindparam, select
from sqlalchemy.orm import Session

from tmlib.db.spatial import in_box, order_in_box, undecoded
from tmlib.objects.models import MapobjectSegmentation, SegmentationLayer

_EVERYTHING = 2**31 - 1
_queries: dict[str, Select[Any]] = {}


def outlines_in_box(
    session: Session,
    layer: SegmentationLayer,
    box: tuple[float, float, float, float],
    *,
    after: int = 0,
    limit: int = _EVERYTHING,
) -> Sequence[Row[Any]]:
    """Objects of a layer whose bounding boxes touch a box, in the order of their ids.

    Parameters
    ----------
    session, layer
        Session and layer to query.
    box
        ``(min_x, min_y, max_x, max_y)`` in map pixels.
    after
        Only objects with a larger id.
    limit
        Largest number of objects.

    Returns
    -------
    sequence of Row
        ``mapobject_id``, ``label``, ``centroid_x``, ``centroid_y`` and ``outline``, which
        :func:`tmlib.db.spatial.decode` decodes.
    """
    min_x, min_y, max_x, max_y = box
    values = {
        "experiment_id": layer.experiment_id,
        "layer_id": layer.id,
        "min_x": min_x,
        "min_y": min_y,
        "max_x": max_x,
        "max_y": max_y,
        "after": after,
        "most": limit,
    }
    # bypass the session, which would process every row
    return session.connection().execute(_query(session), values).all()


def _query(session: Session) -> Select[Any]:
    dialect = session.get_bind().dialect.name
    if dialect not in _queries:
        _queries[dialect] = _put_together(session)
    return _queries[dialect]


def _put_together(session: Session) -> Select[Any]:
    found = MapobjectSegmentation
    min_x, min_y, max_x, max_y = (
        bindparam(name, type_=Float) for name in ("min_x", "min_y", "max_x", "max_y")
    )
    touching = in_box(
        session,
        found.id,
        found.segmentation_layer_id,
        found.outline,
        bindparam("layer_id", type_=Integer),
        (min_x, min_y, max_x, max_y),
    )
    order = order_in_box(found.mapobject_id)
    return (
        select(
            found.mapobject_id,
            found.label,
            found.centroid_x,
            found.centroid_y,
            undecoded(found.outline).label("outline"),
        )
        .where(
            found.experiment_id == bindparam("experiment_id"), touching, order > bindparam("after")
        )
        .order_by(order)
        .limit(bindparam("most"))
    )
