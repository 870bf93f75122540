"""Workflows: describe, submit, watch, kill."""

from typing import Annotated, Any

from pydantic import AliasChoices, Field

from tmlib.errors import BadInput
from tmlib.experiments.ownership import owner
from tmlib.ledger import job_log
from tmlib.workflow import service
from tmserver.access import ExperimentAccess
from tmserver.http.routing import PROJECT_BODY, Routes
from tmserver.http.schemas import MAX_INT, Bare, Body, Index, Message, Schema, Text
from tmserver.monitoring.installation_state import CONFIDENTIAL
from tmserver.scopes import EXPERIMENT

routes = Routes("workflow", scope=EXPERIMENT)

_WORKFLOW = "/workflow"


class Description(Body):
    """A workflow description: its stages, their steps and the arguments of these."""

    description: dict[str, Any]


class Submission(Body):
    """What to do; without a description the stored one is followed.

    Jobs whose results are current are skipped, unless ``force`` is set.
    """

    description: dict[str, Any] | None = None
    force: bool = False


class Resubmission(Submission):
    """Where to begin again: at the stage with this index or name, else at the first."""

    index: Index | None = None
    stage_name: Text | None = None


class Submitted(Bare):
    """The number of the submission that was made or made again."""

    message: str = "ok"
    submission_id: int


class StatusQuery(Schema):
    """How many levels of subtasks are sent."""

    depth: Annotated[int, Field(ge=0, le=10)] = 2


class JobQuery(Schema):
    """Which jobs of a step are asked for.

    ``index`` and ``batch_size`` are used together, and not with ``name`` or ``phase``.
    """

    step_name: Text
    phase: Annotated[Text | None, Field(validation_alias=AliasChoices("phase", "step_phase"))] = (
        None
    )
    name: Text | None = None
    index: Annotated[int | None, Field(ge=-MAX_INT, le=MAX_INT)] = None
    batch_size: Annotated[int | None, Field(ge=1, le=MAX_INT)] = None


class LogQuery(Schema):
    """From where on; ``cursor`` is that of an earlier answer."""

    cursor: Annotated[Text | None, Field(examples=["1-2048-0"])] = None


class JobLog(Schema):
    """What an attempt at a job has written, the last 200,000 bytes of each stream.

    While it is ``live`` more may come: it is asked for with the ``cursor``, and comes alone if
    it ``continues``; what does not is of another attempt and takes the place of what was there.
    ``stdout_start`` and ``stderr_start`` are the bytes before what is here.
    """

    stdout: str
    stderr: str
    stdout_start: int = Field(examples=[0])
    stderr_start: int = Field(examples=[0])
    attempt: int = Field(examples=[1])
    live: bool = Field(examples=[False])
    continues: bool = Field(examples=[False])
    cursor: str = Field(examples=["1-2048-0"])


def read_job_log(access: ExperimentAccess, job_id: int, cursor: str | None) -> JobLog:
    """The log of a job of a workflow or tool of an experiment, from a cursor on."""
    with access.database.session() as session:
        wanted = job_id, owner(access.experiment_id), CONFIDENTIAL
        log = job_log.read(session, *wanted).after(cursor)
    return JobLog(
        stdout=log.stdout.text,
        stderr=log.stderr.text,
        stdout_start=log.stdout.start,
        stderr_start=log.stderr.start,
        attempt=log.attempt,
        live=log.is_live,
        continues=log.continues,
        cursor=log.cursor,
    )


class JteratorProject(Schema):
    """A pipeline, the handles of its modules, and the source of modules that it brings."""

    pipeline: dict[str, Any]
    handles: dict[str, Any]
    modules: Annotated[dict[str, str] | None, Field(exclude_if=lambda value: value is None)] = None


class NewJteratorProject(JteratorProject, Body):
    """A pipeline, the handles of its modules, and the source of modules that it brings."""


@routes.get(f"{_WORKFLOW}/description", permits="read")
def get_workflow_description(access: ExperimentAccess) -> dict[str, Any]:
    """Get the stored workflow description."""
    with access.database.session() as session:
        return service.get_description(session, access.experiment_id)


