"""The registry of worker pools: who is there to take jobs, whether or not there are any."""

import time
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from tmlib.db import clock, revision
from tmlib.ledger.models import WorkerPool

REPORT_SECONDS = 3.0
"""How often a pool tells that it is there."""

SILENT_SECONDS = 30.0
"""A pool that has not told for so long is not counted on."""

MAY_END = "TM_POOL_MAY_END"
"""Environment variable of pools that nobody starts again when they end, those of ``tm worker``."""

_FORGOTTEN_SECONDS = 86_400.0


@dataclass(frozen=True)
class Pool:
    """Worker processes that take jobs from one queue; the process that keeps them has `pid`."""

    host: str
    pid: int
    queue: str
    processes: int


def report(session: Session, pool: Pool, moment: datetime, *, is_draining: bool = False) -> None:
    """Tell that a pool is there, and whether it has stopped taking jobs.

    The moment is that of the database's clock, as all that are compared with it.
    """
    mine = (WorkerPool.host == pool.host, WorkerPool.pid == pool.pid)
    known = session.scalars(select(WorkerPool).where(*mine)).one_or_none()
    if known is None:
        known = WorkerPool(host=pool.host, pid=pool.pid, started_at=moment)
        session.add(known)
    known.queue, known.processes = pool.queue, pool.processes
    known.is_draining, known.seen_at = is_draining, moment
    known.revision = revision.needed()


def leave(session: Session, pool: Pool) -> None:
    """Tell that a pool has ended."""
    session.execute(
        delete(WorkerPool).where(WorkerPool.host == pool.host, WorkerPool.pid == pool.pid)
    )


def forget_silent(session: Session) -> None:
    """Remove pools that died without a word, a day after they were last seen."""
    session.execute(delete(WorkerPool).where(WorkerPool.seen_at < clock.after(-_FORGOTTEN_SECONDS)))


def count_processes(session: Session, queue: str) -> int:
    """How many processes take jobs from a queue at the moment."""
    counted = session.scalar(
        select(func.sum(WorkerPool.processes)).where(
            WorkerPool.queue == queue,
            WorkerPool.is_draining.is_(False),
            WorkerPool.revision == revision.needed(),
            WorkerPool.seen_at > clock.after(-SILENT_SECONDS),
        )
    )
    return counted or 0


class ProcessCount:
    """How many processes take jobs from a queue, asked for anew as often as pools tell of it."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._count = 0
        self._outdated = 0.0

    def of(self, session: Session) -> int:
        """The number, as it was a few seconds ago at most."""
        moment = time.monotonic()
        if moment >= self._outdated:
            self._count = count_processes(session, self._queue)
            self._outdated = moment + REPORT_SECONDS
        return self._count
