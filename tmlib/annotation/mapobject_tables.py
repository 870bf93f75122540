"""Mapobject types as tables that annotations refer to: ``mapobjects_cells`` for the type Cells.

They can be read only. A row is an object, under the object's number: its centroid, the corners of
the box around its outline, and the area of that.
"""

import re
from collections.abc import Collection
from typing import Any

import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.db.many import select_among
from tmlib.errors import BadInput
from tmlib.objects.models import (
    Mapobject,
    MapobjectSegmentation,
    MapobjectType,
    SegmentationLayer,
)
from tmlib.objects.service import get_mapobject_types

SCHEMA = "nucleus_detection"
"""The schema of such tables."""

PREFIX = "mapobjects_"
"""How the names of such tables begin, and those of no others."""


def is_one(name: str) -> bool:
    """Whether a name is that of a mapobject type's table."""
    return name.startswith(PREFIX)


def names(session: Session, experiment_id: int) -> dict[str, MapobjectType]:
    """The mapobject types of an experiment by the names of their tables.

    Of types whose names are alike but for the case or signs, the later ones have their number at
    the end, as often as it takes to differ from all earlier ones. Names do not depend on types that
    come later, as tables keep the name of the one that they refer to.
    """
    found: dict[str, MapobjectType] = {}
    for one in sorted(get_mapobject_types(session, experiment_id), key=lambda one: one.id):
        name = _in_words(one.name)
        while name in found:
            name = f"{name}_{one.id}"
        found[name] = one
    return found


def _in_words(name: str) -> str:
    return PREFIX + re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")


def find_type(session: Session, experiment_id: int, name: str) -> MapobjectType:
    """The mapobject type behind the name of a table.

    Raises
    ------
    BadInput
        If there is none.
    """
    found = names(session, experiment_id).get(name)
    if found is None:
        raise BadInput(f"No table named '{name[:100]}' exists: there is no such mapobject type.")
    return found


def name_of(session: Session, experiment_id: int, type_name: str) -> str:
    """The name of the table of a mapobject type.

    Raises
    ------
    BadInput
        If there is no such type.
    """
    for name, one in names(session, experiment_id).items():
        if one.name == type_name:
            return name
    raise BadInput(f'There is no mapobject type "{type_name[:100]}" in the experiment.')


def count_objects(session: Session, mapobject_type: MapobjectType) -> int:
    """How many rows the table of a type has."""
    query = select(func.count()).where(
        Mapobject.experiment_id == mapobject_type.experiment_id,
        Mapobject.mapobject_type_id == mapobject_type.id,
    )
    return session.execute(query.select_from(Mapobject)).scalar_one()


def read_objects(
    session: Session, mapobject_type: MapobjectType, ids: Collection[int]
) -> dict[int, dict[str, Any]]:
    """Rows of the table of a type, by their numbers, in the order of these.

    Of an object with several outlines, the one at the first time point and plane counts. The third
    coordinate is the plane.
    """
    outline, layer = MapobjectSegmentation, SegmentationLayer
    query = (
        select(
            outline.mapobject_id,
            outline.centroid_x,
            outline.centroid_y,
            outline.outline,
            layer.zplane,
        )
        .join(layer, layer.id == outline.segmentation_layer_id)
        .where(
            outline.experiment_id == mapobject_type.experiment_id,
            layer.mapobject_type_id == mapobject_type.id,
        )
        .order_by(layer.tpoint, layer.zplane)
    )
    known = [number for number in ids if 0 < number < 2**63]
    found: dict[int, dict[str, Any]] = {}
    for row in select_among(session, query, outline.mapobject_id, known):
        if row.mapobject_id not in found:
            z = row.zplane or 0
            min_x, min_y, max_x, max_y = row.outline.bounds
            found[row.mapobject_id] = {
                "pt_position": [row.centroid_x, row.centroid_y, z],
                "bb_start_position": [min_x, min_y, z],
                "bb_end_position": [max_x, max_y, z],
                "volume": float(shapely.area(row.outline)),
            }
    return dict(sorted(found.items()))
