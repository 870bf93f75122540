"""Work that somebody waits for, in the same ledger as workflows but on a queue of its own.

A *program* says what its jobs do. Its submissions have one task, which holds all jobs; they run in
any order, beside workflows of the experiment and beside each other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.db import Database, clock
from tmlib.errors import NotFound
from tmlib.ledger import submissions
from tmlib.ledger.models import Job, State, Submission, Task, TaskKind
from tmlib.ledger.queue import Queue
from tmlib.workflow.status import job_status, time_text
from tmlib.workflow.steps.base import Batch, JobContext


@dataclass(frozen=True)
class InteractiveJob:
    """What a program's job is to do: what was handed in, by whom, and its own part of it."""

    submission_id: int
    user_id: int
    name: str
    description: dict[str, Any]
    batch: Batch


Program = Callable[[JobContext, InteractiveJob], None]
"""Does the work of one job. What it changes in the database goes into the context's effects."""


def submit(
    database: Database,
    queue: Queue,
    experiment_id: int,
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
    experiment_id, user_id
        Whose work it is.
    program
        What the jobs do, a name in :data:`tmlib.workflow.programs.PROGRAMS`.
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
    """
    with database.transaction() as session:
        submission = Submission(
            experiment_id=experiment_id, user_id=user_id, program=program, description=description
        )
        session.add(submission)
        session.flush()
        job_ids = _enter(session, submission, job_type, jobs)
    queue.enqueue(job_ids, interactive=True)
    return submission.id


def _enter(
    session: Session, submission: Submission, job_type: str, jobs: Mapping[str, Batch]
) -> list[int]:
    """Enter the jobs of a submission, ready to be taken; gives their ids."""
    moment = clock.read(session)
    started = {"state": State.SUBMITTED, "submission_id": submission.id}
    task = Task(
        **started,
        kind=TaskKind.INTERACTIVE,
        type=job_type,
        name=submission.program,
        position=0,
        n_jobs=len(jobs),
        started_at=moment,
    )
    session.add(task)
    session.flush()
    entered = [
        Job(
            **started,
            task_id=task.id,
            experiment_id=submission.experiment_id,
            step_name=submission.program,
            phase="run",
            index=index,
            name=name,
            batch=batch,
            is_interactive=True,
            submitted_at=moment,
        )
        for index, (name, batch) in enumerate(jobs.items(), start=1)
    ]
    session.add_all(entered)
    session.flush()
    return [job.id for job in entered]


def jobs(
    session: Session,
    experiment_id: int,
    program: str,
    *,
    submission_id: int | None = None,
    name: str | None = None,
    state: State | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> list[dict[str, Any]]:
    """Jobs of a program in an experiment with their states, the latest first."""
    query = (
        select(Job, Task.type, Submission.created_at)
        .join(Task, Task.id == Job.task_id)
        .join(Submission, Submission.id == Job.submission_id)
        .where(Submission.experiment_id == experiment_id, Submission.program == program)
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


def kill(session: Session, experiment_id: int, program: str, job_id: int) -> None:
    """End a job with all others of its submission; nothing happens if it has ended.

    Raises
    ------
    NotFound
        If the experiment has no such job of this program.
    """
    job = session.get(Job, job_id)
    if job is None or job.experiment_id != experiment_id or job.step_name != program:
        raise NotFound("The experiment has no such job.")
    submissions.kill(session, job.submission_id, "The job was killed.")
