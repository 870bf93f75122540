"""What operators see of the whole installation: queues, hosts and jobs.

Reads only what indexes lead to, or what tasks have counted: it takes as long for a ledger of a
hundred thousand jobs as for one of ten.
"""

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Row, Select, and_, func, not_, or_, select
from sqlalchemy.orm import Session, aliased

from tmlib.db import revision
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger.engine import EXIT_KILLED
from tmlib.ledger.models import AT_WORK, FAILED, DrainedHost, Job, State, Task, TaskKind, WorkerPool
from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.ledger.worker_pools import SILENT_SECONDS

_MOST_SEARCHED = 1000


class Standing(enum.StrEnum):
    """Where a job or workflow stands, with what came of it when it has ended."""

    NEW = "new"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"

    @classmethod
    def of(cls, state: State, exitcode: int | None) -> "Standing":
        """The standing of a row of the ledger."""
        if state is State.TERMINATED:
            return {0: cls.DONE, EXIT_KILLED: cls.KILLED}.get(exitcode or 0, cls.FAILED)
        return {State.NEW: cls.NEW, State.SUBMITTED: cls.WAITING}.get(state, cls.RUNNING)


@dataclass(frozen=True)
class QueueLoad:
    """Jobs that a queue's workers have before them and in hand."""

    name: str
    waiting: int
    running: int


class HostState(enum.StrEnum):
    """What a host does: with jobs, without any, with its last ones, with none to come, nothing.

    One that is outdated has workers of another version of the product, which take no jobs.
    """

    WORKING = "working"
    IDLE = "idle"
    DRAINING = "draining"
    DRAINED = "drained"
    SILENT = "silent"
    OUTDATED = "outdated"


@dataclass(frozen=True)
class HostLoad:
    """The worker processes of a host, and jobs that they hold a lease for.

    ``processes`` are those of all its pools that tell of themselves, ``workers`` those that hold
    leases. ``overdue`` counts leases that have ended without a heartbeat: their workers are gone
    or stand still, and others will take the jobs over.
    """

    name: str
    workers: int
    running: int
    overdue: int
    processes: int = 0
    state: HostState = HostState.WORKING


@dataclass(frozen=True)
class JobLine:
    """One job in a list. ``seconds`` is how long it took, or has been running.

    ``reason`` says why it is done and not ``skipped``, since something has changed.
    """

    id: int
    experiment_id: int
    experiment: str
    submission_id: int
    step: str
    name: str
    state: Standing
    attempt: int
    host: str | None
    worker: str | None
    started_at: datetime | None
    finished_at: datetime | None
    seconds: float | None
    memory_mb: int | None
    skipped: bool
    reason: str | None
    error: str | None


def queue_loads(session: Session) -> list[QueueLoad]:
    """How much each queue has before it, as the ledger knows it."""
    is_interactive = Task.kind == TaskKind.INTERACTIVE
    left = session.execute(
        select(is_interactive, func.sum(Task.n_jobs - Task.n_done))
        .where(Task.state.in_(AT_WORK), Task.n_jobs > 0)
        .group_by(is_interactive)
    )
    unfinished = {bool(row[0]): int(row[1]) for row in left}
    taken = session.execute(
        select(Job.is_interactive, func.count())
        .where(Job.state == State.RUNNING)
        .group_by(Job.is_interactive)
    )
    running = {bool(row[0]): int(row[1]) for row in taken}
    loads = []
    for name, flag in ((JOB_QUEUE, False), (INTERACTIVE_QUEUE, True)):
        in_hand = running.get(flag, 0)
        loads.append(QueueLoad(name, max(0, unfinished.get(flag, 0) - in_hand), in_hand))
    return loads


def host_loads(session: Session, moment: datetime) -> list[HostLoad]:
    """The hosts that have workers, drained ones included, by name."""
    leases = session.execute(
        select(
            Job.host,
            func.count(Job.worker.distinct()),
            func.count(),
            func.count().filter(Job.lease_expires_at < moment),
        )
        .where(Job.state == State.RUNNING)
        .group_by(Job.host)
    )
    held: dict[str, tuple[int, int, int]] = {row[0] or "": (*row[1:],) for row in leases}
    pools: dict[str, list[WorkerPool]] = {}
    for pool in session.scalars(select(WorkerPool)):
        pools.setdefault(pool.host, []).append(pool)
    drained = set(session.scalars(select(DrainedHost.host)))
    return [
        _host_load(
            name, held.get(name, (0, 0, 0)), pools.get(name, []), moment, is_drained=name in drained
        )
        for name in sorted({*held, *pools, *drained})
    ]


def _host_load(
    name: str,
    held: tuple[int, int, int],
    pools: Sequence[WorkerPool],
    moment: datetime,
    *,
    is_drained: bool,
) -> HostLoad:
    workers, running, overdue = held
    heard = moment - timedelta(seconds=SILENT_SECONDS)
    alive = [pool for pool in pools if pool.seen_at > heard]
    if any(pool.revision != revision.needed() for pool in alive):
        state = HostState.OUTDATED
    elif is_drained or (alive and all(pool.is_draining for pool in alive)):
        # a pool obeys a few seconds after it was told
        has_stopped = not running and all(pool.is_draining for pool in alive)
        state = HostState.DRAINED if has_stopped else HostState.DRAINING
    elif running:
        state = HostState.WORKING
    else:
        state = HostState.IDLE if alive else HostState.SILENT
    processes = sum(pool.processes for pool in alive)
    return HostLoad(name, workers, running, overdue, processes, state)


