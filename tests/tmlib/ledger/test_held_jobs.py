"""A process that holds several jobs keeps all of them, and loses none when it ends."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from multiprocessing.process import BaseProcess
from typing import Any, cast

import pytest
from sqlalchemy import select, update

from tests.services import scripted
from tests.services.scripted import Script, Scripted
from tests.services.short_jobs import N_JOBS, Ledger
from tests.tmlib.ledger import misbehaviour
from tmlib.db import clock
from tmlib.ledger import attempts, dispatch, engine, execution, holding, leases, lost_jobs
from tmlib.ledger.engine import Claim
from tmlib.ledger.execution import Worker
from tmlib.ledger.guard import Guard
from tmlib.ledger.leases import HeldJobs, Leases
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import Job, State
from tmlib.ledger.output import Output
from tmlib.ledger.position import Position
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import StepContext

WAIT_SECONDS = 60
LONG_SECONDS = 3600

on_one_database = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
"""Where the code is the same for both."""


class WatchedGuard:
    """Notes of which job a guard knows that it is in work, and guards nothing.

    Attributes
    ----------
    in_work
        The job, if there is one.
    before_another
        Called once with a job that begins when others of its group have ended.
    """

    def __init__(self, output: Output) -> None:
        self.output = output
        self.in_work: int | None = None
        self.before_another: Callable[[int], None] | None = None

    def hold(self, claims: Sequence[Claim], limits: Limits, taken: float) -> None:
        pass

    def begin(self, job_id: int, first_began: float | None = None) -> None:
        self.in_work = job_id
        if first_began is not None and self.before_another is not None:
            act, self.before_another = self.before_another, None
            act(job_id)

    def end(self) -> None:
        self.in_work = None


class SkippingClock:
    """The clock of workers in this process: it stands still until a test sets it ahead."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = 0.0
        for module in (execution, attempts):
            monkeypatch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self.ahead

    def process_time(self) -> float:
        return time.process_time()


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


def await_that(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < deadline


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
    longer_than_at_first = timedelta(seconds=3.5)
    with worked_on(ledger, misbehaviour.take_a_moment, lease_seconds=3) as process:
        lasting: list[timedelta] = []
        while len(lasting) < 2 or min(lasting) < longer_than_at_first:
            assert process.is_alive()
            lasting = [
                job.lease_expires_at - job.started_at
                for job in ledger.jobs()
                if job.lease_expires_at is not None and job.started_at is not None
            ]
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0
    assert ledger.states()[State.RUNNING] == 0
    assert {job.tries for job in ledger.jobs() if job.exitcode == 0} == {1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_lease_is_prolonged_as_soon_as_nobody_writes_to_its_job(ledger: Ledger) -> None:
    ledger.run(turns=0)
    ledger.monkeypatch.setattr(leases, "_LOOK_SECONDS", 0.01)
    is_prolonged: list[bool] = []

    def heartbeat(*arguments: Any) -> bool:
        is_prolonged.append(heartbeat_as_it_is(*arguments))
        return is_prolonged[-1]

    heartbeat_as_it_is = holding.heartbeat
    ledger.monkeypatch.setattr(holding, "heartbeat", heartbeat)
    with ledger.database.transaction() as session:
        claim = engine.claim(session, ledger.queue.job_ids[0], "node1:7", "node1", LONG_SECONDS)
    assert claim is not None
    message = HeldJobs.message([claim], Limits(), time.monotonic() - LONG_SECONDS)
    with Output() as output:
        keeper = Leases(ledger.database, LONG_SECONDS, "node1:7", output, Position())
        with ledger.database.transaction() as session:
            session.scalars(select(Job.id).where(Job.id == claim.job_id).with_for_update()).one()
            keeper.held = HeldJobs.read(message, {})
            await_that(lambda: False in is_prolonged)
        await_that(lambda: True in is_prolonged)
        keeper.forget()


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
        await_that(lambda: ledger.running() == 0)
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
        await_that(lambda: ledger.running() == 1)
    assert [job.id for job in ledger.jobs() if job.state is State.RUNNING] == [hanging[0].id]


@pytest.mark.slow
@on_one_database
def test_what_is_held_at_the_end_of_a_turn_is_for_others(ledger: Ledger) -> None:
    clock_of_worker = SkippingClock(ledger.monkeypatch)
    done = []

    def script(context: StepContext, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            clock_of_worker.ahead += ledger.settings.turn_seconds

    ledger.run(script, turns=1)
    assert len(done) == 3
    given_back = [job.state for job in ledger.jobs() if job.attempt and job.exitcode is None]
    assert {*given_back} == {State.SUBMITTED, State.NEW}
    assert len(ledger.queue.job_ids) == 4, "the next one was let in"
    finish(ledger)
    assert {job.tries for job in ledger.jobs()} == {1}


def test_the_guard_stops_nothing_that_was_given_back_before_it_began(ledger: Ledger) -> None:
    at_the_end: list[int | None] = []

    def script(context: StepContext, number: int) -> None:
        context.effects.append(lambda session: at_the_end.append(guard.in_work))

    def give_back(job_id: int) -> None:
        ledger.monkeypatch.setattr(execution, "WAITING_SECONDS", 0)
        held = [job for job in ledger.jobs() if job.state is State.RUNNING and job.id >= job_id]
        with ledger.database.transaction() as session:
            jobs = [(job.id, job.attempt) for job in held]
            holding.release(session, holding.worker_name(os.getpid()), jobs)

    ledger.run(turns=0)
    with Output() as output:
        guard = WatchedGuard(output)
        guard.before_another = give_back
        guarded = Worker(ledger.database, ledger.queue, ledger.settings, cast(Guard, guard))
        with ledger.monkeypatch.context() as patch:
            patch.setattr(ledger, "worker", lambda: guarded)
            ledger.run(script, turns=1)
    assert {*at_the_end} == {None}
    finish(ledger)
    assert {(job.attempt, job.tries) for job in ledger.jobs()} == {(1, 1), (2, 1)}


def test_a_worker_that_has_lost_one_job_looks_at_all_that_it_holds(ledger: Ledger) -> None:
    clock_of_worker = SkippingClock(ledger.monkeypatch)
    done = []

    def script(context: StepContext, number: int) -> None:
        done.append(number)
        if len(done) == 3:
            service.kill(ledger.database, ledger.experiment.id)
            clock_of_worker.ahead += ledger.settings.turn_seconds / 2

    ledger.run(script, turns=1)
    assert len(done) == 3
