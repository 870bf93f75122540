"""Snapshots of annotations: numbered moments at which all tables of an experiment can be read.

A snapshot is a moment, not a copy: rows are superseded and never overwritten, so a table as of that
moment stays as it is for ever.
"""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationSnapshot, AnnotationTable
from tmlib.annotation.tables import Annotator
from tmlib.db import clock
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment

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
    # one after the other, so that each has a number of its own; those who enter rows, which refer
    # to the experiment, need not wait
    experiment = select(Experiment.id).where(Experiment.id == experiment_id)
    session.execute(experiment.with_for_update(key_share=True)).one()
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
        created_at=_settled_moment(session, experiment_id),
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


def _settled_moment(session: Session, experiment_id: int) -> datetime:
    """A moment at which no change of a table is under way, and none comes with an earlier time.

    Who writes holds the lock of the table, and takes the time of the change after getting it.
    """
    query = (
        select(AnnotationTable.changed_at)
        .where(AnnotationTable.experiment_id == experiment_id)
        .order_by(AnnotationTable.id)
        .with_for_update()
    )
    changed = session.scalars(query).all()
    return max([clock.read(session), *changed])
