"""What jobs have printed, as attachments of the processings that they are parts of."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from tmlib.errors import NotFound
from tmlib.facility import jobs, pages
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer
from tmlib.ledger.models import Job, Submission, Task

_HAS_PRINTED = or_(Job.stdout != "", Job.stderr != "")
_PHASE = aliased(Task, name="phase")


class Log(NamedTuple):
    """What a job has printed; its number is that of the job."""

    id: int
    processing_id: int
    job: str

    @property
    def file_name(self) -> str:
        """Name of the file with it."""
        return f"{self.job}.log"


def list_logs(
    session: Session,
    viewer: Viewer,
    window: Window,
    *,
    processing_id: int | None = None,
    log_id: int | None = None,
) -> Page[Log]:
    """Logs of the jobs that somebody sees, in the order in which the jobs were handed in."""
    query = _visible(viewer, Job.id, Job.submission_id, Job.name)
    if processing_id is not None:
        query = query.where(Job.submission_id == processing_id)
    if log_id is not None:
        query = query.where(Job.id == log_id)
    found = pages.read(session, query.order_by(Job.id), window)
    return Page([Log(*row) for row in found.rows], found.total)


def read_log(session: Session, viewer: Viewer, log_id: int) -> tuple[Log, str]:
    """The log of a job that somebody sees, and what is in it.

    Raises
    ------
    NotFound
        If there is none, or it is hidden.
    """
    columns = (Job.id, Job.submission_id, Job.name, Job.stdout, Job.stderr)
    row = session.execute(_visible(viewer, *columns).where(Job.id == log_id)).first()
    if row is None:
        raise NotFound("Autoproc program attachment not found")
    *log, stdout, stderr = row
    return Log(*log), "\n".join(text for text in (stdout, stderr) if text)


def find_step_logs(session: Session, viewer: Viewer, step_id: int) -> list[int]:
    """Numbers of the logs of the jobs of a step, in the order in which these were handed in.

    Raises
    ------
    NotFound
        If there are none, or they are hidden.
    """
    query = _of_steps(_visible(viewer, Job.id)).where(_PHASE.parent_id == step_id)
    found = list(session.scalars(query.order_by(Job.id)))
    if not found:
        raise NotFound("Workflow step attachment not found")
    return found


def read_logs(session: Session, log_ids: Sequence[int]) -> str:
    """What jobs have printed, each below its name."""
    query = select(Job.name, Job.stdout, Job.stderr).where(Job.id.in_(log_ids)).order_by(Job.id)
    return "".join(
        "\n".join([f"== {name} ==", *(text.rstrip("\n") for text in printed if text), ""])
        for name, *printed in session.execute(query)
    )


def steps_with_logs(session: Session, step_ids: Sequence[int]) -> set[int]:
    """Which steps have jobs that have printed something."""
    query = _of_steps(select(_PHASE.parent_id).select_from(Job))
    found = session.scalars(query.where(_HAS_PRINTED, _PHASE.parent_id.in_(step_ids)).distinct())
    return {number for number in found if number is not None}


def count_logs(session: Session, processing_ids: Sequence[int]) -> dict[int, int]:
    """Numbers of logs by the processings that have some."""
    query = (
        select(Job.submission_id, func.count())
        .where(Job.submission_id.in_(processing_ids), _HAS_PRINTED)
        .group_by(Job.submission_id)
    )
    return pages.by_number(session, query)


def _of_steps(query: Query) -> Query:
    """A query of jobs, joined with the phases of steps that they are of."""
    return query.join(_PHASE, _PHASE.id == Job.task_id)


def _visible(viewer: Viewer, *columns: Any) -> Query:
    query = jobs.visible(viewer, *columns)
    return query.join(Job, Job.submission_id == Submission.id).where(_HAS_PRINTED)
