"""Taking hosts out of work and back, and giving jobs that a pool cannot end to others."""

from collections.abc import Collection, Sequence

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from tmlib.db import clock
from tmlib.errors import NotFound
from tmlib.ledger import holding
from tmlib.ledger.models import DrainedHost, Job, State, WorkerPool


def drain(
    session: Session, hosts: Collection[str], draining: bool = True, *, ends_workers: bool = False
) -> None:
    """Tell hosts to take no more jobs, or to take some again; what runs there goes on.

    Pools look for this every few seconds. It lasts until it is undone, also when a host or its
    pools start again meanwhile.

    Parameters
    ----------
    session
        In a transaction.
    hosts
        Names of hosts, as the registry of pools has them.
    draining
        False to undo it.
    ends_workers
        Whether ``tm worker`` ends there once nothing runs on the host.

    Raises
    ------
    NotFound
        If no pool of a host is known.
    """
    known = known_hosts(session)
    for host in hosts:
        if host not in known:
            there = f"there are {', '.join(known)}" if known else "no host has workers"
            raise NotFound(f'No workers of a host "{host}" are known: {there}.')
    session.execute(delete(DrainedHost).where(DrainedHost.host.in_(hosts)))
    if draining:
        moment = clock.read(session)
        session.add_all(
            DrainedHost(host=host, ends_workers=ends_workers, ordered_at=moment)
            for host in sorted(set(hosts))
        )


def known_hosts(session: Session) -> Sequence[str]:
    """Hosts whose pools are known, or that are drained, by name."""
    names = select(WorkerPool.host).union(select(DrainedHost.host))
    return sorted(session.scalars(names))


def order(session: Session, host: str) -> DrainedHost | None:
    """What a host was told, None if it is to work."""
    return session.get(DrainedHost, host, populate_existing=True)


def is_idle(session: Session, host: str) -> bool:
    """Whether no job runs on a host."""
    running = select(Job.id).where(Job.state == State.RUNNING, Job.host == host).limit(1)
    return session.scalar(running) is None


def hand_back(session: Session, workers: Collection[str]) -> list[int]:
    """Take jobs from workers that must end; it does not count as a try.

    Their guards then end the processes that still work on them.

    Returns
    -------
    list of int
        Ids of jobs to enqueue.
    """
    running = session.execute(
        select(Job.id, Job.attempt)
        .where(Job.state == State.RUNNING, Job.worker.in_(workers))
        .with_for_update(skip_locked=True)
    ).all()
    for job in running:
        holding.give_back(session, job.id, job.attempt, counts=False)
    return [job.id for job in running]
