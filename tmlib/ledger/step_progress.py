"""How far the steps of one workflow are, and what they use of what they may take.

Reads the tasks, which count their jobs: it takes as long for a workflow of a hundred thousand jobs
as for one of ten.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.ledger import tree
from tmlib.ledger.completion import done_ratio
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import AT_WORK, Job, State, Submission, Task
from tmlib.ledger.overview import Standing
from tmlib.ledger.progress import Tree, per_minute, phases_of, seconds_left

_Running = tuple[int, datetime | None]


@dataclass(frozen=True)
class StepProgress:
    """A step of a workflow. Counts are of the jobs that are known: init tells how many there are.

    ``seconds`` is how long the step took, or has been at work, ``cpu_seconds`` what its jobs have
    used together, and ``memory_mb`` the highest peak of one. ``oldest_started_at`` tells since when
    the job has been running that began first. ``limits`` are those of each job.
    """

    name: str
    stage: str
    state: Standing
    jobs: int
    waiting: int
    running: int
    done: int
    skipped: int
    failed: int
    percent_done: float
    per_minute: float | None
    seconds_left: float | None
    started_at: datetime | None
    finished_at: datetime | None
    oldest_started_at: datetime | None
    cpu_seconds: float | None
    memory_mb: int | None
    limits: Limits


def steps(session: Session, submission_id: int, moment: datetime) -> list[StepProgress]:
    """The steps of a workflow in their order."""
    description = session.get_one(Submission, submission_id).description
    tasks = session.scalars(select(Task).where(Task.submission_id == submission_id)).all()
    children: Tree = {}
    for task in tasks:
        children.setdefault(task.parent_id, []).append(task)
    stages = {task.id: task.name for task in tasks}
    running = _running(session, submission_id)
    return [
        _progress(
            step,
            stages[step.parent_id or 0],
            children,
            running,
            Limits.of(description, step.name, "run"),
            moment,
        )
        for step in tree.steps_of(session, submission_id)
    ]


def _progress(
    step: Task,
    stage: str,
    children: Tree,
    running_in: dict[int, _Running],
    limits: Limits,
    moment: datetime,
) -> StepProgress:
    phases = list(phases_of(step, children))
    at_work = [phase for phase in phases if phase.state in AT_WORK]
    taken = [running_in[phase.id] for phase in phases if phase.id in running_in]
    running = sum(n_jobs for n_jobs, _ in taken)
    waiting = sum(phase.n_jobs - phase.n_done for phase in at_work) - running
    rates = [rate for phase in at_work if (rate := per_minute(phase, moment)) is not None]
    return StepProgress(
        name=step.name,
        stage=stage,
        state=Standing.of(step.state, step.exitcode),
        jobs=sum(phase.n_jobs for phase in phases),
        waiting=max(0, waiting),
        running=running if at_work else 0,
        done=sum(phase.n_done - phase.n_failed for phase in phases),
        skipped=sum(phase.n_skipped for phase in phases),
        failed=sum(phase.n_failed for phase in phases),
        percent_done=100.0 * done_ratio(step, children),
        per_minute=sum(rates) or None,
        seconds_left=seconds_left(at_work, moment),
        started_at=step.started_at,
        finished_at=step.finished_at,
        oldest_started_at=min((since for _, since in taken if since), default=None),
        cpu_seconds=sum(phase.cpu_time for phase in phases) or None,
        memory_mb=max((phase.memory or 0 for phase in phases), default=0) or None,
        limits=limits,
    )


def _running(session: Session, submission_id: int) -> dict[int, _Running]:
    """How many jobs of each phase are in work, and since when the oldest of them."""
    taken = session.execute(
        select(Job.task_id, func.count(), func.min(Job.started_at))
        .where(Job.submission_id == submission_id, Job.state == State.RUNNING)
        .group_by(Job.task_id)
    )
    return {row[0]: (row[1], row[2]) for row in taken}
