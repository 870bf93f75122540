"""Jobs of the whole installation, a page at a time.

Reads only what indexes lead to: it takes as long for a ledger of a hundred thousand jobs as for
one of ten.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Row, Select, and_, not_, or_, select
from sqlalchemy.orm import Session, aliased

from tmlib.db import texts
from tmlib.errors import BadInput, NotFound
from tmlib.ledger.models import AT_WORK, EXIT_KILLED, FAILED, Job, JobStatus, State, Task
from tmlib.ledger.owners import Owner, of_any
from tmlib.ledger.owners import name as name_of_owner

_MOST_SEARCHED = 1000


@dataclass(frozen=True)
class JobLine:
    """One job in a list. ``seconds`` is how long it took, or has been running.

    ``reason`` says why it is done and not ``skipped``, since something has changed.
    """

    id: int
    owner: Owner
    owner_name: str
    submission_id: int
    step: str
    name: str
    state: JobStatus
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


def find_jobs(
    session: Session,
    moment: datetime,
    *,
    owners: Iterable[Owner] | None = None,
    owner_kind: str | None = None,
    submission_ids: Iterable[int] | None = None,
    state: JobStatus | None = None,
    step: str | None = None,
    without: Collection[str] = (),
    text: str | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[JobLine]:
    """Jobs of all programs, the latest first.

    Parameters
    ----------
    session, moment
        To read with; the present.
    owners, owner_kind, submission_ids
        Only jobs of these.
    state
        Only jobs with this status.
    step
        Only jobs of this step, or of the program of this name.
    without
        No jobs of these steps and programs.
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
    if owners is not None:
        conditions.append(of_any(Job, owners))
    if owner_kind is not None:
        # most are of the same kind: SQLite would use an index, only to sort all that it finds
        conditions.append(Job.owner_kind.concat("") == owner_kind)
    if submission_ids is not None:
        conditions.append(Job.submission_id.in_(list(submission_ids)))
    if step is not None:
        conditions.append(Job.step_name == step)
    if without:
        conditions.append(Job.step_name.not_in(without))
    if text is not None:
        if state not in (None, JobStatus.FAILED):
            raise BadInput("Only jobs that failed can be searched for a text.")
        state = JobStatus.FAILED
    if state is not None:
        conditions.append(_has(state))
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
    return select(latest.c.id).where(or_(*(texts.contains(column, text) for column in columns)))


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
    owner_name = name_of_owner(Job)
    rows = session.execute(
        select(
            Task.state.in_(AT_WORK).label("can_run"),
            *(Job.id, Job.owner_kind, Job.owner_id, owner_name.label("owner_name")),
            Job.submission_id,
            *(Job.step_name, Job.name, Job.state, Job.exitcode, Job.attempt, Job.host, Job.worker),
            *(Job.started_at, Job.finished_at, Job.wall_time, Job.memory, Job.error),
            *(Job.skipped, Job.reason),
        )
        .join(Task, Task.id == Job.task_id)
        .where(*conditions, owner_name.is_not(None))
        .order_by(Job.id.desc())
        .limit(limit)
    )
    return [_job_line(row, moment) for row in rows]


def _job_line(row: Row[*tuple[object, ...]], moment: datetime) -> JobLine:
    status = JobStatus.of(row.state, row.exitcode)
    if status is JobStatus.NEW and row.can_run:
        status = JobStatus.WAITING
    seconds = row.wall_time
    if status is JobStatus.RUNNING and row.started_at is not None:
        seconds = (moment - row.started_at).total_seconds()
    return JobLine(
        id=row.id,
        owner=Owner(row.owner_kind, row.owner_id),
        owner_name=row.owner_name,
        submission_id=row.submission_id,
        step=row.step_name,
        name=row.name,
        state=status,
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


def _has(status: JobStatus) -> ColumnElement[bool]:
    """The condition for jobs of a status."""
    ended = Job.state == State.TERMINATED
    if status is JobStatus.DONE:
        return and_(ended, Job.exitcode == 0)
    if status is JobStatus.KILLED:
        return and_(ended, Job.exitcode == EXIT_KILLED)
    task = aliased(Task)
    if status is JobStatus.FAILED:
        # few jobs have to be looked at to find them: they have an index for each task
        failed = select(task.id).where(task.n_failed > 0)
        return and_(ended, FAILED, Job.exitcode != EXIT_KILLED, Job.task_id.in_(failed))
    # most of the jobs that could run are new, and are handed out as others end
    can_run = Job.task_id.in_(select(task.id).where(task.state.in_(AT_WORK)))
    if status is JobStatus.NEW:
        return and_(Job.state == State.NEW, not_(can_run))
    if status is JobStatus.WAITING:
        return or_(Job.state == State.SUBMITTED, and_(Job.state == State.NEW, can_run))
    return Job.state.in_((State.RUNNING, State.TERMINATING, State.STOPPED, State.UNKNOWN))
