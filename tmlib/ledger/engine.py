"""Moves jobs through the ledger: claims them and ends them.

Plain functions on a session; each must run in a transaction of its own, and whatever they return
is put on the queue after that transaction is committed. A message that is lost between the two is
found again by :mod:`tmlib.ledger.lost_jobs`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Table,
    bindparam,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from tmlib.db import Database, clock, revision
from tmlib.ledger import advance, dispatch, holding, job_log, tree
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import AT_WORK, EXIT_KILLED, Job, State, Submission, Task
from tmlib.ledger.output import Tail
from tmlib.ledger.owners import Owner
from tmlib.ledger.programs import Assignment, Batch, Effect, Part

KILLED = "The job was killed."


@dataclass(frozen=True)
class Claim:
    """A job that a worker has taken, the attempt that proves it, and what was handed in."""

    job_id: int
    attempt: int
    owner_kind: str
    owner_id: int
    submission_id: int
    step_name: str
    phase: str
    name: str
    batch: Batch
    tries: int
    program: str
    user_id: int
    description: dict[str, Any]
    force: bool
    is_interactive: bool
    index: int
    task_id: int

    @property
    def owner(self) -> Owner:
        """Whose job it is."""
        return Owner(self.owner_kind, self.owner_id)

    @property
    def assignment(self) -> Assignment:
        """What its program is told of it."""
        return Assignment(
            submission_id=self.submission_id,
            user_id=self.user_id,
            step_name=self.step_name,
            phase=self.phase,
            name=self.name,
            batch=self.batch,
            description=self.description,
        )


@dataclass(frozen=True)
class Outcome:
    """What became of a job. Times in seconds, memory in MB.

    ``following`` is what its program said to follow. ``may_pass`` tells of a failure that another
    try may not have. The logs are the ends of what was printed, and start after so many bytes.
    """

    exitcode: int
    error: str | None = None
    stdout: str = ""
    stderr: str = ""
    wall_time: float = 0.0
    cpu_time: float = 0.0
    memory: int | None = None
    following: Sequence[Part] = ()
    may_pass: bool = False
    stdout_start: int = 0
    stderr_start: int = 0


# Built once, and run without the session's bookkeeping of objects, of which there are none:
# SQLAlchemy takes longer to build a statement than the database to run it.

_JOBS = cast(Table, Job.__table__)


def _beside(column: InstrumentedAttribute[Any], key: ColumnElement[int]) -> ScalarSelect[Any]:
    """A column of the row of another table that a job refers to by a key."""
    table = cast(Table, column.class_.__table__)
    return select(table.c[column.key]).where(table.c.id == key).scalar_subquery()


TAKEN = {
    "state": State.RUNNING,
    "share_done": 0.0,
    "attempt": _JOBS.c.attempt + 1,
    "tries": _JOBS.c.tries + 1,
    "not_before": None,
    **job_log.EMPTY,
    "worker": bindparam("new_worker"),
    "host": bindparam("new_host"),
    "error": None,
    "started_at": clock.present(),
    "lease_expires_at": clock.after("lease_seconds"),
}
"""What a job becomes when a worker takes it."""

TABLES_FIT = exists().where(revision.TABLE.c.version_num == bindparam("revision"))
"""Tables that were changed meanwhile are for workers of another version."""

# all that a job needs to begin comes in one answer, whatever table it is in
_CLAIM = (
    update(_JOBS)
    .where(
        _JOBS.c.id == bindparam("job_id"),
        _JOBS.c.state == State.SUBMITTED,
        or_(_JOBS.c.not_before.is_(None), _JOBS.c.not_before <= clock.present()),
        TABLES_FIT,
    )
    .values(TAKEN)
    .returning(
        *(_JOBS.c.attempt, _JOBS.c.owner_kind, _JOBS.c.owner_id),
        *(_JOBS.c.submission_id, _JOBS.c.step_name),
        *(_JOBS.c.phase, _JOBS.c.name, _JOBS.c.batch, _JOBS.c.tries),
        _beside(Submission.program, _JOBS.c.submission_id),
        _beside(Submission.user_id, _JOBS.c.submission_id),
        _beside(Submission.description, _JOBS.c.submission_id),
        _beside(Submission.force, _JOBS.c.submission_id),
        *(_JOBS.c.is_interactive, _JOBS.c["index"], _JOBS.c.task_id),
        _beside(Task.state, _JOBS.c.task_id),
    )
)

# it needs no other statement, so that it is a transaction by itself
_CLAIM_IN_WORK = _CLAIM.where(_beside(Task.state, _JOBS.c.task_id) == State.RUNNING)


def claim(session: Session, job_id: int, worker: str, host: str, lease: float) -> Claim | None:
    """Take a job, or None if it is not there to be taken: a second message gets nothing."""
    parameters = _claiming(job_id, worker, host, lease)
    row = session.connection().execute(_CLAIM, parameters).one_or_none()
    if row is None:
        return None
    *taken, phase_state = row
    claimed = Claim(job_id, *taken)
    if phase_state is not State.RUNNING:
        tree.mark_running(session, claimed.task_id)
    return claimed


def claim_at_once(
    database: Database, job_id: int, worker: str, host: str, lease: float
) -> Claim | None:
    """Take a job as `claim` does, but only if another one of its phase was taken before.

    That is a single statement, and a single round trip to the database.
    """
    row = database.one_or_none(_CLAIM_IN_WORK, _claiming(job_id, worker, host, lease))
    return None if row is None else Claim(job_id, *row[:-1])


def _claiming(job_id: int, worker: str, host: str, lease: float) -> dict[str, object]:
    return {
        "job_id": job_id,
        "new_worker": worker,
        "new_host": host,
        "lease_seconds": lease,
        "revision": revision.needed(),
    }


def finish(
    session: Session,
    job_id: int,
    attempt: int,
    outcome: Outcome,
    effects: Sequence[Effect] = (),
    *,
    lets_in: bool = True,
) -> list[int]:
    """Mark a job as done, apply its effects, and start what follows from it.

    The effects come once it is certain that the job is still this attempt's, and that nobody can
    take it away any more. The next job of its phase is handed out, unless it `lets_in` none.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.

    Raises
    ------
    LeaseLost
        If the job is no longer this attempt's; the transaction must be rolled back.
    """
    task_id, index = _record(
        session,
        job_id,
        attempt,
        outcome,
        state=State.TERMINATED,
        finished_at=0,
        exitcode=outcome.exitcode,
    )
    for effect in effects:
        effect(session)
    session.flush()
    counts = advance.count_ended(
        session,
        task_id,
        n_failed=1 if outcome.exitcode else 0,
        cpu_time=outcome.cpu_time,
        memory=outcome.memory,
    )
    if counts is None:
        raise LeaseLost
    if outcome.following and not outcome.exitcode:
        advance.enter_behind(session, task_id, counts.submission_id, outcome.following)
    if counts.n_left:
        return dispatch.hand_out(session, task_id, 1, after=index) if lets_in else []
    return advance.end_phase(session, task_id, counts)


def postpone(session: Session, job_id: int, attempt: int, outcome: Outcome, seconds: float) -> None:
    """Put a job back that failed for a reason that may pass; it is sent again after some seconds.

    Raises
    ------
    LeaseLost
        If the job is no longer this attempt's.
    """
    _record(
        session,
        job_id,
        attempt,
        outcome,
        state=State.SUBMITTED,
        submitted_at=0,
        not_before=seconds,
    )


def _record(
    session: Session, job_id: int, attempt: int, outcome: Outcome, **values: object
) -> tuple[int, int]:
    """Write down what a job said and used, and its new state; its phase and its index there."""
    said = job_log.columns(
        Tail(outcome.stdout, outcome.stdout_start), Tail(outcome.stderr, outcome.stderr_start)
    )
    used = {name: getattr(outcome, name) for name in ("wall_time", "cpu_time", "memory")}
    ended = {"lease_expires_at": None, "error": outcome.error}
    place = holding.write(session, job_id, attempt, {**ended, **said, **used, **values})
    if place is None:
        raise LeaseLost
    return place


def end_killed(
    session: Session,
    *conditions: ColumnElement[bool],
    reason: str = KILLED,
    skip_locked: bool = False,
) -> None:
    """End jobs that are handed out because somebody has killed them, as the `reason` says.

    With `skip_locked` those that somebody writes to at this moment are left out.
    """
    killed = (
        select(Job.id)
        .where(Job.state.in_(AT_WORK), *conditions)
        # who locks several jobs does it in this order, so that no two wait for each other
        .order_by(Job.id)
        .with_for_update(skip_locked=skip_locked)
        .cte("killed")
    )
    session.execute(
        update(Job)
        .where(Job.id.in_(select(killed.c.id)))
        .values(
            state=State.TERMINATED,
            exitcode=EXIT_KILLED,
            error=reason,
            lease_expires_at=None,
            finished_at=clock.present(),
        )
        .execution_options(synchronize_session=False)
    )
