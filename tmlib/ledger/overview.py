"""What operators see of the whole installation: its queues and hosts.

Reads only what indexes lead to, or what tasks have counted: it takes as long for a ledger of a
hundred thousand jobs as for one of ten.
"""

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tmlib.db import revision
from tmlib.ledger.models import AT_WORK, INTERACTIVE, DrainedHost, Job, State, Task, WorkerPool
from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.ledger.worker_pools import SILENT_SECONDS


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


def queue_loads(session: Session) -> list[QueueLoad]:
    """How much each queue has before it, as the ledger knows it."""
    is_interactive = Task.kind == INTERACTIVE
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
