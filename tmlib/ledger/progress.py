"""How far submissions and their parts are: computed here, whatever shows it.

Reads the tasks, which count their jobs: it takes as long for a submission of a hundred thousand
jobs as for one of ten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.ledger.models import AT_WORK, INTERACTIVE, PHASE, Job, JobStatus, State, Task


@dataclass(frozen=True)
class InWork:
    """Jobs of a task that workers have in hand: how many, and since when the first of them."""

    n_jobs: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Progress:
    """How far a task is, with all that it contains. Counts are of the jobs that are known yet.

    ``done`` jobs have ended, those that were ``skipped`` or ``failed`` included; ``waiting`` ones
    can be taken, or will be as others end. ``per_minute`` is the rate of what is at work since it
    began, and ``seconds_left`` the time that it still needs at this rate, None while none can be
    told. ``ratio`` only grows while the task runs. ``cpu_seconds`` is what all jobs have used
    together, ``memory_mb`` the highest peak of one.
    """

    state: JobStatus
    ratio: float
    jobs: int
    waiting: int
    running: int
    done: int
    skipped: int
    failed: int
    per_minute: float | None
    seconds_left: float | None
    oldest_started_at: datetime | None
    cpu_seconds: float
    memory_mb: int | None


class TaskTree:
    """The tasks of one submission, in the order of their places."""

    def __init__(self, tasks: Sequence[Task], in_work: Mapping[int, InWork]) -> None:
        self._children: dict[int | None, list[Task]] = {}
        for task in sorted(tasks, key=lambda task: task.position):
            self._children.setdefault(task.parent_id, []).append(task)
        self._in_work = in_work

    @property
    def root(self) -> Task:
        """The whole."""
        return self._children[None][0]

    def children(self, task: Task) -> Sequence[Task]:
        """The parts of a task."""
        return self._children.get(task.id, [])

    def within(self, task: Task) -> list[Task]:
        """A task with all that it contains."""
        return [task, *(one for child in self.children(task) for one in self.within(child))]

    def phases(self, task: Task) -> list[Task]:
        """The innermost parts of a task, which have jobs if they were planned already."""
        return [one for one in self.within(task) if not self.children(one)]

    def progress(self, task: Task, moment: datetime) -> Progress:
        """How far a task is."""
        phases = self.phases(task)
        has_ended = task.finished_at is not None
        at_work = [one for one in phases if one.n_jobs and one.state in AT_WORK and not has_ended]
        taken = [self._in_work[one.id] for one in phases if one.id in self._in_work]
        in_hand = sum(one.n_jobs for one in taken)
        rates = [rate for one in at_work if (rate := _per_minute(one, moment)) is not None]
        return Progress(
            state=JobStatus.of(task.state, task.exitcode),
            ratio=self.ratio(task),
            jobs=sum(one.n_jobs for one in phases),
            waiting=max(0, sum(one.n_jobs - one.n_done for one in at_work) - in_hand),
            running=in_hand if at_work else 0,
            done=sum(one.n_done for one in phases),
            skipped=sum(one.n_skipped for one in phases),
            failed=sum(one.n_failed for one in phases),
            per_minute=sum(rates) or None,
            seconds_left=_seconds_left(at_work, moment),
            oldest_started_at=min((one.since for one in taken if one.since), default=None),
            cpu_seconds=sum(one.cpu_time for one in phases),
            memory_mb=max((one.memory or 0 for one in phases), default=0) or None,
        )

    def ratio(self, task: Task) -> float:
        """How much of a task is done, from 0 to 1.

        Parts weigh alike, and so do the jobs in a phase. A task counts the parts that it will
        have, so that the ratio does not fall when they appear.
        """
        if task.state is State.TERMINATED and task.exitcode == 0:
            return 1.0
        parts = self.children(task)
        if task.kind in (PHASE, INTERACTIVE):
            leaves = parts or [task]
            n_jobs = sum(leaf.n_jobs for leaf in leaves)
            return sum(leaf.n_done for leaf in leaves) / n_jobs if n_jobs else 0.0
        n_parts = max(task.n_parts or 0, len(parts))
        return sum(self.ratio(part) for part in parts) / n_parts if n_parts else 0.0


def read(session: Session, submission_ids: Sequence[int]) -> dict[int, TaskTree]:
    """The tasks of submissions, by the numbers of these."""
    tasks: dict[int, list[Task]] = {submission_id: [] for submission_id in submission_ids}
    for task in session.scalars(select(Task).where(Task.submission_id.in_(submission_ids))):
        tasks[task.submission_id].append(task)
    taken = session.execute(
        select(Job.task_id, func.count(), func.min(Job.started_at))
        .where(Job.submission_id.in_(submission_ids), Job.state == State.RUNNING)
        .group_by(Job.task_id)
    )
    in_work = {row[0]: InWork(row[1], row[2]) for row in taken}
    return {submission_id: TaskTree(found, in_work) for submission_id, found in tasks.items()}


def _per_minute(phase: Task, moment: datetime) -> float | None:
    """Jobs of a phase that were done per minute, since it began."""
    n_done = phase.n_done - phase.n_skipped
    if phase.started_at is None or n_done == 0:
        return None
    return 60.0 * n_done / max((moment - phase.started_at).total_seconds(), 1.0)


def _seconds_left(phases: Sequence[Task], moment: datetime) -> float | None:
    """The time that the slowest of the phases at work still needs."""
    left = []
    for phase in phases:
        rate = _per_minute(phase, moment)
        if rate is None:
            return None
        left.append(60.0 * (phase.n_jobs - phase.n_done) / rate)
    return max(left, default=None)
