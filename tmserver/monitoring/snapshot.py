"""The state of an installation at one moment."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from tmlib.db import Database, clock
from tmlib.ledger import overview
from tmlib.ledger.overview import HostLoad
from tmlib.settings import Settings
from tmlib.workflow import latest_workflows
from tmlib.workflow.latest_workflows import WorkflowProgress
from tmserver.monitoring import queues
from tmserver.monitoring.queues import Carrier


@dataclass(frozen=True)
class QueueState:
    """A queue: what the ledger knows of it, and its messages, None if their carrier is away."""

    name: str
    messages: int | None
    waiting: int
    running: int


@dataclass(frozen=True)
class Snapshot:
    """Queues and what carries them, hosts at work and workflows at `time`."""

    time: datetime
    carrier: Carrier
    queues: list[QueueState]
    hosts: list[HostLoad]
    workflows: list[WorkflowProgress]


def take(
    database: Database, settings: Settings, *, ended_within: timedelta | None = None
) -> Snapshot:
    """Look at the ledger and at what carries ids of jobs.

    Parameters
    ----------
    database, settings
        Of the installation.
    ended_within
        Leaves out workflows that ended longer ago than this.
    """
    with database.session() as session:
        moment = clock.read(session)
        ended_after = None if ended_within is None else moment - ended_within
        loads = overview.queue_loads(session)
        hosts = overview.host_loads(session, moment)
        workflows = latest_workflows.workflows(session, moment, ended_after=ended_after)
    messages = queues.messages(settings) or {}
    return Snapshot(
        moment,
        queues.carrier(settings),
        [
            QueueState(load.name, messages.get(load.name), load.waiting, load.running)
            for load in loads
        ],
        hosts,
        workflows,
    )