@routes.post(f"{_WORKFLOW}/description", permits="write", raises=(409,), max_bytes=PROJECT_BODY)
def update_workflow_description(access: ExperimentAccess, body: Description) -> Message:
    """Store a workflow description."""
    with access.database.transaction() as session:
        service.save_description(session, access.experiment_id, body.description)
    return Message()


@routes.post(f"{_WORKFLOW}/submit", permits="write", raises=(409,), max_bytes=PROJECT_BODY)
def submit_workflow(access: ExperimentAccess, body: Submission) -> Submitted:
    """Start the workflow."""
    submission_id = service.submit(
        access.database,
        access.services.queue,
        access.experiment_id,
        access.user.id,
        body.description,
        force=body.force,
        settings=access.settings,
    )
    return Submitted(submission_id=submission_id)


@routes.post(f"{_WORKFLOW}/resubmit", permits="write", raises=(409,), max_bytes=PROJECT_BODY)
def resubmit_workflow(access: ExperimentAccess, body: Resubmission) -> Submitted:
    """Run the workflow again from a stage on."""
    submission_id = service.resubmit(
        access.database,
        access.services.queue,
        access.experiment_id,
        description=body.description,
        index=body.index,
        stage_name=body.stage_name,
        force=body.force,
        settings=access.settings,
    )
    return Submitted(submission_id=submission_id)


@routes.post(f"{_WORKFLOW}/retry", permits="write", raises=(409,))
def retry_workflow(access: ExperimentAccess) -> Submitted:
    """Do again only the jobs of the latest workflow that failed or were killed, and go on."""
    submission_id = service.retry(access.database, access.services.queue, access.experiment_id)
    return Submitted(submission_id=submission_id)


@routes.post(f"{_WORKFLOW}/kill", permits="write")
def kill_workflow(access: ExperimentAccess) -> Message:
    """End the running workflow."""
    service.kill(access.database, access.experiment_id)
    return Message()


@routes.get(f"{_WORKFLOW}/status", permits="read")
def get_workflow_status(access: ExperimentAccess, query: StatusQuery) -> dict[str, Any] | None:
    """Get the status of the latest workflow and its parts; null if there was none."""
    with access.database.session() as session:
        return service.status(session, access.experiment_id, depth=query.depth)


@routes.get(f"{_WORKFLOW}/jobs", permits="read")
def get_workflow_jobs(access: ExperimentAccess, query: JobQuery) -> list[dict[str, Any]]:
    """Get the status of the jobs of a step."""
    is_part = query.index is not None
    if is_part != (query.batch_size is not None):
        raise BadInput('Parameters "index" and "batch_size" can only be used together.')
    if is_part and (query.name is not None or query.phase is not None):
        raise BadInput(
            'Parameters "name" and "phase" cannot be combined with "index" and "batch_size".'
        )
    with access.database.session() as session:
        return service.jobs(
            session,
            access.experiment_id,
            step_name=query.step_name,
            phase=query.phase,
            name=query.name,
            index=query.index,
            batch_size=query.batch_size,
        )


@routes.get(f"{_WORKFLOW}/jobs/<job_id>/log", permits="read")
def get_job_log(access: ExperimentAccess, job_id: int, query: LogQuery) -> JobLog:
    """Get what a job has written so far, also while it runs."""
    return read_job_log(access, job_id, query.cursor)


@routes.get(f"{_WORKFLOW}/jtproject", permits="read")
def get_jterator_project(access: ExperimentAccess) -> JteratorProject:
    """Get the jterator project: the pipeline that finds and measures objects."""
    with access.database.session() as session:
        return JteratorProject.model_validate(
            service.get_jterator_project(session, access.experiment_id)
        )


@routes.put(f"{_WORKFLOW}/jtproject", permits="write", max_bytes=PROJECT_BODY)
def update_project(access: ExperimentAccess, body: NewJteratorProject) -> Message:
    """Check and store a jterator project."""
    with access.database.transaction() as session:
        service.save_jterator_project(
            session, access.experiment_id, body.model_dump(), access.settings
        )
    return Message()
