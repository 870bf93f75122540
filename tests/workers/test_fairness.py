"""Many workflows share the workers, and outlive that all of these are started again."""

import pytest

from tests.services.experiments import add_experiment
from tests.services.timed_workers import WAIT_SECONDS, TimedWorkers
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import owner
from tmlib.ledger import owners
from tmlib.ledger.models import Job, State

# short jobs are done many in a turn, so the large one is many turns long
N_LARGE, N_SMALL = 1200, 6

on_a_cluster = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


@pytest.fixture
def other(database: Database, experiment: Experiment) -> Experiment:
    with database.transaction() as session:
        return add_experiment(session, f"beside {experiment.name}")


@on_a_cluster
def test_a_small_workflow_ends_while_most_of_a_large_one_waits(
    timed: TimedWorkers, other: Experiment
) -> None:
    timed.hold()
    timed.submit(N_LARGE)
    timed.start()
    timed.await_that(lambda: timed.states()[State.RUNNING] > 0, "the large one is at work")
    timed.submit(N_SMALL, other)
    timed.release()
    timed.await_that(lambda: timed.states(other)[State.TERMINATED] == N_SMALL, "the small one ends")
    with timed.database.session() as session:
        last = session.query(Job).filter_by(owner_id=other.id, phase="run", index=N_SMALL)
        ended_at = last.one().finished_at
        before = (
            session.query(Job)
            .filter(owners.of(Job, owner(timed.experiment.id)), Job.phase == "run")
            .filter(Job.finished_at < ended_at)
            .count()
        )
    assert before < N_LARGE / 2


@on_a_cluster
def test_workers_are_replaced_one_after_the_other_without_a_failed_job(
    timed: TimedWorkers,
) -> None:
    n_jobs = 8
    timed.hold()
    timed.submit(n_jobs)
    running = [timed.start("--grace", "0.2"), timed.start("--grace", "0.2")]
    timed.await_that(lambda: timed.states()[State.RUNNING] == 2, "both work")
    for _ in range(2):
        running.append(timed.start("--grace", "0.2"))
        old = running.pop(0)
        old.terminate()
        assert old.wait(WAIT_SECONDS) == 0
        timed.await_that(lambda: timed.states()[State.RUNNING] == 2, "the new one works")
    assert timed.states()[State.TERMINATED] == 0
    timed.release()
    timed.await_that(lambda: timed.states()[State.TERMINATED] == n_jobs, "all jobs end")
    with timed.database.session() as session:
        jobs = session.query(Job).filter_by(phase="run").all()
    assert {(job.exitcode, job.tries) for job in jobs} == {(0, 1)}
    assert sum(job.attempt for job in jobs) == n_jobs + 2, "two were handed back"
