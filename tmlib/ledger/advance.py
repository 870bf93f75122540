"""Moves a submission on: which of its parts begins when it starts or when another one ends."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from sqlalchemy import BigInteger, Table, bindparam, case, func, select, update
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.ledger import dispatch, job_log, programs, tree
from tmlib.ledger.models import (
    AT_WORK,
    EXIT_FAILED,
    FAILED,
    INTERACTIVE,
    Job,
    State,
    Submission,
    Task,
)
from tmlib.ledger.programs import Part

_TASKS = cast(Table, Task.__table__)
_MEGABYTES = bindparam("megabytes", type_=BigInteger)

# built once, since it runs at the end of every job
_COUNT = (
    update(_TASKS)
    .where(_TASKS.c.id == bindparam("phase_id"), _TASKS.c.state.in_(AT_WORK))
    .values(
        n_done=_TASKS.c.n_done + bindparam("jobs"),
        n_failed=_TASKS.c.n_failed + bindparam("failures"),
        cpu_time=_TASKS.c.cpu_time + bindparam("seconds"),
        # the function for the larger of two has another name on each database
        memory=case(
            (func.coalesce(_TASKS.c.memory, 0) < _MEGABYTES, _MEGABYTES), else_=_TASKS.c.memory
        ),
        updated_at=clock.present(),
    )
    .returning(_TASKS.c.n_done, _TASKS.c.n_jobs, _TASKS.c.n_failed, _TASKS.c.submission_id)
)


def start(session: Session, task: Task) -> list[int]:
    """Start a task, from the whole down to jobs; what has ended in it is not done again.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    task.state, task.started_at = State.SUBMITTED, task.started_at or clock.read(session)
    session.flush()
    if task.n_jobs:
        return _start_jobs(session, task)
    children = tree.children(session, task.id)
    if not children:
        submission = session.get_one(Submission, task.submission_id)
        parts = programs.get(submission.program).plan(submission.description, task.name)
        children = tree.enter(session, submission, parts, task)
    pending = [child for child in children if child.state is not State.TERMINATED]
    if not pending:
        return _end(session, task, 0)
    if task.is_parallel:
        return [job_id for child in pending for job_id in start(session, child)]
    return start(session, pending[0])


def _start_jobs(session: Session, task: Task) -> list[int]:
    count = task.n_jobs if task.kind == INTERACTIVE else dispatch.window(session)
    return dispatch.hand_out(session, task.id, count) or _end(session, task, 0)


def reopen(session: Session, submission_id: int) -> int:
    """Make what failed or was killed in a submission new again; what ended well stays.

    Attempts go on counting, so that no worker of before can commit; tries begin anew.

    Returns
    -------
    int
        How many jobs will be done again.
    """
    phases = select(Task.id).where(Task.submission_id == submission_id)
    afresh = session.scalars(
        update(Job)
        .where(Job.task_id.in_(phases), FAILED)
        .values(
            state=State.NEW,
            tries=0,
            exitcode=None,
            error=None,
            **job_log.EMPTY,
            submitted_at=None,
            started_at=None,
            finished_at=None,
            wall_time=None,
            cpu_time=None,
            memory=None,
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    ).all()
    session.execute(
        update(Task)
        .where(Task.submission_id == submission_id, Task.exitcode != 0)
        .values(state=State.NEW, exitcode=None, finished_at=None)
    )
    session.execute(
        update(Task)
        .where(Task.submission_id == submission_id, Task.n_failed > 0)
        .values(n_done=Task.n_done - Task.n_failed, n_failed=0)
        .execution_options(synchronize_session=False)
    )
    session.expire_all()
    return len(afresh)


@dataclass(frozen=True)
class Counts:
    """How far a phase has come, when jobs of it have just ended."""

    n_done: int
    n_jobs: int
    n_failed: int
    submission_id: int

    @property
    def n_left(self) -> int:
        """How many jobs have not ended."""
        return self.n_jobs - self.n_done


def count_ended(
    session: Session,
    task_id: int,
    *,
    n_jobs: int = 1,
    n_failed: int = 0,
    cpu_time: float,
    memory: int | None,
) -> Counts | None:
    """Count jobs that have ended in their phase, whose row is locked from then on.

    Returns
    -------
    Counts, optional
        None if the phase has ended, because its submission was killed.
    """
    parameters = {
        "phase_id": task_id,
        "jobs": n_jobs,
        "failures": n_failed,
        "seconds": cpu_time,
        "megabytes": memory or 0,
    }
    row = session.connection().execute(_COUNT, parameters).one_or_none()
    return None if row is None else Counts(*row)


def enter_behind(
    session: Session, task_id: int, submission_id: int, following: Sequence[Part]
) -> None:
    """Enter what follows from a job behind the phase that it is in.

    Raises
    ------
    ValueError
        If the phase is all of its submission, so that nothing can be behind it.
    """
    tree.root(session, submission_id, lock=True)
    task = session.get_one(Task, task_id)
    if task.parent_id is None:
        raise ValueError(f'Nothing can follow "{task.name}", which is all of its submission.')
    submission = session.get_one(Submission, submission_id)
    tree.enter(session, submission, following, session.get_one(Task, task.parent_id))


def end_phase(session: Session, task_id: int, counts: Counts) -> list[int]:
    """End a phase whose last job has ended, and start what follows.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    tree.root(session, counts.submission_id, lock=True)
    phase = session.get_one(Task, task_id, populate_existing=True)
    return _end(session, phase, EXIT_FAILED if counts.n_failed else 0)


def _end(session: Session, task: Task, exitcode: int) -> list[int]:
    """End a task and start the next of its siblings, or end its parent with it."""
    task.state, task.exitcode = State.TERMINATED, exitcode
    task.finished_at = clock.read(session)
    session.flush()
    if task.parent_id is None:
        return []
    parent = session.get_one(Task, task.parent_id)
    siblings = tree.children(session, parent.id)
    if parent.is_parallel:
        if any(sibling.state is not State.TERMINATED for sibling in siblings):
            return []
        return _end(session, parent, max(sibling.exitcode or 0 for sibling in siblings))
    following = [sibling for sibling in siblings if sibling.position > task.position]
    if exitcode or not following:
        return _end(session, parent, exitcode)
    return start(session, following[0])
