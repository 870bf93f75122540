"""Moments of changes: a table as of a moment that has passed stays as it is.

Whoever changes a table locks it first, and then takes a moment that is later than the table's last
change and the last snapshot, whatever the clock says. A snapshot locks all tables of its
experiment, and lets no new one be made meanwhile: so nothing under way has an earlier moment. Locks
are taken in one order: the experiment, then tables by their ids.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationSnapshot, AnnotationTable
from tmlib.db import clock
from tmlib.experiments.models import Experiment

_TICK = timedelta(microseconds=1)


def lock_tables(session: Session, table_ids: Collection[int]) -> datetime:
    """Let one change of tables after the other through; the moment of this one."""
    query = (
        select(AnnotationTable)
        .where(AnnotationTable.id.in_(table_ids))
        .order_by(AnnotationTable.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    tables = list(session.scalars(query))
    moment = _present(session, tables[0].experiment_id) if tables else clock.read(session)
    moment = max([moment, *(table.changed_at + _TICK for table in tables)])
    for table in tables:
        table.changed_at = moment
    return moment


def begin_table(session: Session, experiment_id: int) -> datetime:
    """Let tables be made, also several at once, while no snapshot is; the moment of this one."""
    _lock(session, experiment_id, is_shared=True)
    return _present(session, experiment_id)


def begin_snapshot(session: Session, experiment_id: int) -> datetime:
    """Wait for all changes under way, and let none begin; the moment between them and the next.

    Those who enter rows, which refer to the experiment, need not wait for a snapshot that is only
    about to be taken.
    """
    _lock(session, experiment_id, is_shared=False)
    query = (
        select(AnnotationTable.changed_at)
        .where(AnnotationTable.experiment_id == experiment_id)
        .order_by(AnnotationTable.id)
        .with_for_update()
    )
    changed = session.scalars(query).all()
    return max([_present(session, experiment_id), *changed])


def _lock(session: Session, experiment_id: int, *, is_shared: bool) -> None:
    query = select(Experiment.id).where(Experiment.id == experiment_id)
    lock = query.with_for_update(read=True) if is_shared else query.with_for_update(key_share=True)
    session.execute(lock).one()


def _present(session: Session, experiment_id: int) -> datetime:
    """The present moment, later than the last snapshot."""
    last = session.scalar(
        select(AnnotationSnapshot.created_at)
        .where(AnnotationSnapshot.experiment_id == experiment_id)
        .order_by(AnnotationSnapshot.number.desc())
        .limit(1)
    )
    present = clock.read(session)
    return present if last is None else max(present, last + _TICK)
