"""The tree of a submission in the ledger: parts in parts, and jobs in the innermost.

Parts are entered as they become known: some only when an earlier one has ended.
"""

from collections.abc import Sequence
from typing import cast

from sqlalchemy import Table, bindparam, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.sql.schema import ScalarElementColumnDefault

from tmlib.db import clock
from tmlib.db.spatial import bulk_insert
from tmlib.ledger.models import INTERACTIVE, Job, State, Submission, Task
from tmlib.ledger.programs import Part

_TASKS = cast(Table, Task.__table__)

# built once, since it runs at the start of every job
_MARK_RUNNING = (
    update(_TASKS)
    .where(_TASKS.c.id == bindparam("task_id"), _TASKS.c.state == State.SUBMITTED)
    .values(state=State.RUNNING, updated_at=clock.present())
    .returning(_TASKS.c.parent_id)
)

_DEFAULTS = {
    column.name: column.default.arg
    for column in cast(Table, Job.__table__).columns
    if isinstance(column.default, ScalarElementColumnDefault)
}


def root(session: Session, submission_id: int, *, lock: bool = False) -> Task:
    """The outermost task of a submission, locked where two jobs may end at the same time."""
    query = select(Task).where(Task.submission_id == submission_id, Task.parent_id.is_(None))
    return session.scalars(query.with_for_update() if lock else query).one()


def children(session: Session, task_id: int) -> Sequence[Task]:
    """The parts of a task in their order."""
    return session.scalars(
        select(Task).where(Task.parent_id == task_id).order_by(Task.position)
    ).all()


def enter(
    session: Session, submission: Submission, parts: Sequence[Part], parent: Task | None = None
) -> list[Task]:
    """Enter parts with all that is in them, behind those that their parent has.

    They wait until they are started.
    """
    first = 0
    if parent is not None:
        last = session.scalar(select(func.max(Task.position)).where(Task.parent_id == parent.id))
        first = 0 if last is None else last + 1
    entered = [
        Task(
            submission_id=submission.id,
            parent_id=None if parent is None else parent.id,
            kind=part.kind,
            type=part.type,
            name=part.name,
            position=position,
            is_parallel=part.is_parallel,
            n_parts=part.n_parts,
        )
        for position, part in enumerate(parts, start=first)
    ]
    session.add_all(entered)
    session.flush()
    for task, part in zip(entered, parts, strict=True):
        if part.parts:
            enter(session, submission, part.parts, task)
        if part.jobs:
            _add_jobs(session, submission, task, part)
    return entered


def mark_running(session: Session, task_id: int | None) -> None:
    """Mark a phase and all that contain it as running, if they are not already."""
    while task_id is not None:
        task_id = session.scalar(_MARK_RUNNING, {"task_id": task_id})


def _add_jobs(session: Session, submission: Submission, task: Task, part: Part) -> None:
    """Enter the jobs of a part; those that are skipped are done already."""
    moment = clock.read(session)
    same = {
        **_DEFAULTS,
        "submission_id": submission.id,
        "task_id": task.id,
        "owner_kind": submission.owner_kind,
        "owner_id": submission.owner_id,
        "step_name": part.step_name,
        "phase": part.phase,
        "is_interactive": part.kind == INTERACTIVE,
    }
    skipped = [job.is_current for job in part.jobs]
    numbers = range(1, len(part.jobs) + 1)
    columns: dict[str, Sequence[object]] = {
        **{name: [value] * len(part.jobs) for name, value in same.items()},
        "index": numbers,
        "name": [
            job.name or f"{part.name}_{number:07d}"
            for number, job in zip(numbers, part.jobs, strict=True)
        ],
        "batch": [job.batch for job in part.jobs],
        "state": [State.TERMINATED if skip else State.NEW for skip in skipped],
        "skipped": skipped,
        "reason": [job.reason for job in part.jobs],
        "exitcode": [0 if skip else None for skip in skipped],
        "finished_at": [moment if skip else None for skip in skipped],
    }
    task.n_jobs = len(part.jobs)
    task.n_skipped = task.n_done = sum(skipped)
    bulk_insert(session, Job, columns)
