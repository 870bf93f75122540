"""Objects that are made from the plate's layout: plates, wells and sites as outlines."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import shapely
from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db.counters import reserve
from tmlib.objects.mapobject_types import (
    STATIC_TYPES,
    delete_objects,
    ensure_layer,
    ensure_mapobject_type,
)
from tmlib.objects.models import Mapobject
from tmlib.objects.versions import note_change
from tmlib.objects.writing.recording import insert_objects


class PlacedRectangle(NamedTuple):
    """Position of a plate, well or site (with database id ``ref_id``), in map pixels."""

    ref_id: int
    y: int
    x: int
    height: int
    width: int


def record_static_objects(
    session: Session,
    experiment_id: int,
    *,
    plates: Sequence[PlacedRectangle],
    wells: Sequence[PlacedRectangle],
    sites: Sequence[PlacedRectangle],
) -> None:
    """Replace the outlines of plates, wells and sites.

    Existing objects keep their ids, so that their values remain valid.

    Parameters
    ----------
    session
        Of a write transaction.
    experiment_id
        Experiment that they belong to.
    plates, wells, sites
        Rectangles on the map; outlines lie just inside them, so that neighbours stay apart.
    """
    for name, rectangles in (("Plates", plates), ("Wells", wells), ("Sites", sites)):
        type_id = ensure_mapobject_type(
            session, experiment_id, name, STATIC_TYPES[name], is_static=True
        )
        layer_id = ensure_layer(session, type_id, None, None, as_polygons=True)
        known = _ids_by_ref(session, experiment_id, type_id)
        delete_objects(session, experiment_id, type_id)
        note_change(session, layer_id)
        if not rectangles:
            continue
        ref_ids = [rectangle.ref_id for rectangle in rectangles]
        y, x, height, width = np.array([rectangle[1:] for rectangle in rectangles]).T
        outlines = shapely.box(x + 1, y + 1, x + width - 2, y + height - 2)
        centres = np.stack([y + height / 2, x + width / 2], axis=1)
        n = len(rectangles)
        new = [ref_id for ref_id in ref_ids if ref_id not in known]
        if new:
            known.update(zip(new, reserve(session, len(new), "mapobjects"), strict=True))
        insert_objects(
            session,
            experiment_id=experiment_id,
            mapobject_type_id=type_id,
            layer_id=layer_id,
            ref_ids=ref_ids,
            mapobject_ids=[known[ref_id] for ref_id in ref_ids],
            segmentation_ids=reserve(session, n, "mapobject_segmentations"),
            labels=[None] * n,
            is_border=[False] * n,
            centroids=centres,
            geometries=np.asarray(outlines),
        )


def _ids_by_ref(session: Session, experiment_id: int, type_id: int) -> dict[int, int]:
    rows = session.execute(
        select(Mapobject.ref_id, Mapobject.id).where(
            Mapobject.experiment_id == experiment_id, Mapobject.mapobject_type_id == type_id
        )
    )
    return {row.ref_id: row.id for row in rows}
