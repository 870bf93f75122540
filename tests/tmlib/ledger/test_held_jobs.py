"""A process that holds several jobs keeps all of them, and loses none when it ends."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.services import scripted
from tests.services.scripted import Script, Scripted
from tests.services.short_jobs import N_JOBS, Ledger
from tests.tmlib.ledger import misbehaviour
from tmlib.db import clock
from tmlib.ledger import dispatch, lost_jobs
from tmlib.ledger.models import Job, State
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import StepContext

WAIT_SECONDS = 60

on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where the code is the same for both."""


@contextmanager
def worked_on(ledger: Ledger, script: Script, **settings: Any) -> Iterator[BaseProcess]:
    """Let a process with a guard do the first job, and those that it takes then."""
    ledger.settings = ledger.settings.model_copy(update=settings)
    ledger.run(turns=0)
    job_id = ledger.queue.job_ids.pop(0)
    ledger.monkeypatch.setitem(STEPS, "metaextract", Scripted(lambda context: None, N_JOBS))
    process = scripted.start_worker(ledger.settings, [job_id], script)
    try:
        yield process
    finally:
        process.kill()
        process.join()


def await_running(ledger: Ledger, n_jobs: int) -> None:
    """Wait until so many jobs are in work."""
    deadline = time.monotonic() + WAIT_SECONDS
    while ledger.running() != n_jobs:
        assert time.monotonic() < deadline, ledger.states()


def recover(ledger: Ledger) -> list[int]:
    with ledger.database.transaction() as session:
        return lost_jobs.recover(session, clock.read(session), 3, None)


def finish(ledger: Ledger) -> None:
    """Do what is left; messages that the process has sent are lost with its queue."""
    with ledger.database.transaction() as session:
        moment = clock.read(session)
        ledger.queue.enqueue(lost_jobs.recover(session, moment, 3, moment))
    while ledger.states()[State.TERMINATED] < N_JOBS:
        ledger.run()
        with ledger.database.transaction() as session:
            ledger.queue.enqueue(dispatch.adjust(session))
    assert {job.exitcode for job in ledger.jobs()} == {0}


@pytest.mark.slow
def test_jobs_are_kept_however_long_ago_they_were_taken(ledger: Ledger) -> None:
    lost = select(func.count()).where(Job.lease_expires_at <= clock.present())
    with worked_on(ledger, misbehaviour.take_a_moment, lease_seconds=3) as process:
        while process.is_alive():
            with ledger.database.session() as session:
                assert session.scalar(lost) == 0
        assert process.exitcode == 0
    assert ledger.states()[State.RUNNING] == 0
    assert {job.attempt for job in ledger.jobs() if job.exitcode == 0} == {1}


@pytest.mark.slow
def test_a_worker_goes_on_when_others_do_what_waited_behind_a_long_job(ledger: Ledger) -> None:
    script = misbehaviour.wait_for_others_to_be_given_back
    with worked_on(ledger, script, lease_seconds=100) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0
    assert ledger.states()[State.RUNNING] == 0
    finish(ledger)
    assert {job.tries for job in ledger.jobs()} == {1}


@pytest.mark.slow
@on_one_database
def test_a_process_that_ends_between_jobs_costs_none_a_try(ledger: Ledger) -> None:
    script = misbehaviour.end_once_it_has_ended
    with worked_on(ledger, script, lease_seconds=100) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        await_running(ledger, 0)
    first, *others = ledger.jobs()
    assert (first.exitcode, first.tries) == (0, 1)
    assert max(job.attempt for job in others) == 1, "some were held"
    assert {job.tries for job in others} == {0}
    finish(ledger)


@pytest.mark.slow
def test_jobs_whose_end_has_ended_their_process_are_done_alone_at_once(ledger: Ledger) -> None:
    script = misbehaviour.end_while_the_fifth_ends
    with worked_on(ledger, script, lease_seconds=100) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        lost = recover(ledger)
        while ledger.running():
            lost += recover(ledger)
    jobs = ledger.jobs()
    again = [job for job in jobs if job.id in lost]
    assert {(job.state, job.tries) for job in again} == {(State.SUBMITTED, 1)}
    assert {job.error for job in again} == {
        "it ended before what the job had done was in the ledger."
    }
    ledger.queue.enqueue(lost)
    finish(ledger)


@pytest.mark.slow
@on_one_database
def test_what_a_job_has_left_behind_is_not_blamed_on_the_next(ledger: Ledger) -> None:
    ledger.arguments = {"memory": 850}
    with worked_on(ledger, misbehaviour.leave_memory_behind) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0
    assert not any(job.exitcode for job in ledger.jobs())


@pytest.mark.slow
@on_one_database
def test_others_are_given_back_when_one_was_taken_away(ledger: Ledger) -> None:
    with worked_on(ledger, misbehaviour.hang_at_the_fifth, lease_seconds=100) as process:
        deadline = time.monotonic() + WAIT_SECONDS
        while not (hanging := [job for job in ledger.jobs() if job.stdout == "hanging\n"]):
            assert time.monotonic() < deadline
        with ledger.database.transaction() as session:
            session.execute(
                update(Job).where(Job.id == hanging[0].id).values(attempt=Job.attempt + 1)
            )
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        await_running(ledger, 1)
    assert [job.id for job in ledger.jobs() if job.state is State.RUNNING] == [hanging[0].id]


@pytest.mark.slow
@on_one_database
def test_what_is_held_at_the_end_of_a_turn_is_for_others(ledger: Ledger) -> None:
    ledger.settings = ledger.settings.model_copy(update={"turn_seconds": 2})
    done = []

    def script(context: StepContext, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            time.sleep(2)

    ledger.run(script, turns=1)
    assert len(done) == 3
    given_back = [job.state for job in ledger.jobs() if job.attempt and job.exitcode is None]
    assert {*given_back} == {State.SUBMITTED, State.NEW}
    assert len(ledger.queue.job_ids) == 4, "the next one was let in"
    finish(ledger)
    assert {job.tries for job in ledger.jobs()} == {1}


def test_a_worker_that_has_lost_one_job_looks_at_all_that_it_holds(ledger: Ledger) -> None:
    ledger.settings = ledger.settings.model_copy(update={"turn_seconds": 1})
    done = []

    def script(context: StepContext, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            service.kill(ledger.database, ledger.experiment.id)
            time.sleep(0.6)

    ledger.run(script, turns=1)
    assert len(done) == 3
