"""Ends several short jobs in one transaction, and takes the next ones of their phase in the same.

A transaction takes as long as many a job, mostly since it is synced to disk. Each job of a group
keeps its own attempt, lease, state and log; what is different is only how many share a transaction.
"""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Executable,
    Float,
    Integer,
    Table,
    Text,
    bindparam,
    func,
    select,
    update,
)
from sqlalchemy.orm import Session

from tmlib.db import clock, revision
from tmlib.ledger import advance, dispatch, holding
from tmlib.ledger.engine import TABLES_FIT, TAKEN, Claim, Outcome
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import Job, State
from tmlib.ledger.programs import Effect

MOST = 50
"""So many jobs are in a group at most."""

_SHARES = 2


@dataclass(frozen=True)
class Done:
    """A job that went well and is to be ended.

    Attributes
    ----------
    claim, outcome, effects
        The job, what became of it, and what it changes.
    began, ended
        When its work did, in seconds of this machine's monotonic clock.
    """

    claim: Claim
    outcome: Outcome
    effects: Sequence[Effect]
    began: float
    ended: float


@dataclass(frozen=True)
class Taker:
    """A worker, the lease that its jobs have at first, and the job whose message it came with."""

    worker: str
    host: str
    lease: float
    turn: int


@dataclass(frozen=True)
class Demand:
    """How many jobs somebody would do next; with 0 the next is handed out for whoever comes."""

    taker: Taker
    most: int


@dataclass(frozen=True)
class Ended:
    """What follows from the end of a group.

    Attributes
    ----------
    job_ids
        Of jobs to enqueue.
    taken
        Jobs that are taken already.
    effect_seconds
        How long the effects took.
    """

    job_ids: list[int]
    taken: list[Claim]
    effect_seconds: float


_JOBS = cast(Table, Job.__table__)

_SAID = {
    "wall_time": Float,
    "cpu_time": Float,
    "memory": BigInteger,
    "stdout": Text,
    "stdout_start": BigInteger,
    "stderr": Text,
    "stderr_start": BigInteger,
}
_COLUMNS = {"id": BigInteger, "attempt": Integer, "began": Float, "ended": Float, **_SAID}

_TURN = _JOBS.alias("turn")

# one that was begun before may be what has ended its worker: it comes with a message, and alone
_UNTRIED = dispatch.following(_JOBS.c.tries == 0)

_TAKE = (
    update(_JOBS)
    .where(_JOBS.c.id.in_(select(_UNTRIED.c.id)), TABLES_FIT)
    .values(
        **TAKEN,
        # who looks for lost messages goes by the message that was taken
        submitted_at=select(_TURN.c.submitted_at)
        .where(_TURN.c.id == bindparam("turn_id"))
        .scalar_subquery(),
    )
    .returning(
        *(_JOBS.c.id, _JOBS.c.attempt, _JOBS.c.tries),
        *(_JOBS.c["index"], _JOBS.c.name, _JOBS.c.batch),
    )
)


@cache
def _end(dialect: str) -> Executable:
    """Ends jobs that are still their attempts'; what is known of them comes as one JSON text."""
    ended: Any
    if dialect == "sqlite":
        rows = func.json_each(bindparam("ended", type_=Text)).table_valued("value")
        ended = select(
            *(
                func.json_extract(rows.c.value, f"$.{name}", type_=kind).label(name)
                for name, kind in _COLUMNS.items()
            )
        ).subquery("ended")
    else:
        ended = (
            func.json_to_recordset(bindparam("ended", type_=JSON))
            .table_valued(*(Column(name, kind) for name, kind in _COLUMNS.items()), name="ended")
            .render_derived(with_types=True)
        )
    # who locks several jobs does it in this order, so that no two wait for each other
    held = (
        select(_JOBS.c.id)
        .where(*holding.held(ended.c.id, ended.c.attempt))
        .order_by(_JOBS.c.id)
        .with_for_update(of=_JOBS)
        .cte("held")
    )
    return (
        update(_JOBS)
        .where(_JOBS.c.id == ended.c.id, _JOBS.c.id.in_(select(held.c.id)))
        .values(
            state=State.TERMINATED,
            exitcode=0,
            error=None,
            lease_expires_at=None,
            started_at=clock.after(-ended.c.began),
            finished_at=clock.after(-ended.c.ended),
            **{name: ended.c[name] for name in _SAID},
        )
        .returning(_JOBS.c.id)
    )


def end(
    session: Session, done: Sequence[Done], demand: Demand | None, n_processes: int, moment: float
) -> Ended:
    """End jobs of one phase that went well, apply their effects, and take or hand out the next.

    Parameters
    ----------
    session
        In a transaction of its own.
    done
        The jobs.
    demand
        What is to follow; None if the next job of the phase is not to be let in.
    n_processes
        How many worker processes there are, so that each gets its share of the last jobs.
    moment
        The present by the monotonic clock.

    Raises
    ------
    LeaseLost
        If one of the jobs is no longer its attempt's; the transaction must be rolled back.
    """
    _mark(session, done, moment)
    started = time.monotonic()
    for one in done:
        for effect in one.effects:
            effect(session)
    session.flush()
    effect_seconds = time.monotonic() - started
    phase_id = done[0].claim.task_id
    counts = advance.count_ended(
        session,
        phase_id,
        n_jobs=len(done),
        cpu_time=sum(one.outcome.cpu_time for one in done),
        memory=max(one.outcome.memory or 0 for one in done),
    )
    if counts is None:
        raise LeaseLost
    job_ids: list[int] = []
    taken: list[Claim] = []
    last = max((one.claim for one in done), key=lambda claim: claim.index)
    if not counts.n_left:
        job_ids = advance.end_phase(session, phase_id, counts)
    elif demand is not None and demand.most:
        share = max(1, counts.n_left // (_SHARES * max(1, n_processes)))
        taken = _take(session, last, demand.taker, min(demand.most, MOST, share))
    if counts.n_left and demand is not None and not taken:
        job_ids = dispatch.hand_out(session, phase_id, 1, after=last.index)
    return Ended(job_ids, taken, effect_seconds)


def _mark(session: Session, done: Sequence[Done], moment: float) -> None:
    """Mark jobs as done, with what each has said and used."""
    rows = [
        {
            "id": one.claim.job_id,
            "attempt": one.claim.attempt,
            "began": moment - one.began,
            "ended": moment - one.ended,
            **{name: getattr(one.outcome, name) for name in _SAID},
        }
        for one in done
    ]
    connection = session.connection()
    dialect = connection.dialect.name
    given = json.dumps(rows) if dialect == "sqlite" else rows
    if len(connection.execute(_end(dialect), {"ended": given}).all()) < len(done):
        raise LeaseLost


def _take(session: Session, last: Claim, taker: Taker, count: int) -> list[Claim]:
    """Take the jobs of a phase after one, in a transaction that holds the lock of its row."""
    parameters = {
        "phase_id": last.task_id,
        "passed": last.index,
        "most": count,
        "new_worker": taker.worker,
        "new_host": taker.host,
        "lease_seconds": taker.lease,
        "turn_id": taker.turn,
        "revision": revision.needed(),
    }
    taken = [
        replace(
            last,
            job_id=job_id,
            attempt=attempt,
            tries=tries,
            index=index,
            name=name,
            batch=batch,
        )
        for job_id, attempt, tries, index, name, batch in session.connection().execute(
            _TAKE, parameters
        )
    ]
    return sorted(taken, key=lambda claim: claim.index)
