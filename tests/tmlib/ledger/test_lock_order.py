"""Whoever locks several jobs begins with the first, so that no two wait for each other."""

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from tests.services.experiments import add_experiment
from tests.services.ledger import ListQueue, planned
from tmlib.db import Database, clock
from tmlib.ledger import engine, holding, job_groups, lost_jobs, submissions
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.job_groups import Done
from tmlib.ledger.models import Job, State
from tmlib.workflow import service

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}
_IS_WAITING = text(
    "SELECT count(*) > 0 FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

Act = Callable[[Session, list[Claim]], object]


def kill(session: Session, claims: list[Claim]) -> None:
    submissions.kill(session, claims[0].submission_id)


def end(session: Session, claims: list[Claim]) -> None:
    done = [Done(claim, Outcome(0), [], 0, 0) for claim in reversed(claims)]
    job_groups.end(session, done, None, 1, 0)


def release(session: Session, claims: list[Claim]) -> None:
    jobs = [(claim.job_id, claim.attempt) for claim in reversed(claims)]
    holding.release(session, "node1:7", jobs)


@pytest.fixture
def database(postgresql_url: str) -> Iterator[Database]:
    database = Database(postgresql_url)
    yield database
    database.close()


@pytest.fixture
def claims(database: Database) -> list[Claim]:
    """Jobs in work; the first of them was taken last, so that it is the last in its table."""
    queue = ListQueue()
    with database.transaction() as session:
        experiment = add_experiment(session)
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)
    first = take(database, queue.job_ids[0])
    following = planned([[{"number": number} for number in range(4)]], first.step_name)
    with database.transaction() as session:
        job_ids = engine.finish(
            session, first.job_id, first.attempt, Outcome(0, following=following)
        )
    taken = [take(database, job_id) for job_id in sorted(job_ids, reverse=True)]
    return taken[::-1]


def take(database: Database, job_id: int) -> Claim:
    with database.transaction() as session:
        claim = engine.claim(session, job_id, "node1:7", "node1", lease=30)
    assert claim is not None
    return claim


def is_waiting(database: Database) -> bool:
    """Whether somebody waits for a lock; a transaction would see what it has seen first."""
    with database.session() as session:
        return bool(session.scalar(_IS_WAITING))


@pytest.mark.parametrize("act", [kill, end, release])
def test_the_first_job_is_waited_for_before_others_are_locked(
    database: Database, claims: list[Claim], act: Act
) -> None:
    def run() -> None:
        with database.transaction() as session:
            act(session, claims)

    first, *others = [claim.job_id for claim in claims]
    thread = threading.Thread(target=run)
    with database.transaction() as session:
        session.scalars(select(Job.id).where(Job.id == first).with_for_update()).one()
        thread.start()
        while not is_waiting(database):
            assert thread.is_alive()
        free = select(Job.id).where(Job.id.in_(others)).with_for_update(skip_locked=True)
        assert sorted(session.scalars(free)) == others
    thread.join()
    with database.session() as session:
        assert session.scalars(select(Job.lease_expires_at).where(Job.id.in_(others))).all() == [
            None
        ] * len(others)


def test_who_looks_for_lost_jobs_waits_for_nobody_who_writes_to_one(
    database: Database, claims: list[Claim]
) -> None:
    paused, lost = (claim.job_id for claim in claims[:2])
    with database.transaction() as session:
        moment = clock.read(session)
        back = update(Job).values(state=State.SUBMITTED, submitted_at=moment)
        session.execute(back.where(Job.id == lost))
        session.execute(back.where(Job.id == paused).values(not_before=moment))
    later = moment + timedelta(seconds=1)
    for locked, free in ((paused, lost), (lost, paused)):
        with database.transaction() as other, database.transaction() as session:
            other.scalars(select(Job.id).where(Job.id == locked).with_for_update()).one()
            session.execute(text("SET LOCAL lock_timeout = 1"))
            assert lost_jobs.recover(session, later, 3, later) == [free]