def find_jobs(
    session: Session,
    moment: datetime,
    *,
    experiment_ids: Iterable[int] | None = None,
    submission_ids: Iterable[int] | None = None,
    state: Standing | None = None,
    step: str | None = None,
    text: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[JobLine]:
    """Jobs of workflows and tools, the latest first.

    Parameters
    ----------
    session, moment
        To read with; the present.
    experiment_ids, submission_ids
        Only jobs of these.
    state
        Only jobs that stand like this.
    step
        Only jobs of this step, or of the program of this name.
    text
        Only jobs that failed and have this in their reason or in what they printed, of the
        thousand that failed last.
    before
        Only jobs with a lower number: those that follow the last one of a page.
    limit
        Number of jobs at most.

    Raises
    ------
    BadInput
        If others than jobs that failed are to be searched.
    """
    conditions: list[ColumnElement[bool]] = []
    if experiment_ids is not None:
        conditions.append(Job.experiment_id.in_(list(experiment_ids)))
    if submission_ids is not None:
        conditions.append(Job.submission_id.in_(list(submission_ids)))
    if step is not None:
        conditions.append(Job.step_name == step)
    if text is not None:
        if state not in (None, Standing.FAILED):
            raise BadInput("Only jobs that failed can be searched for a text.")
        state = Standing.FAILED
    if state is not None:
        conditions.append(_stands(state))
    if text is not None:
        conditions = [Job.id.in_(_latest_with(text, conditions))]
    if before is not None:
        conditions.append(Job.id < before)
    return _job_lines(session, moment, conditions, limit)


def _latest_with(text: str, conditions: Sequence[ColumnElement[bool]]) -> Select[tuple[int]]:
    """Ids of the latest jobs that meet conditions and have a text in their reason or log."""
    latest = (
        select(Job.id, Job.error, Job.stdout, Job.stderr)
        .where(*conditions)
        .order_by(Job.id.desc())
        .limit(_MOST_SEARCHED)
        .subquery()
    )
    columns = (latest.c.error, latest.c.stdout, latest.c.stderr)
    return select(latest.c.id).where(
        or_(*(column.icontains(text, autoescape=True) for column in columns))
    )


def get_job(session: Session, moment: datetime, job_id: int) -> JobLine:
    """One job.

    Raises
    ------
    NotFound
        If there is none of this number.
    """
    found = _job_lines(session, moment, [Job.id == job_id], 1)
    if not found:
        raise NotFound(f"There is no job {job_id}: `tm jobs` lists those that there are.")
    return found[0]


def _job_lines(
    session: Session, moment: datetime, conditions: Sequence[ColumnElement[bool]], limit: int
) -> list[JobLine]:
    rows = session.execute(
        select(
            Task.state.in_(AT_WORK).label("can_run"),
            *(Job.id, Job.experiment_id, Experiment.name.label("experiment"), Job.submission_id),
            *(Job.step_name, Job.name, Job.state, Job.exitcode, Job.attempt, Job.host, Job.worker),
            *(Job.started_at, Job.finished_at, Job.wall_time, Job.memory, Job.error),
            *(Job.skipped, Job.reason),
        )
        .join(Experiment, Experiment.id == Job.experiment_id)
        .join(Task, Task.id == Job.task_id)
        .where(*conditions, Experiment.deletion_due.is_(None))
        .order_by(Job.id.desc())
        .limit(limit)
    )
    return [_job_line(row, moment) for row in rows]


def _job_line(row: Row[*tuple[object, ...]], moment: datetime) -> JobLine:
    standing = Standing.of(row.state, row.exitcode)
    if standing is Standing.NEW and row.can_run:
        standing = Standing.WAITING
    seconds = row.wall_time
    if standing is Standing.RUNNING and row.started_at is not None:
        seconds = (moment - row.started_at).total_seconds()
    return JobLine(
        id=row.id,
        experiment_id=row.experiment_id,
        experiment=row.experiment,
        submission_id=row.submission_id,
        step=row.step_name,
        name=row.name,
        state=standing,
        attempt=row.attempt,
        host=row.host,
        worker=row.worker,
        started_at=row.started_at,
        finished_at=row.finished_at,
        seconds=seconds,
        memory_mb=row.memory,
        skipped=row.skipped,
        reason=row.reason,
        error=row.error,
    )


def _stands(standing: Standing) -> ColumnElement[bool]:
    """The condition for jobs that stand like this."""
    ended = Job.state == State.TERMINATED
    if standing is Standing.DONE:
        return and_(ended, Job.exitcode == 0)
    if standing is Standing.KILLED:
        return and_(ended, Job.exitcode == EXIT_KILLED)
    task = aliased(Task)
    if standing is Standing.FAILED:
        # few jobs have to be looked at to find them: they have an index for each task
        failed = select(task.id).where(task.n_failed > 0)
        return and_(ended, FAILED, Job.exitcode != EXIT_KILLED, Job.task_id.in_(failed))
    # most of the jobs that could run are new, and are handed out as others end
    can_run = Job.task_id.in_(select(task.id).where(task.state.in_(AT_WORK)))
    if standing is Standing.NEW:
        return and_(Job.state == State.NEW, not_(can_run))
    if standing is Standing.WAITING:
        return or_(Job.state == State.SUBMITTED, and_(Job.state == State.NEW, can_run))
    return Job.state.in_((State.RUNNING, State.TERMINATING, State.STOPPED, State.UNKNOWN))
