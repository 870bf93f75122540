"""Ids of objects: the same type, site and label is the same object.

It has the same id at all time points and focal planes. Thus a track is one object, and so is a
label in a stack of planes.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, exists, select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.db.counters import reserve
from tmlib.db.many import parts
from tmlib.objects.models import Mapobject, MapobjectSegmentation

Ids = NDArray[np.int64]


def ids_of_site(
    session: Session, experiment_id: int, mapobject_type_id: int, site_id: int
) -> dict[int, int]:
    """Ids of the objects of a type at a site, by label.

    If an earlier version of the product gave an object an id at each time point, the first of these
    is used.
    """
    rows = session.execute(
        select(Mapobject.label, Mapobject.id).where(
            Mapobject.experiment_id == experiment_id,
            Mapobject.mapobject_type_id == mapobject_type_id,
            Mapobject.ref_id == site_id,
            Mapobject.label.is_not(None),
        )
    )
    return {row.label: row.id for row in rows if row.label is not None}


def reserve_ids(
    database: Database, known: Mapping[int, int], labels: NDArray[np.int32]
) -> tuple[Ids, range]:
    """Ids for objects with these labels and for their outlines, outside any transaction.

    Parameters
    ----------
    database
        Database that assigns new ids to unknown objects.
    known
        Ids of known objects, by label.
    labels
        Shape (n,), no label twice.
    """
    ids = ids_by_label(known, labels, np.zeros(len(labels), np.int64))
    is_new = ids == 0
    if not len(ids):
        return ids, range(0)
    with database.transaction() as session:
        if is_new.any():
            ids[is_new] = reserve(session, int(is_new.sum()), "mapobjects")
        return ids, reserve(session, len(ids), "mapobject_segmentations")


def ids_by_label(known: Mapping[int, int], labels: NDArray[np.int32], others: Ids) -> Ids:
    """Ids of objects with these labels; `others`, of shape (n,), are the ids of unknown ones."""
    pairs = zip(labels.tolist(), others.tolist(), strict=True)
    return np.array([known.get(label, other) for label, other in pairs], np.int64)


def delete_outlines(
    session: Session,
    experiment_id: int,
    mapobject_type_id: int,
    site_id: int,
    layer_id: int,
    keep: set[int],
) -> set[int]:
    """Delete the outlines of a site in a layer, and the objects that have no other outlines.

    Parameters
    ----------
    session
        Session of a write transaction that has locked the site.
    experiment_id, mapobject_type_id, site_id, layer_id
        Whose outlines.
    keep
        Ids of objects that are kept even without outlines.

    Returns
    -------
    set of int
        Ids of the remaining objects of the site.
    """
    found = set(
        session.scalars(
            select(Mapobject.id).where(
                Mapobject.experiment_id == experiment_id,
                Mapobject.mapobject_type_id == mapobject_type_id,
                Mapobject.ref_id == site_id,
            )
        )
    )
    outlines = MapobjectSegmentation
    for part in parts(sorted(found)):
        session.execute(
            delete(outlines)
            .where(
                outlines.experiment_id == experiment_id,
                outlines.segmentation_layer_id == layer_id,
                outlines.mapobject_id.in_(part),
            )
            .execution_options(synchronize_session=False)
        )
    gone: set[int] = set()
    is_seen = exists().where(
        outlines.experiment_id == Mapobject.experiment_id,
        outlines.mapobject_id == Mapobject.id,
    )
    for part in parts(sorted(found - keep)):
        gone.update(
            session.scalars(
                delete(Mapobject)
                .where(Mapobject.experiment_id == experiment_id, Mapobject.id.in_(part), ~is_seen)
                .returning(Mapobject.id)
                .execution_options(synchronize_session=False)
            )
        )
    return found - gone
