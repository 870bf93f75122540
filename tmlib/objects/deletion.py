"""Removing the objects of deleted types: a type is gone at once, its objects in portions.

Objects whose type is not there are seen by nobody. A million of them would keep the database
busy for long in one transaction, on SQLite everybody who wants to write.
"""

import time

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import Database, portions
from tmlib.objects.models import DeletedMapobjectType, Mapobject


def finish(database: Database, seconds: float) -> None:
    """Remove objects without a type for a while; what is left is for the next who does this."""
    end = time.monotonic() + seconds
    while _remove_portion(database) and time.monotonic() < end:
        portions.give_way(database)


def _remove_portion(database: Database) -> bool:
    """Remove some objects; False if there are none, or none that nobody else removes now."""
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
