"""The latest workflow of each experiment and its steps, as operators see them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import EXPERIMENT
from tmlib.ledger import progress
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import AT_WORK, JobStatus, Submission, Task
from tmlib.ledger.progress import TaskTree
from tmlib.workflow import arguments
from tmlib.workflow.models import WORKFLOW, TaskKind


@dataclass(frozen=True)
class StepUse:
    """What the jobs of a step have used: seconds of CPU together, and the highest peak in MB."""

    name: str
    done: int
    cpu_seconds: float
    memory_mb: int | None


@dataclass(frozen=True)
class WorkflowProgress:
    """The latest workflow of an experiment. Counts are of jobs, rates of jobs per minute.

    ``skipped`` counts those of ``done`` whose results were current. ``steps`` are those at work;
    ``per_minute`` is their rate since they began, and ``seconds_left`` the time that they still
    need at this rate, None while none can be told. ``uses`` has the steps that have begun.
    """

    experiment_id: int
    experiment: str
    submission_id: int
    state: JobStatus
    steps: tuple[str, ...]
    percent_done: float
    waiting: int
    running: int
    done: int
    failed: int
    skipped: int
    per_minute: float | None
    seconds_left: float | None
    submitted_at: datetime
    finished_at: datetime | None
    uses: tuple[StepUse, ...] = ()

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.finished_at is None


@dataclass(frozen=True)
class LatestWorkflow:
    """What became of the latest workflow of an experiment."""

    experiment_id: int
    state: JobStatus
    submitted_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True)
class StepProgress:
    """A step of a workflow. Counts are of the jobs that are known: init tells how many there are.

    ``oldest_started_at`` tells since when the job has been running that began first.
    ``cpu_seconds`` is what its jobs have used together, and ``memory_mb`` the highest peak of one.
    ``limits`` are those of each job.
    """

    name: str
    stage: str
    state: JobStatus
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


def workflows(
    session: Session,
    moment: datetime,
    *,
    ended_after: datetime | None = None,
    experiment_id: int | None = None,
) -> list[WorkflowProgress]:
    """The latest workflow of each experiment, those at work first, then the last that ended.

    Parameters
    ----------
    session
        To read with.
    moment
        The present.
    ended_after
        Leaves out what ended before.
    experiment_id
        Only of this experiment.
    """
    latest = _latest()
    if experiment_id is not None:
        latest = latest.where(Submission.owner_id == experiment_id)
    query = (
        select(Submission.id, Experiment)
        .join(Experiment, Experiment.id == Submission.owner_id)
        .join(Task, Task.submission_id == Submission.id)
        .where(
            Submission.id.in_(latest), Task.parent_id.is_(None), Experiment.deletion_due.is_(None)
        )
    )
    if ended_after is not None:
        query = query.where(or_(Task.finished_at.is_(None), Task.finished_at > ended_after))
    experiments = {row[0]: row[1] for row in session.execute(query)}
    trees = progress.read(session, list(experiments))
    found = [_workflow(experiments[number], tasks, moment) for number, tasks in trees.items()]
    return sorted(found, key=_order)


def outcomes(session: Session, experiment_ids: Collection[int]) -> list[LatestWorkflow]:
    """What became of the latest workflow of each of some experiments that had one.

    One statement answers it, whatever the workflows consist of.
    """
    query = (
        select(Submission.owner_id, Task.state, Task.exitcode, Task.created_at, Task.finished_at)
        .join(Task, Task.submission_id == Submission.id)
        .where(Submission.id.in_(_latest()), Task.parent_id.is_(None))
        .order_by(Submission.owner_id)
    )
    wanted = frozenset(experiment_ids)
    return [
        LatestWorkflow(owner_id, JobStatus.of(state, exitcode), submitted_at, finished_at)
        for owner_id, state, exitcode, submitted_at, finished_at in session.execute(query)
        if owner_id in wanted
    ]


def steps(session: Session, submission_id: int, moment: datetime) -> list[StepProgress]:
    """The steps of a workflow in their order."""
    description = session.get_one(Submission, submission_id).description
    tasks = progress.read(session, [submission_id])[submission_id]
    return [
        _step(tasks, stage, step, arguments.limits(description, step.name, "run"), moment)
        for stage in tasks.children(tasks.root)
        for step in tasks.children(stage)
    ]


def _latest() -> Select[Any]:
    """Numbers of the latest submissions, one for each experiment."""
    return (
        select(func.max(Submission.id))
        .where(Submission.program == WORKFLOW, Submission.owner_kind == EXPERIMENT)
        .group_by(Submission.owner_id)
    )


def _order(workflow: WorkflowProgress) -> tuple[bool, float]:
    """What is at work comes first, as it was submitted; then what ended last."""
    if workflow.finished_at is None:
        return False, workflow.submission_id
    return True, -workflow.finished_at.timestamp()


def _workflow(experiment: Experiment, tasks: TaskTree, moment: datetime) -> WorkflowProgress:
    root = tasks.root
    whole = tasks.progress(root, moment)
    begun = [task for task in _steps(tasks) if task.started_at is not None]
    return WorkflowProgress(
        experiment_id=experiment.id,
        experiment=experiment.name,
        submission_id=root.submission_id,
        state=whole.state,
        steps=tuple(
            task.name for task in begun if task.state in AT_WORK and root.finished_at is None
        ),
        percent_done=100.0 * whole.ratio,
        waiting=whole.waiting,
        running=whole.running,
        done=whole.done - whole.failed,
        failed=whole.failed,
        skipped=whole.skipped,
        per_minute=whole.per_minute,
        seconds_left=whole.seconds_left,
        submitted_at=root.created_at,
        finished_at=root.finished_at,
        uses=tuple(_use(tasks, task, moment) for task in begun),
    )


def _steps(tasks: TaskTree) -> Sequence[Task]:
    return [task for task in tasks.within(tasks.root) if task.kind == TaskKind.STEP]


def _use(tasks: TaskTree, step: Task, moment: datetime) -> StepUse:
    found = tasks.progress(step, moment)
    return StepUse(step.name, found.done, found.cpu_seconds, found.memory_mb)


def _step(
    tasks: TaskTree, stage: Task, step: Task, limits: Limits, moment: datetime
) -> StepProgress:
    found = tasks.progress(step, moment)
    return StepProgress(
        name=step.name,
        stage=stage.name,
        state=found.state,
        jobs=found.jobs,
        waiting=found.waiting,
        running=found.running,
        done=found.done - found.failed,
        skipped=found.skipped,
        failed=found.failed,
        percent_done=100.0 * found.ratio,
        per_minute=found.per_minute,
        seconds_left=found.seconds_left,
        started_at=step.started_at,
        finished_at=step.finished_at,
        oldest_started_at=found.oldest_started_at,
        cpu_seconds=found.cpu_seconds or None,
        memory_mb=found.memory_mb,
        limits=limits,
    )
