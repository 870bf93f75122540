"""How far the workflows of all experiments are, for operators.

Reads the tasks, which count their jobs: it takes as long for a workflow of a hundred thousand jobs
as for one of ten.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Row, func, or_, select
from sqlalchemy.orm import Session

from tmlib.experiments.models import Experiment
from tmlib.ledger.completion import done_ratio
from tmlib.ledger.models import AT_WORK, WORKFLOW, Job, State, Submission, Task, TaskKind
from tmlib.ledger.overview import Standing


@dataclass(frozen=True)
class StepUse:
    """What the jobs of a step have used: seconds of CPU together, and the highest peak in MB."""

    name: str
    done: int
    cpu_seconds: float
    memory_mb: int | None


@dataclass(frozen=True)
class Progress:
    """The latest workflow of an experiment. Counts are of jobs, rates of jobs per minute.

    ``skipped`` counts those of ``done`` whose results stood already. ``steps`` are those at work;
    ``per_minute`` is their rate since they began, and ``seconds_left`` the time that they still
    need at this rate, None while none can be told. ``uses`` has the steps that have begun.
    """

    experiment_id: int
    experiment: str
    submission_id: int
    state: Standing
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


def workflows(
    session: Session,
    moment: datetime,
    *,
    ended_after: datetime | None = None,
    experiment_id: int | None = None,
) -> list[Progress]:
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
    latest = (
        select(func.max(Submission.id))
        .where(Submission.program == WORKFLOW)
        .group_by(Submission.experiment_id)
    )
    if experiment_id is not None:
        latest = latest.where(Submission.experiment_id == experiment_id)
    query = (
        select(
            Experiment.id.label("experiment_id"),
            Experiment.name,
            Task.submission_id,
            Task.id,
            Task.state,
            Task.exitcode,
            Task.created_at,
            Task.finished_at,
        )
        .join(Submission, Submission.id == Task.submission_id)
        .join(Experiment, Experiment.id == Submission.experiment_id)
        .where(
            Task.submission_id.in_(latest),
            Task.kind == TaskKind.WORKFLOW,
            Experiment.deletion_due.is_(None),
        )
    )
    if ended_after is not None:
        query = query.where(or_(Task.finished_at.is_(None), Task.finished_at > ended_after))
    roots = session.execute(query).all()
    trees = _trees(session, [root.submission_id for root in roots])
    taken = session.execute(
        select(Job.submission_id, func.count())
        .where(Job.state == State.RUNNING)
        .group_by(Job.submission_id)
    )
    running: dict[int, int] = {row[0]: row[1] for row in taken}
    found = [
        _progress(root, trees[root.submission_id], running.get(root.submission_id, 0), moment)
        for root in roots
    ]
    return sorted(found, key=_order)


def _order(progress: Progress) -> tuple[bool, float]:
    """What is at work comes first, as it was submitted; then what ended last."""
    if progress.finished_at is None:
        return False, progress.submission_id
    return True, -progress.finished_at.timestamp()


Tree = dict[int | None, list[Task]]
"""Tasks of a submission, by their parents."""


def _trees(session: Session, submission_ids: Sequence[int]) -> dict[int, Tree]:
    """The tasks of submissions, by submission and parent."""
    trees: dict[int, Tree] = {submission_id: {} for submission_id in submission_ids}
    for task in session.scalars(select(Task).where(Task.submission_id.in_(submission_ids))):
        trees[task.submission_id].setdefault(task.parent_id, []).append(task)
    return trees


def _progress(
    root: Row[*tuple[object, ...]], tree: Tree, running: int, moment: datetime
) -> Progress:
    tasks = [task for siblings in tree.values() for task in siblings]
    state = Standing.of(root.state, root.exitcode)
    has_ended = root.finished_at is not None
    at_work = [task for task in tasks if task.state in AT_WORK and not has_ended]
    phases = [task for task in at_work if task.n_jobs]
    waiting = sum(task.n_jobs - task.n_done for task in phases) - running
    rate = sum(rate for phase in phases if (rate := per_minute(phase, moment)) is not None)
    steps = [task.name for task in at_work if task.kind is TaskKind.STEP]
    return Progress(
        experiment_id=root.experiment_id,
        experiment=root.name,
        submission_id=root.submission_id,
        state=state,
        steps=tuple(steps),
        percent_done=100.0 * done_ratio(tree[None][0], tree),
        waiting=max(0, waiting),
        running=0 if has_ended else running,
        done=sum(task.n_done - task.n_failed for task in tasks),
        failed=sum(task.n_failed for task in tasks),
        skipped=sum(task.n_skipped for task in tasks),
        per_minute=rate or None,
        seconds_left=seconds_left(phases, moment),
        submitted_at=root.created_at,
        finished_at=root.finished_at,
        uses=tuple(
            _use(task, tree) for task in tasks if task.kind is TaskKind.STEP and task.started_at
        ),
    )


def phases_of(task: Task, tree: Tree) -> Iterator[Task]:
    """The phases in a task that have jobs themselves."""
    parts = tree.get(task.id, [])
    for part in parts:
        yield from phases_of(part, tree)
    if not parts and task.n_jobs:
        yield task


def _use(step: Task, tree: Tree) -> StepUse:
    phases = list(phases_of(step, tree))
    return StepUse(
        name=step.name,
        done=sum(phase.n_done for phase in phases),
        cpu_seconds=sum(phase.cpu_time for phase in phases),
        memory_mb=max((phase.memory or 0 for phase in phases), default=0) or None,
    )


def per_minute(phase: Task, moment: datetime) -> float | None:
    """Jobs of a phase that were done per minute, since it began."""
    n_done = phase.n_done - phase.n_skipped
    if phase.started_at is None or n_done == 0:
        return None
    return 60.0 * n_done / max((moment - phase.started_at).total_seconds(), 1.0)


def seconds_left(phases: Sequence[Task], moment: datetime) -> float | None:
    """The time that the slowest of the phases at work still needs."""
    left = []
    for phase in phases:
        rate = per_minute(phase, moment)
        if rate is None:
            return None
        left.append(60.0 * (phase.n_jobs - phase.n_done) / rate)
    return max(left, default=None)
