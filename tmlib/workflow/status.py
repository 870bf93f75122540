"""What users see of a workflow: the status tree, lists of jobs, logs."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from tmlib.errors import BadInput
from tmlib.ids import encode_id
from tmlib.workflow.models import WORKFLOW, Job, State, Submission, Task, TaskKind

_LIVE = (State.SUBMITTED, State.RUNNING, State.TERMINATING, State.STOPPED)
_MAX_ERRORS = 20


def latest_submission(session: Session, experiment_id: int) -> Submission | None:
    """The workflow of an experiment that was handed in last."""
    return session.scalars(
        select(Submission)
        .where(Submission.experiment_id == experiment_id, Submission.program == WORKFLOW)
        .order_by(Submission.id.desc())
        .limit(1)
    ).one_or_none()


def status(session: Session, experiment_id: int, depth: int = 2) -> dict[str, Any] | None:
    """The status tree of the latest workflow, or None if there never was one.

    Tasks deeper than `depth` below the workflow are null in their parent's ``subtasks``. Steps
    and phases also say how many jobs they have, ended, failed and skipped, and failed ones why.
    """
    submission = latest_submission(session, experiment_id)
    if submission is None:
        return None
    return submission_status(session, submission.id, depth)


def submission_status(session: Session, submission_id: int, depth: int = 2) -> dict[str, Any]:
    """The status tree of one submission, as :func:`status` has it."""
    return _Tree(session, submission_id).format(depth)


class _Tree:
    """All tasks of a submission, read at once; jobs are only read as deep as they are shown."""

    def __init__(self, session: Session, submission_id: int) -> None:
        self.session = session
        self.submission_id = submission_id
        tasks = session.scalars(
            select(Task).where(Task.submission_id == submission_id).order_by(Task.position)
        ).all()
        self.children: dict[int | None, list[Task]] = {}
        for task in tasks:
            self.children.setdefault(task.parent_id, []).append(task)
        self.errors = _errors(session, submission_id)
        self.usage = {
            row.task_id: row
            for row in session.execute(
                select(
                    Job.task_id,
                    func.sum(Job.cpu_time).label("cpu_time"),
                    func.max(Job.memory).label("memory"),
                )
                .where(Job.submission_id == submission_id)
                .group_by(Job.task_id)
            )
        }

    def format(self, depth: int) -> dict[str, Any]:
        return self._format(self.children[None][0], depth)

    def _format(self, task: Task, depth: int) -> dict[str, Any]:
        children = self.children.get(task.id, [])
        phases = self._phases(task)
        result = {
            **_common(task, _duration(task.started_at, task.finished_at)),
            "created_at": time_text(task.created_at),
            "updated_at": time_text(task.updated_at),
            "cpu_time": self._cpu_time(phases),
            "memory": self._memory(phases),
            "percent_done": _percent(task, children),
            "n_subtasks": len(children) or task.n_jobs,
        }
        if task.kind in (TaskKind.STEP, TaskKind.PHASE):
            result["n_jobs"] = sum(phase.n_jobs for phase in phases)
            result["n_jobs_done"] = sum(phase.n_done for phase in phases)
            result["n_jobs_failed"] = sum(phase.n_failed for phase in phases)
            result["n_jobs_skipped"] = sum(phase.n_skipped for phase in phases)
        errors = [error for phase in phases for error in self.errors.get(phase.id, [])]
        if errors:
            result["errors"] = errors[:_MAX_ERRORS]
        result["subtasks"] = self._subtasks(task, children, depth)
        return result

    def _subtasks(self, task: Task, children: list[Task], depth: int) -> list[Any]:
        if children:
            return [self._format(child, depth - 1) if depth > 0 else None for child in children]
        if depth > 0 and task.n_jobs:
            return [
                job_status(job) | {"n_subtasks": 0, "subtasks": [], "percent_done": _done(job)}
                for job in _select_jobs(self.session, Job.task_id == task.id)
            ]
        return [None] * task.n_jobs

    def _phases(self, task: Task) -> list[Task]:
        children = self.children.get(task.id, [])
        if not children:
            return [task]
        return [phase for child in children for phase in self._phases(child)]

    def _cpu_time(self, phases: list[Task]) -> str | None:
        times = [self.usage[phase.id].cpu_time for phase in phases if phase.id in self.usage]
        known = [seconds for seconds in times if seconds is not None]
        return _seconds_text(sum(known)) if known else None

    def _memory(self, phases: list[Task]) -> int | None:
        peaks = [self.usage[phase.id].memory for phase in phases if phase.id in self.usage]
        return max((peak for peak in peaks if peak is not None), default=None)


def jobs(
    session: Session,
    experiment_id: int,
    *,
    step_name: str,
    phase: str | None = None,
    name: str | None = None,
    index: int | None = None,
    batch_size: int | None = None,
) -> list[dict[str, Any]]:
    """Jobs of a step of the latest workflow, in the order of their names.

    Raises
    ------
    BadInput
        If a page is asked for with only one of `index` and `batch_size`, or together with `name`.
    """
    if (index is None) != (batch_size is None):
        raise BadInput('"index" and "batch_size" must be given together.')
    if index is not None and (name is not None or phase is not None):
        raise BadInput('"index" and "batch_size" cannot be combined with "name" or "phase".')
    submission = latest_submission(session, experiment_id)
    if submission is None:
        return []
    conditions = [Job.submission_id == submission.id, Job.step_name == step_name]
    if phase is not None:
        conditions.append(Job.phase == phase.removeprefix(f"{step_name}_"))
    if name is not None:
        conditions.append(Job.name == name)
    query_index = index
    if index is not None and batch_size is not None and index < 0:
        query_index, batch_size = 0, max(0, batch_size + index)
    found = _select_jobs(session, *conditions, offset=query_index, limit=batch_size)
    return [job_status(job) for job in found]


def job_status(job: Job) -> dict[str, Any]:
    """One job as the list of jobs shows it."""
    return {
        **_common(job, job.wall_time),
        "created_at": time_text(job.submitted_at),
        "updated_at": time_text(job.finished_at or job.started_at or job.submitted_at),
        "cpu_time": None if job.cpu_time is None else _seconds_text(job.cpu_time),
        "memory": job.memory,
        "host": job.host,
        "attempt": job.attempt,
        "skipped": job.skipped,
        "reason": job.reason,
        "error": job.error,
    }


def _common(item: Task | Job, seconds: float | None) -> dict[str, Any]:
    job_type = {"init": "InitJob", "run": "RunJob", "collect": "CollectJob"}
    return {
        "id": encode_id(item.id),
        "name": item.name,
        "type": job_type[item.phase] if isinstance(item, Job) else item.type,
        "state": item.state.value,
        "live": item.state in _LIVE,
        "done": item.state is State.TERMINATED,
        "failed": item.exitcode not in (0, None),
        "exitcode": item.exitcode,
        "time": None if seconds is None else _seconds_text(seconds),
    }


def _select_jobs(
    session: Session,
    *conditions: ColumnElement[bool],
    offset: int | None = None,
    limit: int | None = None,
) -> list[Job]:
    return list(
        session.scalars(
            select(Job).where(*conditions).order_by(Job.name).offset(offset).limit(limit)
        )
    )


def _errors(session: Session, submission_id: int) -> dict[int, list[str]]:
    errors: dict[int, list[str]] = {}
    for task_id, error in session.execute(
        select(Job.task_id, Job.error)
        .where(Job.submission_id == submission_id, Job.exitcode != 0, Job.error.is_not(None))
        .order_by(Job.id)
        .limit(_MAX_ERRORS)
    ):
        errors.setdefault(task_id, []).append(str(error))
    return errors


def _percent(task: Task, children: list[Task]) -> float:
    if children:
        done = sum(child.state is State.TERMINATED for child in children)
        return 100.0 * done / len(children)
    if task.n_jobs:
        return 100.0 * task.n_done / task.n_jobs
    return 100.0 if task.state is State.TERMINATED else 0.0


def _done(job: Job) -> float:
    return 100.0 if job.state is State.TERMINATED else 0.0


def _duration(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _seconds_text(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))


def time_text(moment: datetime | None) -> str | None:
    """A point in time as all lists show it."""
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")
