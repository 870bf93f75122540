"""What operators are shown of the installation and of one experiment, in the form of HTTP."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field, PlainSerializer
from sqlalchemy.orm import Session

from tmlib.annotation import imports as annotation_imports
from tmlib.db import Database, clock
from tmlib.ids import encode_id
from tmlib.ledger import job_list
from tmlib.ledger.job_list import JobLine
from tmlib.ledger.models import JobStatus
from tmlib.ledger.overview import HostState
from tmlib.settings import Settings
from tmlib.workflow import latest_workflows
from tmlib.workflow.latest_workflows import StepProgress, WorkflowProgress
from tmserver.http.schemas import Id, Schema
from tmserver.monitoring import snapshot

CONFIDENTIAL = (annotation_imports.PROGRAM,)
"""Programs whose jobs tell, of an experiment, what not all may read who may read that."""

_DAY = timedelta(days=1)
_N_FAILURES = 10


def _rounded(digits: int) -> PlainSerializer:
    # what changes without anybody being able to see it need not be sent
    return PlainSerializer(lambda value: round(value, digits), return_type=float)


_Seconds = Annotated[float, _rounded(0), Field(examples=[4200])]
_Time = Annotated[datetime, Field(examples=["2024-03-14T09:30:00Z"])]


class JobEntry(Schema):
    """One job in a list. ``seconds`` is how long it took; while it runs ``started_at`` tells.

    It is ``skipped`` if what it made earlier is current, else ``reason`` says why it is done.
    """

    id: Id
    experiment_id: Id
    experiment: str = Field(examples=["Experiment XY"])
    submission_id: int
    step: str = Field(examples=["jterator"])
    name: str = Field(examples=["jterator_run_0000042"])
    state: JobStatus
    attempt: int = Field(examples=[1])
    host: str | None = Field(examples=["node1"])
    started_at: _Time | None
    finished_at: _Time | None
    seconds: Annotated[float, _rounded(1)] | None = Field(examples=[12.5])
    memory_mb: int | None = Field(examples=[812])
    skipped: bool = Field(examples=[False])
    reason: str | None = Field(examples=[None])
    error: str | None = Field(examples=['The file "a.png" is truncated: send it again.'])


class QueueEntry(Schema):
    """A queue: messages that no worker has taken, and jobs that wait for workers or run.

    ``messages`` is null if what carries them, Redis, does not answer.
    """

    messages: int | None = Field(examples=[8])
    waiting: int = Field(examples=[96400])
    running: int = Field(examples=[48])


class HostEntry(Schema):
    """A host: how many worker processes it has, how many are busy, and with how many jobs.

    ``overdue`` are jobs whose worker has not been heard of for longer than their lease.
    """

    state: HostState = Field(examples=["working"])
    processes: int = Field(examples=[16])
    busy: int = Field(examples=[16])
    running: int = Field(examples=[16])
    overdue: int = Field(examples=[0])


class WorkflowEntry(Schema):
    """The latest workflow of an experiment; rates and times are of its steps at work."""

    experiment_id: Id
    experiment: str = Field(examples=["Experiment XY"])
    submission_id: int
    state: JobStatus
    steps: Sequence[str] = Field(examples=[["jterator"]])
    percent_done: Annotated[float, _rounded(2)] = Field(examples=[63.75])
    waiting: int = Field(examples=[960])
    running: int = Field(examples=[48])
    done: int = Field(examples=[2304])
    skipped: int = Field(examples=[0])
    failed: int = Field(examples=[1])
    per_minute: Annotated[float, _rounded(1)] | None = Field(examples=[310.5])
    seconds_left: _Seconds | None
    submitted_at: _Time
    finished_at: _Time | None = Field(examples=[None])


class LimitsEntry(Schema):
    """What each job of a step may take."""

    seconds: int = Field(examples=[21600])
    memory_mb: int = Field(examples=[8000])
    cores: int = Field(examples=[1])


class StepEntry(Schema):
    """A step of the latest workflow, in the stage that it belongs to.

    ``position`` is its place. Jobs are those that are known: the init phase tells how many there
    are. ``cpu_seconds`` is of all jobs together, ``memory_mb`` the highest peak of one, and
    ``oldest_started_at`` tells since when that job runs which began first.
    """

    position: int = Field(examples=[5])
    stage: str = Field(examples=["image_analysis"])
    state: JobStatus
    jobs: int = Field(examples=[3313])
    waiting: int = Field(examples=[960])
    running: int = Field(examples=[48])
    done: int = Field(examples=[2304])
    skipped: int = Field(examples=[0])
    failed: int = Field(examples=[1])
    percent_done: Annotated[float, _rounded(2)] = Field(examples=[70.25])
    per_minute: Annotated[float, _rounded(1)] | None = Field(examples=[310.5])
    seconds_left: _Seconds | None
    started_at: _Time | None
    finished_at: _Time | None = Field(examples=[None])
    oldest_started_at: _Time | None
    cpu_seconds: Annotated[float, _rounded(1)] | None = Field(examples=[1836.5])
    memory_mb: int | None = Field(examples=[812])
    limits: LimitsEntry


class Installation(Schema):
    """All queues, hosts with workers, workflows that run or ended within a day, latest failures."""

    time: _Time
    queues: Mapping[str, QueueEntry] = Field(
        examples=[{"jobs": {"messages": 8, "waiting": 96400, "running": 48}}]
    )
    hosts: Mapping[str, HostEntry] = Field(
        examples=[
            {
                "node1": {
                    "state": "working",
                    "processes": 16,
                    "busy": 16,
                    "running": 16,
                    "overdue": 0,
                }
            }
        ]
    )
    workflows: Mapping[str, WorkflowEntry] = Field(examples=[{}])
    failures: Sequence[JobEntry]


class ExperimentState(Schema):
    """The latest workflow of an experiment, None if there was none, its steps and failures.

    ``may_write`` tells whether you may do something about it; events, which are for all, do not.
    """

    time: _Time
    may_write: bool | None = Field(default=None, examples=[True])
    workflow: WorkflowEntry | None
    steps: Mapping[str, StepEntry] = Field(examples=[{}])
    failures: Sequence[JobEntry]


def installation(database: Database, settings: Settings) -> Installation:
    """Look at the whole installation."""
    found = snapshot.take(database, settings, ended_within=_DAY)
    with database.session() as session:
        failures = _failures(session, found.time, found.workflows)
    return Installation(
        time=found.time,
        queues={queue.name: QueueEntry.model_validate(queue) for queue in found.queues},
        hosts={
            host.name: HostEntry(
                state=host.state,
                processes=host.processes,
                busy=host.workers,
                running=host.running,
                overdue=host.overdue,
            )
            for host in found.hosts
        },
        workflows={
            encode_id(workflow.experiment_id): WorkflowEntry.model_validate(workflow)
            for workflow in found.workflows
        },
        failures=failures,
    )


def experiment(database: Database, experiment_id: int) -> ExperimentState:
    """Look at the latest workflow of an experiment."""
    with database.session() as session:
        moment = clock.read(session)
        found = latest_workflows.workflows(session, moment, experiment_id=experiment_id)
        steps = [
            step
            for workflow in found
            for step in latest_workflows.steps(session, workflow.submission_id, moment)
        ]
        failures = _failures(session, moment, found)
    return ExperimentState(
        time=moment,
        workflow=WorkflowEntry.model_validate(found[0]) if found else None,
        steps={step.name: _step(step, position) for position, step in enumerate(steps)},
        failures=failures,
    )


def job_entry(job: JobLine) -> JobEntry:
    """A job of an experiment as lists show it; the time of a running one is for readers to tell."""
    seconds = None if job.state is JobStatus.RUNNING else job.seconds
    return JobEntry(
        experiment_id=job.owner.id,
        experiment=job.owner_name,
        seconds=seconds,
        **{
            name: getattr(job, name)
            for name in JobEntry.model_fields
            if name not in ("experiment_id", "experiment", "seconds")
        },
    )


def _failures(
    session: Session, moment: datetime, workflows: Sequence[WorkflowProgress]
) -> list[JobEntry]:
    ids = [workflow.submission_id for workflow in workflows if workflow.failed]
    found = job_list.find_jobs(
        session, moment, submission_ids=ids, state=JobStatus.FAILED, limit=_N_FAILURES
    )
    return [job_entry(job) for job in found] if ids else []


def _step(step: StepProgress, position: int) -> StepEntry:
    limits = LimitsEntry(
        seconds=step.limits.seconds, memory_mb=step.limits.memory, cores=step.limits.cores
    )
    return StepEntry(
        position=position,
        limits=limits,
        **{
            name: getattr(step, name)
            for name in StepEntry.model_fields
            if name not in ("position", "limits")
        },
    )
