"""Mapobject types as tables that annotations refer to: ``mapobjects_cells`` for the type Cells."""

import re

from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.objects.models import MapobjectType
from tmlib.objects.service import get_mapobject_types

PREFIX = "mapobjects_"
"""How the names of such tables begin, and those of no others."""


def is_one(name: str) -> bool:
    """Whether a name is that of a mapobject type's table."""
    return name.startswith(PREFIX)


def names(session: Session, experiment_id: int) -> dict[str, MapobjectType]:
    """The mapobject types of an experiment by the names of their tables.

    Of types whose names are alike but for the case or signs, the later ones have their number at
    the end.
    """
    found: dict[str, MapobjectType] = {}
    types = get_mapobject_types(session, experiment_id)
    for mapobject_type in sorted(types, key=lambda one: one.id):
        name = PREFIX + re.sub("[^a-z0-9]+", "_", mapobject_type.name.lower()).strip("_")
        if name in found:
            name = f"{name}_{mapobject_type.id}"
        found[name] = mapobject_type
    return found


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
