"""Finds jobs that nobody works on any more, and messages that never came.

Each function must run in a transaction of its own, and the ids that it returns are put on the
queue after that.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from tmlib.ledger import engine, holding
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import EXIT_FAILED, Job, State, Task

_SILENT = (
    "it gave no sign of life any more, since it was killed or stood still, or its machine could "
    "not reach the database."
)


def recover(
    session: Session,
    moment: datetime,
    max_attempts: int,
    lost_before: datetime | None,
    *,
    interactive: bool = False,
    grace_seconds: float = 0,
) -> list[int]:
    """Find what is to be sent: jobs of silent workers, jobs whose pause is over, lost messages.

    Parameters
    ----------
    session
        In a transaction.
    moment
        The present, by the database's clock.
    max_attempts
        A job that was started this often since it was handed in, without an end, has failed.
    lost_before
        Jobs that were submitted before this and not taken are sent again; None while messages
        wait on the queue, when nothing can be said about them.
    interactive
        Which queue.
    grace_seconds
        For how long leases may have ended: when the database was away nobody could prolong any.

    Returns
    -------
    list of int
        Ids of jobs to enqueue, on the same queue.
    """
    of_queue = Job.is_interactive.is_(interactive)
    ended = select(Task.id).where(Task.state == State.TERMINATED)
    engine.end_killed(session, of_queue, Job.task_id.in_(ended), skip_locked=True)
    silent_since = moment - timedelta(seconds=grace_seconds)
    enqueue = _take_back(session, of_queue, silent_since, max_attempts)
    enqueue += _send_again(session, moment, of_queue, Job.not_before <= moment)
    if lost_before is not None:
        is_lost = (Job.not_before.is_(None), Job.submitted_at < lost_before)
        enqueue += _send_again(session, moment, of_queue, *is_lost)
    return list(dict.fromkeys(enqueue))


def last_taken(session: Session, *, interactive: bool = False) -> datetime | None:
    """When the youngest of the jobs that are in work was put on its queue; None if there is none.

    A queue keeps its order: the messages of jobs that were put on it well before are lost.
    """
    return session.scalar(
        select(func.max(Job.submitted_at)).where(
            Job.state == State.RUNNING, Job.is_interactive.is_(interactive)
        )
    )


def _send_again(
    session: Session, moment: datetime, *conditions: ColumnElement[bool]
) -> Sequence[int]:
    """Mark jobs that wait for a worker as sent at this moment; their ids, in their order."""
    waiting = (
        select(Job.id)
        .where(Job.state == State.SUBMITTED, *conditions)
        .order_by(Job.id)
        # phases are locked by now, so that nobody who holds a job may be waited for
        .with_for_update(skip_locked=True)
        .cte("waiting")
    )
    sent = session.scalars(
        update(Job)
        .where(Job.id.in_(select(waiting.c.id)))
        .values(submitted_at=moment, not_before=None)
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(sent)


def _take_back(
    session: Session, of_queue: ColumnElement[bool], silent_since: datetime, max_attempts: int
) -> list[int]:
    """Take jobs back whose lease has run out; the ids of those to enqueue."""
    enqueue: list[int] = []
    silent = session.execute(
        select(Job.id, Job.attempt, Job.tries, Job.name, Job.worker, Job.error)
        .where(of_queue, Job.state == State.RUNNING, Job.lease_expires_at <= silent_since)
        # the last of their phases are ended one after the other, by all in the same order
        .order_by(Job.task_id, Job.id)
        .with_for_update(skip_locked=True)
    ).all()
    for job in silent:
        if job.tries < max_attempts:
            holding.give_back(session, job.id, job.attempt)
            enqueue.append(job.id)
            continue
        error = (
            f'Job "{job.name}" lost its worker {job.tries} times. The last one was {job.worker}: '
            f"{job.error or _SILENT}"
        )
        failed = engine.Outcome(exitcode=EXIT_FAILED, error=error, stderr=f"{error}\n")
        # a workflow that is killed at this moment keeps no other's jobs from being found
        with suppress(LeaseLost), session.begin_nested():
            enqueue += engine.finish(session, job.id, job.attempt, failed)
    return enqueue
