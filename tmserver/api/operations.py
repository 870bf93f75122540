"""What operators see and do: the state of installation and workflows, live, and lists of jobs."""

from datetime import datetime
from typing import Annotated

from flask import Response
from pydantic import Field

from tmlib.db import clock
from tmlib.experiments import ownership, service
from tmlib.ledger import drain, job_list
from tmlib.ledger.models import JobStatus
from tmlib.workflow import latest_workflows
from tmserver.access import Access, ExperimentAccess, UserAccess
from tmserver.http.operations import current_operation
from tmserver.http.routing import Routes
from tmserver.http.schemas import Id, IdText, Message, Schema, Text
from tmserver.monitoring import event_stream, installation_state
from tmserver.monitoring.installation_state import (
    CONFIDENTIAL,
    ExperimentState,
    Installation,
    JobEntry,
)
from tmserver.monitoring.live import Topic
from tmserver.scopes import EXPERIMENT

routes = Routes("operations")
in_experiment = routes.within(EXPERIMENT)

_INSTALLATION = "/api/operations"
_WORKFLOW = "/workflow"
_LONGEST = 24 * 3600


class EventsQuery(Schema):
    """How long events are sent, in seconds; 0 sends the present state alone."""

    seconds: Annotated[float | None, Field(ge=0, le=_LONGEST, examples=[60])] = None


class EventsHeaders(Schema):
    """What a browser that connects again has seen."""

    last_event_id: Annotated[
        Text | None, Field(alias="Last-Event-ID", examples=["0f2a9c4e11d07b35"])
    ] = None


class JobPageQuery(Schema):
    """Which jobs, the latest first; ``before`` is the id of the last one of the page before.

    ``text`` finds jobs that failed by their reason or log, among the thousand that failed last.
    """

    state: JobStatus | None = None
    step: Annotated[Text | None, Field(examples=[None])] = None
    text: Annotated[Text | None, Field(min_length=2, max_length=200, examples=[None])] = None
    before: Annotated[IdText | None, Field(examples=[None])] = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 50


class JobPage(Schema):
    """A page of a list of jobs, and whether there are more."""

    jobs: list[JobEntry]
    has_more: bool


class LatestWorkflow(Schema):
    """What became of the latest workflow of an experiment."""

    experiment_id: Id
    state: JobStatus
    submitted_at: datetime = Field(examples=["2026-01-31T12:00:00Z"])
    finished_at: datetime | None = Field(examples=["2026-01-31T14:30:00Z"])


@routes.get("/api/workflows", permits="user")
def get_latest_workflows(access: UserAccess) -> list[LatestWorkflow]:
    """Tell what became of the latest workflow of each experiment that you may see."""
    with access.database.session() as session:
        seen = service.list_experiments(session, access.user.id)
        found = latest_workflows.outcomes(session, [experiment.id for experiment in seen])
    return [LatestWorkflow.model_validate(one) for one in found]


@routes.get(_INSTALLATION, permits="admin")
def get_operations(access: UserAccess) -> Installation:
    """Get the state of the installation: queues, hosts, workflows and what failed."""
    return installation_state.installation(access.database, access.settings)


@routes.get(f"{_INSTALLATION}/events", permits="admin", media=(event_stream.MEDIA_TYPE,))
def listen_to_operations(
    access: UserAccess, query: EventsQuery, headers: EventsHeaders
) -> Response:
    """Listen to the state of the installation, as server-sent events.

    The event `state` has all of it, `change` what has changed since as JSON Merge Patch (RFC
    7396), without the fields that are null. `end` says why no more will come.
    """
    return _events(access, None, query, headers)


@routes.get(f"{_INSTALLATION}/jobs", permits="admin")
def get_operations_jobs(access: UserAccess, query: JobPageQuery) -> JobPage:
    """List jobs of all experiments, the latest first."""
    return _jobs(access, query)


@routes.post(f"{_INSTALLATION}/hosts/<host>/drain", permits="admin", raises=(404,))
def drain_host(access: UserAccess, host: str) -> Message:
    """Let a host take no more jobs until this is undone; what runs there goes on."""
    _drain(access, host, draining=True)
    return Message()


@routes.post(f"{_INSTALLATION}/hosts/<host>/undrain", permits="admin", raises=(404,))
def undrain_host(access: UserAccess, host: str) -> Message:
    """Let a host that was drained take jobs again."""
    _drain(access, host, draining=False)
    return Message()


@in_experiment.get(f"{_WORKFLOW}/operations", permits="read")
def get_workflow_operations(access: ExperimentAccess) -> ExperimentState:
    """Get the state of the latest workflow: its steps, what they use, and what failed."""
    state = installation_state.experiment(access.database, access.experiment_id)
    return state.model_copy(update={"may_write": access.may_write})


@in_experiment.get(
    f"{_WORKFLOW}/operations/events",
    permits="read",
    media=(event_stream.MEDIA_TYPE,),
)
def listen_to_workflow(
    access: ExperimentAccess, query: EventsQuery, headers: EventsHeaders
) -> Response:
    """Listen to the state of the latest workflow, as server-sent events.

    They are those of the installation: `state`, `change` and `end`.
    """
    return _events(access, access.experiment_id, query, headers)


@in_experiment.get(f"{_WORKFLOW}/operations/jobs", permits="read")
def get_workflow_job_list(access: ExperimentAccess, query: JobPageQuery) -> JobPage:
    """List jobs of workflows and tools of the experiment, the latest first."""
    return _jobs(access, query, access.experiment_id)


def _drain(access: UserAccess, host: str, *, draining: bool) -> None:
    with access.database.transaction() as session:
        drain.drain(session, [host], draining)


def _jobs(access: Access, query: JobPageQuery, experiment_id: int | None = None) -> JobPage:
    with access.database.session() as session:
        found = job_list.find_jobs(
            session,
            clock.read(session),
            owners=None if experiment_id is None else [ownership.owner(experiment_id)],
            owner_kind=ownership.EXPERIMENT,
            state=query.state,
            step=query.step,
            without=() if experiment_id is None else CONFIDENTIAL,
            text=query.text,
            before=query.before,
            limit=query.limit + 1,
        )
    shown = [installation_state.job_entry(job) for job in found[: query.limit]]
    return JobPage(jobs=shown, has_more=len(found) > query.limit)


def _events(access: Access, topic: Topic, query: EventsQuery, headers: EventsHeaders) -> Response:
    return event_stream.respond(
        access.services.live.listen(topic),
        current_operation().authorize,
        last_id=headers.last_event_id,
        seconds=query.seconds,
    )
