"""Results of tools as tables of remarks: who may ask for one, and how that stands.

A job makes the table with all of its rows, or nothing; see `tmlib.annotation.result_jobs`.
"""

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from tmlib.annotation.models import AnnotationTable
from tmlib.annotation.tables import Annotator, Level, check_free
from tmlib.db import Database
from tmlib.errors import BadInput, Conflict
from tmlib.experiments.ownership import owner
from tmlib.ledger import interactive, owners
from tmlib.ledger.models import Job, JobStatus, State, Submission
from tmlib.ledger.queue import Queue
from tmlib.storage import ExperimentStorage
from tmlib.tools import labels
from tmlib.tools.models import ToolResult
from tmlib.tools.service import get_result

PROGRAM = "annotation_result"


@dataclass(frozen=True, kw_only=True)
class NewResultTable:
    """What the table of a result is to be.

    Attributes
    ----------
    name
        Of the table; see `tmlib.annotation.tables.NewTable`, also for permissions.
    description
        For people.
    tpoint
        Of which time point the labels are; needed where a result has several.
    read_permission, write_permission
        Who may use the rows, of those who may use the experiment.
    """

    name: str
    description: str = ""
    tpoint: int | None = None
    read_permission: Level = "PUBLIC"
    write_permission: Level = "PRIVATE"


@dataclass(frozen=True)
class ResultTable:
    """How the making of a table stands.

    Attributes
    ----------
    submission_id
        Number of the request.
    name
        Of the table.
    state, percent_done
        Of the job.
    error
        Why it failed, if it did: there is no table then.
    n_rows
        How many rows it has; None before it is there.
    """

    submission_id: int
    name: str
    state: JobStatus
    percent_done: float
    error: str | None
    n_rows: int | None


def start(
    database: Database,
    queue: Queue,
    storage: ExperimentStorage,
    who: Annotator,
    result_id: int,
    wanted: NewResultTable,
) -> int:
    """Let a job make a table of the labels of a result.

    Returns
    -------
    int
        Number of the submission.

    Raises
    ------
    NotFound
        If there is no such result.
    BadInput
        If the name cannot be used, or the result has no labels of the time point.
    Conflict
        If there is, was, or is about to be a table of this name.
    """
    with database.session() as session:
        result = get_result(session, storage.experiment_id, result_id)
        check_free(session, storage.experiment_id, wanted.name)
        _check_tpoint(storage, result, wanted.tpoint)
        for other, job in _requests(session, storage.experiment_id):
            if other.description["name"] == wanted.name and job.state is not State.TERMINATED:
                raise Conflict(f"Table {wanted.name} is being made already: wait for it.")
    return interactive.submit(
        database,
        queue,
        owner(storage.experiment_id),
        who.user_id,
        program=PROGRAM,
        job_type="AnnotationTable",
        description={"result_id": result_id, "is_admin": who.is_admin, **asdict(wanted)},
        jobs={PROGRAM: {}},
    )


def list_tables(session: Session, experiment_id: int, result_id: int) -> list[ResultTable]:
    """The tables that were asked for of a result, the first one first.

    Raises
    ------
    NotFound
        If there is no such result.
    """
    get_result(session, experiment_id, result_id)
    found = [
        (submission, job)
        for submission, job in _requests(session, experiment_id)
        if submission.description["result_id"] == result_id
    ]
    names = [submission.description["name"] for submission, _ in found]
    query = select(AnnotationTable.name, AnnotationTable.n_rows).where(
        AnnotationTable.experiment_id == experiment_id, AnnotationTable.name.in_(names)
    )
    n_rows = dict(session.execute(query).all())
    return [_status(submission, job, n_rows) for submission, job in found]


def _status(submission: Submission, job: Job, n_rows: dict[str, int]) -> ResultTable:
    state = JobStatus.of(job.state, job.exitcode)
    name: str = submission.description["name"]
    return ResultTable(
        submission.id,
        name,
        state,
        interactive.percent_done(job),
        job.error,
        n_rows.get(name) if state is JobStatus.DONE else None,
    )


def _requests(session: Session, experiment_id: int) -> list[Any]:
    query = (
        select(Submission, Job)
        .join(Job, Job.submission_id == Submission.id)
        .where(owners.of(Submission, owner(experiment_id)), Submission.program == PROGRAM)
        .order_by(Submission.id)
    )
    return list(session.execute(query).all())


def _check_tpoint(storage: ExperimentStorage, result: ToolResult, tpoint: int | None) -> None:
    there = labels.tpoints_of(storage.root / result.path)
    if not there:
        raise BadInput(f'The result "{result.name}" has no labels: there is nothing to save.')
    known = ", ".join(map(str, there))
    if tpoint is None and len(there) > 1:
        raise BadInput(
            f'The result "{result.name}" has labels at the time points {known}, and a table has '
            'one for each object: say "tpoint".'
        )
    if tpoint is not None and tpoint not in there:
        raise BadInput(
            f'The result "{result.name}" has no labels at time point {tpoint}: use one of {known}.'
        )
