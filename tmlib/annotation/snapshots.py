"""Snapshots of annotations: numbered moments at which all tables of an experiment can be read.

A snapshot is a moment, not a copy: rows are superseded and never overwritten, so a table as of that
moment stays as it is for ever.
"""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationSnapshot
from tmlib.annotation.moments import begin_snapshot
from tmlib.annotation.tables import Annotator
from tmlib.errors import NotFound

_MOST = 2**31 - 1


def take_snapshot(
    session: Session, experiment_id: int, who: Annotator, name: str
) -> AnnotationSnapshot:
    """Keep the present moment under the next number, once all changes under way are done.

    Parameters
    ----------
    session
        To write with.
    experiment_id
        Whose tables are meant.
    who
        Who does it.
    name
        What people call it.
    """
    moment = begin_snapshot(session, experiment_id)
    last = session.scalar(
        select(func.max(AnnotationSnapshot.number)).where(
            AnnotationSnapshot.experiment_id == experiment_id
        )
    )
    snapshot = AnnotationSnapshot(
        experiment_id=experiment_id,
        number=(last or 0) + 1,
        name=name,
        user_id=who.user_id,
        created_at=moment,
    )
    session.add(snapshot)
    session.flush()
    return snapshot


def list_snapshots(session: Session, experiment_id: int) -> list[AnnotationSnapshot]:
    """The snapshots of an experiment in the order of their numbers."""
    query = select(AnnotationSnapshot).where(AnnotationSnapshot.experiment_id == experiment_id)
    return list(session.scalars(query.order_by(AnnotationSnapshot.number)))


def find_snapshot(session: Session, experiment_id: int, number: int) -> AnnotationSnapshot:
    """The snapshot of a number.

    Raises
    ------
    NotFound
        If there is none.
    """
    query = select(AnnotationSnapshot).where(
        AnnotationSnapshot.experiment_id == experiment_id, AnnotationSnapshot.number == number
    )
    found = session.scalar(query) if 0 < number <= _MOST else None
    if found is None:
        raise NotFound(f"There is no snapshot {number} of the annotations of this experiment.")
    return found
