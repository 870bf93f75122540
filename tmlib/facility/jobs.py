"""Processing jobs: what was handed in for the experiments of a proposal, workflows and tools."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from tmlib.experiments.models import Acquisition, Experiment
from tmlib.experiments.ownership import EXPERIMENT
from tmlib.facility import pages
from tmlib.facility.models import Proposal, ProposalExperiment
from tmlib.facility.pages import Page, Query, Window
from tmlib.facility.visibility import Viewer, in_shown_experiments
from tmlib.ledger.models import FAILED, Job, JobStatus, State, Submission, Task
from tmlib.tools.jobs import PROGRAM as TOOL
from tmlib.workflow.models import WORKFLOW

WHOLE = aliased(Task, name="whole")
"""The task that is the whole of a submission."""

_PROGRAMS = (WORKFLOW, TOOL)  # previews of pipelines are for those who make them

_WORDS = {JobStatus.DONE: "SUCCESS", JobStatus.FAILED: "FAILED", JobStatus.KILLED: "ABORTED"}
_CODES = {"SUCCESS": 1, "FAILED": 0, "ABORTED": 0}


class Processing(NamedTuple):
    """Something that was handed in for an experiment."""

    id: int
    program: str
    experiment_id: int
    experiment: str
    proposal_id: int
    proposal: str
    status: JobStatus
    submitted_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def word(self) -> str:
        """Its state in one word: ``SUCCESS``, ``FAILED``, ``ABORTED`` or ``RUNNING``."""
        return _WORDS.get(self.status, "RUNNING")

    @property
    def code(self) -> int | None:
        """1 if it went well, 0 if it did not, None before its end."""
        return _CODES.get(self.word)


class Message(NamedTuple):
    """Why a job of a processing failed."""

    id: int
    processing_id: int
    name: str
    error: str
    at: datetime


class Step(NamedTuple):
    """A step of a workflow that was handed in."""

    id: int
    processing_id: int
    name: str
    status: str


def visible(viewer: Viewer, *columns: Any) -> Query:
    """A query of columns for the processings that somebody sees."""
    query = (
        select(*columns)
        .select_from(Submission)
        .join(WHOLE, (WHOLE.submission_id == Submission.id) & WHOLE.parent_id.is_(None))
        .join(Experiment, Experiment.id == Submission.owner_id)
        .where(Submission.owner_kind == EXPERIMENT, Submission.program.in_(_PROGRAMS))
    )
    shown = in_shown_experiments(query, viewer)
    return shown.join(Proposal, Proposal.id == ProposalExperiment.proposal_id)


def has_ended(experiment_id: InstrumentedAttribute[int], *, well: bool) -> ColumnElement[bool]:
    """Whether something that was handed in for an experiment has ended well, or with errors."""
    return exists(
        select(1)
        .select_from(Submission)
        .join(WHOLE, (WHOLE.submission_id == Submission.id) & WHOLE.parent_id.is_(None))
        .where(
            Submission.owner_kind == EXPERIMENT,
            Submission.owner_id == experiment_id,
            Submission.program == WORKFLOW,
            _ended(well=well),
        )
    )


def _ended(*, well: bool) -> ColumnElement[bool]:
    has_result = WHOLE.exitcode == 0 if well else WHOLE.exitcode != 0
    return (WHOLE.state == State.TERMINATED) & has_result


def ended(status: str) -> ColumnElement[bool]:
    """Whether a processing has ended, with ``success`` or as ``failed``."""
    return _ended(well=status == "success")


def describe(session: Session, viewer: Viewer, *which: ColumnElement[bool]) -> list[Processing]:
    """The processings that somebody sees and that fulfil conditions, the latest first."""
    query = _described(viewer).where(*which).order_by(Submission.id.desc())
    return [_processing(row) for row in session.execute(query)]


def list_processings(
    session: Session, viewer: Viewer, window: Window, *, collection_id: int | None = None
) -> Page[Processing]:
    """The processings that somebody sees, or those of a data collection, the latest first."""
    query = _described(viewer).order_by(Submission.id.desc())
    if collection_id is not None:
        query = query.where(_is_for(collection_id))
    found = pages.read(session, query, window)
    return Page([_processing(row) for row in found.rows], found.total)


def of_collections(
    session: Session, viewer: Viewer, collection_ids: Sequence[int]
) -> dict[int, list[Processing]]:
    """Processings by the numbers of the data collections that they are for."""
    query = select(Acquisition.id, Acquisition.experiment_id)
    rows = session.execute(query.where(Acquisition.id.in_(collection_ids))).all()
    in_experiments = Submission.owner_id.in_({experiment_id for _, experiment_id in rows})
    by_experiment: dict[int, list[Processing]] = {}
    for processing in describe(session, viewer, in_experiments):
        by_experiment.setdefault(processing.experiment_id, []).append(processing)
    return {
        number: by_experiment[experiment_id]
        for number, experiment_id in rows
        if experiment_id in by_experiment
    }


def count_errors(session: Session, processing_ids: Sequence[int]) -> dict[int, int]:
    """Numbers of jobs that failed, by processings that have some; tasks have counted them."""
    query = (
        select(Task.submission_id, func.sum(Task.n_failed))
        .where(Task.submission_id.in_(processing_ids), Task.n_failed > 0)
        .group_by(Task.submission_id)
    )
    return {number: int(count) for number, count in session.execute(query)}


def list_messages(
    session: Session,
    viewer: Viewer,
    window: Window,
    *,
    message_id: int | None = None,
    collection_id: int | None = None,
) -> Page[Message]:
    """Why jobs failed, in the order in which they were handed in."""
    at = func.coalesce(Job.finished_at, Submission.created_at)
    columns = (Job.id, Job.submission_id, Job.name, func.coalesce(Job.error, ""), at)
    query = visible(viewer, *columns).join(Job, Job.submission_id == Submission.id)
    query = query.where(FAILED)
    if message_id is not None:
        query = query.where(Job.id == message_id)
    if collection_id is not None:
        query = query.where(_is_for(collection_id))
    found = pages.read(session, query.order_by(Job.id), window)
    return Page([Message(*row) for row in found.rows], found.total)


def count_reasons(
    session: Session, viewer: Viewer, limit: int, *which: ColumnElement[bool]
) -> dict[str, int]:
    """Why jobs failed and how often, or their names where no reason is known: the most frequent."""
    reason = func.coalesce(func.nullif(Job.error, ""), Job.name)
    query = (
        visible(viewer, reason, func.count())
        .join(Job, Job.submission_id == Submission.id)
        .where(FAILED, *which)
        .group_by(reason)
        .order_by(func.count().desc(), reason)
        .limit(limit)
    )
    return {row[0]: row[1] for row in session.execute(query)}


def list_steps(
    session: Session,
    viewer: Viewer,
    window: Window,
    *,
    processing_id: int | None = None,
    step_id: int | None = None,
) -> Page[Step]:
    """Steps of workflows, in the order in which they are done."""
    step = aliased(Task, name="step")
    columns = (step.id, step.submission_id, step.name, step.state, step.exitcode)
    query = visible(viewer, *columns).join(step, step.submission_id == Submission.id)
    query = query.where(step.kind == "step")
    if processing_id is not None:
        query = query.where(Submission.id == processing_id)
    if step_id is not None:
        query = query.where(step.id == step_id)
    found = pages.read(session, query.order_by(step.id), window)
    steps = [
        Step(number, of, name, _WORDS.get(JobStatus.of(state, exitcode), "RUNNING"))
        for number, of, name, state, exitcode in found.rows
    ]
    return Page(steps, found.total)


def _is_for(collection_id: int) -> ColumnElement[bool]:
    of_collection = select(Acquisition.experiment_id).where(Acquisition.id == collection_id)
    return Submission.owner_id.in_(of_collection)


def _described(viewer: Viewer) -> Query:
    return visible(
        viewer,
        Submission.id,
        Submission.program,
        Experiment.id,
        Experiment.name,
        Proposal.id,
        Proposal.name,
        WHOLE.state,
        WHOLE.exitcode,
        Submission.created_at,
        WHOLE.started_at,
        WHOLE.finished_at,
    )


def _processing(row: Any) -> Processing:
    number, program, experiment_id, experiment, proposal_id, proposal, *rest = row
    state, exitcode, submitted_at, started_at, finished_at = rest
    return Processing(
        id=number,
        program=program,
        experiment_id=experiment_id,
        experiment=experiment,
        proposal_id=proposal_id,
        proposal=proposal,
        status=JobStatus.of(state, exitcode),
        submitted_at=submitted_at,
        started_at=started_at,
        finished_at=finished_at,
    )
