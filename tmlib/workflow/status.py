"""What users see of a workflow: the status tree, lists of jobs, logs."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, defer

from tmlib.db import clock
from tmlib.errors import BadInput
from tmlib.experiments.ownership import owner
from tmlib.ledger import progress, submissions
from tmlib.ledger.job_status import common, job_status, seconds_text, time_text
from tmlib.ledger.models import FAILED, PHASE, Job, State, Submission, Task
from tmlib.workflow.models import WORKFLOW, TaskKind

_MAX_ERRORS = 20
_MAX_DIGITS = 9


def latest_submission(session: Session, experiment_id: int) -> Submission | None:
    """The workflow of an experiment that was handed in last."""
    return submissions.latest(session, owner(experiment_id), WORKFLOW)


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
    return _StatusTree(session, submission_id).format(depth)


class _StatusTree:
    """The tasks of a submission; jobs are only read as deep as they are shown."""

    def __init__(self, session: Session, submission_id: int) -> None:
        self.session = session
        self.moment = clock.read(session)
        self.tasks = progress.read(session, [submission_id])[submission_id]
        tasks = self.tasks.within(self.tasks.root)
        self.errors = _errors(
            session, [task.id for task in tasks if task.exitcode or task.n_failed]
        )

    def format(self, depth: int) -> dict[str, Any]:
        return self._format(self.tasks.root, depth)

    def _format(self, task: Task, depth: int) -> dict[str, Any]:
        children = self.tasks.children(task)
        found = self.tasks.progress(task, self.moment)
        result = {
            **common(task, task.type, _duration(task.started_at, task.finished_at)),
            "created_at": time_text(task.created_at),
            "updated_at": time_text(task.updated_at),
            "cpu_time": seconds_text(found.cpu_seconds) if found.done else None,
            "memory": found.memory_mb,
            "percent_done": 100.0 * found.ratio,
            "n_subtasks": len(children) or task.n_jobs,
        }
        if task.kind in (TaskKind.STEP, PHASE):
            result["n_jobs"] = found.jobs
            result["n_jobs_done"] = found.done
            result["n_jobs_failed"] = found.failed
            result["n_jobs_skipped"] = found.skipped
        phases = self.tasks.phases(task)
        errors = [error for phase in phases for error in self.errors.get(phase.id, [])]
        if errors:
            result["errors"] = errors[:_MAX_ERRORS]
        result["subtasks"] = self._subtasks(task, children, depth)
        return result

    def _subtasks(self, task: Task, children: Sequence[Task], depth: int) -> list[Any]:
        if children:
            return [self._format(child, depth - 1) if depth > 0 else None for child in children]
        if depth > 0 and task.n_jobs:
            return [
                job_status(job) | {"n_subtasks": 0, "subtasks": [], "percent_done": _done(job)}
                for job in _select_jobs(self.session, [task])
            ]
        return [None] * task.n_jobs


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
    phases = _phases_of_step(session, submission.id, step_name, phase)
    if name is not None:
        return [job_status(job) for job in _named(session, phases, name)]
    if index is not None and batch_size is not None and index < 0:
        index, batch_size = 0, max(0, batch_size + index)
    return [job_status(job) for job in _select_jobs(session, phases, index or 0, batch_size)]


def _phases_of_step(
    session: Session, submission_id: int, step_name: str, phase: str | None
) -> list[Task]:
    """The phases of a step that have jobs, or those of one kind, by name."""
    kinds = ["init", "run", "collect"]
    if phase is not None:
        kinds = [phase.removeprefix(f"{step_name}_")]
    names = [f"{step_name}_{kind}" for kind in kinds]
    phases = session.scalars(
        select(Task).where(Task.submission_id == submission_id, Task.kind == PHASE, Task.n_jobs > 0)
    )
    # what is after a hyphen is the number of a part of the phase
    of_step = [one for one in phases if one.name.partition("-")[0] in names]
    return sorted(of_step, key=lambda one: one.name)


def _select_jobs(
    session: Session, phases: Sequence[Task], offset: int = 0, limit: int | None = None
) -> list[Job]:
    """A page of the jobs of phases.

    The jobs of a phase are numbered from 1, so that the last page is found as fast as the first.
    """
    found: list[Job] = []
    left = sys.maxsize if limit is None else limit
    for phase in phases:
        count = max(0, min(phase.n_jobs - offset, left))
        if count:
            numbers = Job.index.between(offset + 1, offset + count)
            query = _jobs_without_logs().where(Job.task_id == phase.id, numbers)
            found += session.scalars(query.order_by(Job.index))
        left -= count
        offset = max(0, offset - phase.n_jobs)
    return found


def _named(session: Session, phases: Sequence[Task], name: str) -> list[Job]:
    """The job of a name, which tells its phase and its number there."""
    phase_name, _, number = name.rpartition("_")
    ids = [phase.id for phase in phases if phase.name == phase_name]
    if not ids or not number.isdecimal() or len(number) > _MAX_DIGITS:
        return []
    query = _jobs_without_logs().where(
        Job.task_id.in_(ids), Job.index == int(number), Job.name == name
    )
    return list(session.scalars(query))


def _jobs_without_logs() -> Select[Job]:
    large = (Job.batch, Job.stdout, Job.stderr)
    return select(Job).options(*(defer(column, raiseload=True) for column in large))


def _errors(session: Session, task_ids: Sequence[int]) -> dict[int, list[str]]:
    """Why jobs of phases failed, for the first of them."""
    errors: dict[int, list[str]] = {}
    if not task_ids:
        return errors
    for task_id, error in session.execute(
        select(Job.task_id, Job.error)
        .where(Job.task_id.in_(task_ids), FAILED, Job.error.is_not(None))
        .order_by(Job.id)
        .limit(_MAX_ERRORS)
    ):
        errors.setdefault(task_id, []).append(str(error))
    return errors


def _done(job: Job) -> float:
    return 100.0 if job.state is State.TERMINATED else 0.0


def _duration(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()
