"""Pools that are told to stop, and hosts that are told to take no more jobs."""

import socket

import psutil
import pytest

from tests.services.installation import is_running
from tests.services.timed_workers import WAIT_SECONDS, TimedWorkers
from tmlib.db.base import now
from tmlib.ledger import drain, overview
from tmlib.ledger.models import DrainedHost, State
from tmlib.ledger.overview import HostLoad, HostState

HOST = socket.gethostname()

on_a_cluster = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def exists(process_id: int) -> bool:
    return psutil.pid_exists(process_id) and is_running(psutil.Process(process_id))


def hosts(timed: TimedWorkers) -> list[HostLoad]:
    with timed.database.session() as session:
        return overview.host_loads(session, now())


def order(timed: TimedWorkers, draining: bool, *, ends_workers: bool = False) -> None:
    with timed.database.transaction() as session:
        drain.drain(session, [HOST], draining, ends_workers=ends_workers)


def test_a_pool_that_is_told_to_stop_ends_its_job_and_takes_no_other(timed: TimedWorkers) -> None:
    timed.hold()
    timed.submit(3)
    worker = timed.start()
    timed.await_that(lambda: timed.processes_of(0), "the first job runs")
    worker.terminate()
    timed.await_that(lambda: hosts(timed)[0].state is HostState.DRAINING, "it says so")
    timed.release()
    assert worker.wait(WAIT_SECONDS) == 0
    assert timed.states() == {State.TERMINATED: 1, State.SUBMITTED: 2}
    assert timed.job(0).exitcode == 0
    assert hosts(timed) == []


@on_a_cluster
def test_a_job_that_does_not_end_in_time_is_handed_back(timed: TimedWorkers) -> None:
    timed.hold()
    timed.submit(1)
    worker = timed.start("--grace", "0.5")
    timed.await_that(lambda: timed.processes_of(0), "the job runs")
    worker.terminate()
    assert worker.wait(WAIT_SECONDS) == 0
    assert not any(exists(number) for number in timed.processes_of(0))
    job = timed.job(0)
    assert (job.state, job.attempt, job.tries) == (State.SUBMITTED, 1, 0)
    timed.release()
    timed.start()
    timed.await_that(lambda: timed.states()[State.TERMINATED], "another worker does it")
    job = timed.job(0)
    assert (job.exitcode, job.attempt, job.tries) == (0, 2, 1)


@on_a_cluster
def test_a_second_signal_hands_back_at_once(timed: TimedWorkers) -> None:
    timed.hold()
    timed.submit(1)
    worker = timed.start("--grace", "3600")
    timed.await_that(lambda: timed.processes_of(0), "the job runs")
    worker.terminate()
    timed.await_that(lambda: hosts(timed)[0].state is HostState.DRAINING, "it has heard")
    worker.terminate()
    assert worker.wait(WAIT_SECONDS) == 0
    assert (timed.job(0).state, timed.job(0).tries) == (State.SUBMITTED, 0)


@on_a_cluster
def test_a_drained_host_takes_no_job_until_this_is_undone(timed: TimedWorkers) -> None:
    worker = timed.start()
    timed.await_that(lambda: hosts(timed) == [HostLoad(HOST, 0, 0, 0, 1, HostState.IDLE)], "idle")
    timed.hold()
    timed.submit(3)
    timed.await_that(lambda: timed.processes_of(0), "the first job runs")
    assert hosts(timed) == [HostLoad(HOST, 1, 1, 0, 1, HostState.WORKING)]
    order(timed, draining=True)
    assert hosts(timed) == [HostLoad(HOST, 1, 1, 0, 1, HostState.DRAINING)]
    timed.await_that(lambda: "no more jobs are taken" in timed.log.read_text(), "it has heard")
    timed.release()
    timed.await_that(lambda: hosts(timed)[0].state is HostState.DRAINED, "its job has ended")
    assert timed.states() == {State.TERMINATED: 1, State.SUBMITTED: 2}
    worker.terminate()
    assert worker.wait(WAIT_SECONDS) == 0
    again = timed.start()
    timed.await_that(lambda: hosts(timed)[0].processes, "it is there again")
    assert hosts(timed) == [HostLoad(HOST, 0, 0, 0, 1, HostState.DRAINED)]
    order(timed, draining=False)
    timed.await_that(lambda: timed.states()[State.TERMINATED] == 3, "the others are done")
    assert is_running(again)


@on_a_cluster
def test_a_host_that_is_to_stop_does_so_when_nothing_runs(timed: TimedWorkers) -> None:
    timed.hold()
    timed.submit(2)
    worker = timed.start()
    timed.await_that(lambda: timed.processes_of(0), "the first job runs")
    order(timed, draining=True, ends_workers=True)
    timed.await_that(lambda: "no more jobs are taken" in timed.log.read_text(), "it has heard")
    assert is_running(worker)
    timed.release()
    assert worker.wait(WAIT_SECONDS) == 0
    assert timed.states() == {State.TERMINATED: 1, State.SUBMITTED: 1}
    with timed.database.session() as session:
        assert session.get(DrainedHost, HOST) is not None
