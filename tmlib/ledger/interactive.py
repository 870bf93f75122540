"""Work that somebody waits for, on a queue of its own.

Its submissions have one task, which holds all jobs; they run in any order, beside other work of
the same owner and beside each other.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.errors import NotFound
from tmlib.ledger import owners, submissions
from tmlib.ledger.job_status import job_status, time_text
from tmlib.ledger.models import INTERACTIVE, Job, State, Submission, Task
from tmlib.ledger.owners import Owner
from tmlib.ledger.programs import Batch, Part, PlannedJob
from tmlib.ledger.queue import Queue


def submit(
    database: Database,
    queue: Queue,
    owner: Owner,
    user_id: int,
    *,
    program: str,
    job_type: str,
    description: dict[str, Any],
    jobs: Mapping[str, Batch],
) -> int:
    """Hand work in and start it at once.

    Parameters
    ----------
    database, queue
        Where the jobs are entered, and what carries their ids.
    owner, user_id
        Whose work it is, and who asks for it.
    program
        What does it, by name.
    job_type
        What the jobs are called in lists, ``ToolJob`` for example.
    description
        What was asked for: JSON, the same for all jobs.
    jobs
        What each job works on, by its name.

    Returns
    -------
    int
        Number of the submission.

    Raises
    ------
    NotFound
        If the owner was deleted meanwhile.
    """
    planned = [PlannedJob(batch, name) for name, batch in jobs.items()]
    plan = Part(INTERACTIVE, job_type, program, jobs=planned, step_name=program)
    with database.transaction() as session:
        submission_id, job_ids = submissions.submit(
            session, owner, user_id, program=program, description=description, plan=plan
        )
    queue.enqueue(job_ids, interactive=True)
    return submission_id


def jobs(
    session: Session,
    owner: Owner,
    program: str,
    *,
    submission_id: int | None = None,
    name: str | None = None,
    state: State | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Jobs of an owner for a program with their states, the latest first."""
    query = (
        select(Job, Task.type, Submission.created_at)
        .join(Task, Task.id == Job.task_id)
        .join(Submission, Submission.id == Job.submission_id)
        .where(owners.of(Submission, owner), Submission.program == program)
        .order_by(Job.id.desc())
        .limit(limit)
        .offset(offset)
    )
    if submission_id is not None:
        query = query.where(Submission.id == submission_id)
    if name is not None:
        query = query.where(Job.name == name)
    if state is not None:
        query = query.where(Job.state == state)
    return [
        {
            **job_status(job),
            "type": job_type,
            "percent_done": percent_done(job),
            "submission_id": job.submission_id,
            "submitted_at": time_text(created_at),
        }
        for job, job_type, created_at in session.execute(query)
    ]


def percent_done(job: Job) -> float:
    """How much of a job is done, as far as it tells."""
    return 100.0 if job.state is State.TERMINATED else round(100 * job.share_done, 1)


def kill(session: Session, owner: Owner, program: str, job_id: int) -> None:
    """End a job with all others of its submission; nothing happens if it has ended.

    Raises
    ------
    NotFound
        If the owner has no such job of this program.
    """
    job = session.get(Job, job_id)
    if job is None or job.owner != owner or job.step_name != program:
        raise NotFound(f"The {owner.kind} has no such job.")
    submissions.kill(session, job.submission_id, "The job was killed.")
