"""Jobs that an attempt holds: what proves it, how it keeps them, and how it gives them back."""

import socket
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import cast

from sqlalchemy import ColumnElement, Executable, Table, bindparam, select, update
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.ledger.models import Job, State

_JOBS = cast(Table, Job.__table__)

_TIMES = {"lease_expires_at", "submitted_at", "finished_at", "not_before"}


class LeaseLost(Exception):  # noqa: N818 - an event, not a mistake
    """The job was taken away: its worker was presumed dead, or somebody has killed it."""


def held(
    job_id: ColumnElement[int], attempt: ColumnElement[int]
) -> tuple[ColumnElement[bool], ...]:
    """The conditions that a job is in work, and still an attempt's."""
    return _JOBS.c.id == job_id, _JOBS.c.attempt == attempt, _JOBS.c.state == State.RUNNING


# Built once, and run without the session's bookkeeping of objects, of which there are none:
# SQLAlchemy takes longer to build a statement than the database to run it.

_HELD = held(bindparam("job_id"), bindparam("held_attempt"))

_SELECT_HELD = select(_JOBS.c.id).where(*_HELD)

_LOCK_HELD = _SELECT_HELD.with_for_update()

_FREE = select(_JOBS.c.id).where(*_HELD).with_for_update(skip_locked=True).cte("free")

_PROLONG = (
    update(_JOBS)
    .where(_JOBS.c.id.in_(select(_FREE.c.id)))
    .values(lease_expires_at=clock.after("lease_seconds"))
    .returning(_JOBS.c.id)
)

_RELEASE = (
    update(_JOBS)
    # a transaction that never ended has not counted its attempts: others have the same
    .where(*_HELD, _JOBS.c.worker == bindparam("by"))
    .values(
        state=State.NEW,
        tries=_JOBS.c.tries - 1,
        lease_expires_at=None,
        submitted_at=None,
        started_at=None,
    )
)


@cache
def _update_held(*names: str) -> Executable:
    """Sets columns of a job that is still its attempt's; gives its phase and its index there."""
    new = {name: f"new_{name}" for name in names}
    values = {
        name: clock.after(parameter) if name in _TIMES else bindparam(parameter)
        for name, parameter in new.items()
    }
    return update(_JOBS).where(*_HELD).values(values).returning(_JOBS.c.task_id, _JOBS.c["index"])


def write(
    session: Session, job_id: int, attempt: int, values: Mapping[str, object]
) -> tuple[int, int] | None:
    """Set columns of a job; its phase and its index there, None if it is not the attempt's.

    Times are given in seconds from now, by the database's clock.
    """
    new = {f"new_{name}": value for name, value in values.items()}
    parameters = {**_key(job_id, attempt), **new}
    row = session.connection().execute(_update_held(*values), parameters).one_or_none()
    return None if row is None else (row[0], row[1])


def is_held(session: Session, job_id: int, attempt: int) -> bool:
    """Whether a job is still this attempt's, without a lock."""
    return session.scalar(_SELECT_HELD, _key(job_id, attempt)) is not None


def lock_held(session: Session, jobs: Iterable[tuple[int, int]]) -> set[int]:
    """Which jobs, given by their ids and attempts, are still these attempts'.

    Nobody takes those away until the transaction ends; who is just doing so is waited for.
    """
    found = (session.scalar(_LOCK_HELD, _key(*job)) for job in _in_order(jobs))
    return {job_id for job_id in found if job_id is not None}


def heartbeat(session: Session, job_id: int, attempt: int, lease: float) -> bool:
    """Prolong the lease of a job; False when the job is no longer this attempt's.

    It also is when somebody writes to the job at this moment: nobody takes such a one for lost.
    """
    parameters = {**_key(job_id, attempt), "lease_seconds": lease}
    return session.connection().execute(_PROLONG, parameters).one_or_none() is not None


def report_progress(session: Session, job_id: int, attempt: int, share_done: float) -> None:
    """Note how much of its work a job has done; nothing happens if it is not this attempt's."""
    write(session, job_id, attempt, {"share_done": share_done})


def lose(session: Session, job_id: int, attempt: int, reason: str) -> None:
    """Note why a job has lost its worker; it is given to another one without delay."""
    write(session, job_id, attempt, {"lease_expires_at": 0, "error": reason})


def give_back(session: Session, job_id: int, attempt: int, *, counts: bool = True) -> None:
    """Return a running job to the queue; it counts as a try unless its worker had to stop."""
    session.execute(
        update(_JOBS)
        .where(*_HELD)
        .values(
            state=State.SUBMITTED,
            tries=_JOBS.c.tries if counts else _JOBS.c.tries - 1,
            lease_expires_at=None,
            submitted_at=clock.present(),
        ),
        _key(job_id, attempt),
    )


def worker_name(pid: int) -> str:
    """What the ledger calls a process of this host that runs jobs."""
    return f"{socket.gethostname()}:{pid}"


def release(session: Session, worker: str, jobs: Iterable[tuple[int, int]]) -> None:
    """Give jobs back that were taken and have no end: it does not count as a try.

    They wait again for the window of their phase to reach them.

    Parameters
    ----------
    session
        In a transaction.
    worker
        Who took them.
    jobs
        Their ids and attempts; those that it does not hold any more are left alone.
    """
    for job in _in_order(jobs):
        session.execute(_RELEASE, {**_key(*job), "by": worker})


def _in_order(jobs: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Jobs in the order in which all lock them, so that no two wait for each other."""
    return sorted(jobs)


def _key(job_id: int, attempt: int) -> dict[str, int]:
    return {"job_id": job_id, "held_attempt": attempt}
