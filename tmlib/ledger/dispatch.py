"""Which jobs of a phase are handed out: a window of them, so that every submission gets its share.

Workers take jobs in the order in which they were put on the queue. Of a phase at work only about
twice as many as there are worker processes are there at a time; the others wait in the ledger, and
each job that ends lets the next one in. So work of a hundred thousand jobs keeps all workers
busy while it is alone, and takes turns with others as soon as there are any.
"""

from collections import Counter
from collections.abc import Iterator
from typing import cast

from sqlalchemy import CTE, ColumnElement, Integer, Table, bindparam, func, select, update
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.ledger import worker_pools
from tmlib.ledger.models import AT_WORK, PHASE, Job, State, Task
from tmlib.ledger.queue import JOB_QUEUE

_PER_PROCESS = 2
_LEAST = 4


_JOBS = cast(Table, Job.__table__)


def following(*conditions: ColumnElement[bool]) -> CTE:
    """The next jobs of a phase that wait, from an index on, which nobody else takes meanwhile."""
    return (
        select(_JOBS.c.id)
        .where(
            _JOBS.c.state == State.NEW,
            _JOBS.c.task_id == bindparam("phase_id"),
            _JOBS.c["index"] > bindparam("passed"),
            *conditions,
        )
        .order_by(_JOBS.c["index"])
        .limit(bindparam("most", type_=Integer))
        .with_for_update(skip_locked=True)
        .cte("following")
    )


# built once, since it runs at the end of every job
_HAND_OUT = (
    update(_JOBS)
    .where(_JOBS.c.id.in_(select(following().c.id)))
    .values(state=State.SUBMITTED, submitted_at=clock.present())
    .returning(_JOBS.c.id)
)


def window(session: Session) -> int:
    """How many jobs of a submission are to be on the queue or in work at a time."""
    return max(_LEAST, _PER_PROCESS * worker_pools.count_processes(session, JOB_QUEUE))


def hand_out(session: Session, phase_id: int, count: int, *, after: int = 0) -> list[int]:
    """Hand the next jobs of a phase out.

    Parameters
    ----------
    session
        In a transaction that holds the lock of the phase's row, so that the jobs keep their order.
    phase_id
        The phase.
    count
        How many jobs at most.
    after
        Look at jobs with a higher index first: those before were handed out earlier, and to pass by
        what they have left in the database's index would take longer with every job. Only when
        there is none, those that were given back are looked for as well.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    connection = session.connection()
    parameters = {"phase_id": phase_id, "passed": after, "most": count}
    found = connection.scalars(_HAND_OUT, parameters).all()
    if after and not found:
        found = connection.scalars(_HAND_OUT, parameters | {"passed": 0}).all()
    return sorted(found)


def adjust(session: Session) -> list[int]:
    """Fit all windows to the workers that there are now.

    Windows grow when workers join, and where jobs left them without letting others in. They shrink
    when most of the workers have gone: what waits on the queue goes back, so that others need not
    stand behind it. Messages that are left of it do no harm.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    in_flight = _in_flight(session)
    enqueue = []
    for phase_id, size in _windows(session):
        there = in_flight.get(phase_id, 0)
        if there < size:
            enqueue += _widen(session, phase_id, size - there)
        elif there > 2 * size:
            _narrow(session, phase_id, there - size)
    return enqueue


def _in_flight(session: Session) -> dict[int, int]:
    """How many jobs of each phase are on the queue or in work; those of one worker are one."""
    is_running = Job.state == State.RUNNING
    counted = session.execute(
        select(
            Job.task_id,
            func.count().filter(~is_running) + func.count(Job.worker.distinct()).filter(is_running),
        )
        .where(Job.state.in_(AT_WORK))
        .group_by(Job.task_id)
    )
    return {row[0]: row[1] for row in counted}


def _windows(session: Session) -> Iterator[tuple[int, int]]:
    """Every phase that is at work, and its window: those of a submission share one."""
    phases = session.execute(
        select(Task.id, Task.submission_id)
        .where(Task.state.in_(AT_WORK), Task.kind == PHASE, Task.n_done < Task.n_jobs)
        .order_by(Task.id)
    ).all()
    n_phases = Counter(phase.submission_id for phase in phases)
    size = window(session)
    for phase in phases:
        yield phase.id, max(1, size // n_phases[phase.submission_id])


def _widen(session: Session, phase_id: int, count: int) -> list[int]:
    # a job that ends at this moment holds the lock: the next look will do
    locked = session.scalar(
        select(Task.id)
        .where(Task.id == phase_id, Task.state.in_(AT_WORK))
        .with_for_update(skip_locked=True)
    )
    return [] if locked is None else hand_out(session, phase_id, count)


def _narrow(session: Session, phase_id: int, count: int) -> None:
    last = (
        select(Job.id)
        .where(Job.state == State.SUBMITTED, Job.task_id == phase_id, Job.not_before.is_(None))
        .order_by(Job.index.desc())
        .limit(count)
        .with_for_update(skip_locked=True)
        .cte("last")
    )
    session.execute(
        update(Job)
        .where(Job.id.in_(select(last.c.id)))
        .values(state=State.NEW, submitted_at=None)
        .execution_options(synchronize_session=False)
    )
