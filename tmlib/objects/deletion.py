"""Removing the objects of deleted types: a type is deleted at once, its objects in portions.

Objects whose type is missing are invisible. Deleting a million of them in one transaction would
keep the database busy for long, and block all writers on SQLite.
"""

import time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import Database, portions
from tmlib.objects.models import DeletedMapobjectType, Mapobject


def finish(database: Database, seconds: float) -> None:
    """Remove objects without a type for a while; the next call continues."""
    end = time.monotonic() + seconds
    while _remove_portion(database) and time.monotonic() < end:
        portions.give_way(database)


def _remove_portion(database: Database) -> bool:
    """Remove some objects; False if there are none, or others are removing all of them."""
    query = select(DeletedMapobjectType).order_by(DeletedMapobjectType.mapobject_type_id).limit(1)
    with database.session() as session:
        if session.scalar(query) is None:
            return False
    with database.transaction() as session:
        found = session.scalar(query.with_for_update(skip_locked=True))
        if found is None:
            return False
        object_ids = _some_objects(session, found, portions.rows(database))
        if object_ids:
            session.execute(
                delete(Mapobject).where(
                    Mapobject.experiment_id == found.experiment_id, Mapobject.id.in_(object_ids)
                )
            )
        else:
            session.delete(found)
    return True


def _some_objects(session: Session, deleted: DeletedMapobjectType, count: int) -> list[int]:
    return list(
        session.scalars(
            select(Mapobject.id)
            .where(
                Mapobject.experiment_id == deleted.experiment_id,
                Mapobject.mapobject_type_id == deleted.mapobject_type_id,
            )
            .limit(count)
        )
    )
