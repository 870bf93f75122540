"""Jobs that take too much or that nobody wants any more are stopped, with all they started."""

import contextlib
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any

import psutil
import pytest

from tests.services import scripted
from tests.services.ledger import ListQueue
from tests.services.scripted import Script, Scripted
from tests.tmlib.ledger import misbehaviour
from tmlib.db import Database, clock
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine, job_log, lost_jobs
from tmlib.ledger.execution import Worker
from tmlib.ledger.job_log import JobLog
from tmlib.ledger.models import EXIT_STOPPED, Job, State
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS

WAIT_SECONDS = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def submitted(
    database: Database,
    settings: Settings,
    experiment: Experiment,
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> "Submitted":
    return Submitted(database, settings, experiment, queue, monkeypatch)


class Submitted:
    """A workflow of which one job is to be done by a worker with a guard."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        experiment: Experiment,
        queue: ListQueue,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.database = database
        self.settings = settings
        self.experiment = experiment
        self.queue = queue
        monkeypatch.setitem(STEPS, "metaextract", Scripted(lambda context: None))

    @contextmanager
    def worked_on(self, script: Script, **limits: Any) -> Iterator[BaseProcess]:
        """Hand in the workflow, and let a process of its own do the job."""
        scripted.submit(self.database, self.experiment, self.queue, **limits)
        Worker(self.database, self.queue, self.settings).run(self.queue.job_ids.pop())
        process = scripted.start_worker(self.settings, self.queue.job_ids, script)
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def job(self) -> Job:
        with self.database.session() as session:
            return session.query(Job).filter_by(phase="run").one()

    def log(self) -> JobLog:
        with self.database.session() as session:
            return job_log.read(session, self.job().id)


def await_end(process_id: int) -> None:
    """Wait for a process that was killed: one with much memory takes a moment to go."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(process_id)
        deadline = time.monotonic() + WAIT_SECONDS
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "it goes on"
            time.sleep(0.02)


def test_a_job_past_its_duration_is_stopped_and_says_so(submitted: Submitted) -> None:
    with submitted.worked_on(misbehaviour.hang, duration="00:00:01") as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        job = wait_for_end(submitted)
    assert job.exitcode == EXIT_STOPPED
    assert job.error is not None
    assert 'limit "duration" is 0:00:01' in job.error
    assert "it took 0:00:0" in job.error
    assert 'submission arguments of step "metaextract"' in job.error
    assert job.error in job.stderr
    await_end(int(job.stdout))
    with submitted.database.session() as session:
        status = service.status(session, submitted.experiment.id)
    assert status is not None
    assert (status["state"], status["failed"]) == ("TERMINATED", True)


def test_a_job_past_its_memory_is_stopped_and_says_so(submitted: Submitted) -> None:
    with submitted.worked_on(misbehaviour.swallow, memory=900) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        job = wait_for_end(submitted)
    assert job.exitcode == EXIT_STOPPED
    assert job.error is not None
    assert 'limit "memory" is 900 MB' in job.error
    assert job.memory is not None
    assert job.memory > 900
    assert f"used {job.memory} MB" in job.error
    await_end(int(job.stdout))


def test_a_job_of_a_killed_workflow_ends_with_all_it_started(submitted: Submitted) -> None:
    with submitted.worked_on(misbehaviour.hang) as process:
        worker = psutil.Process(process.pid)
        while len(family := worker.children(recursive=True)) < 2:
            assert process.is_alive()
        service.kill(submitted.database, submitted.experiment.id)
        process.join(WAIT_SECONDS)
        assert process.exitcode == -signal.SIGKILL
        assert psutil.wait_procs(family, WAIT_SECONDS)[1] == []
    assert submitted.job().error == "The workflow was killed."


def test_it_is_told_what_became_of_a_process_that_ends_in_the_middle(
    submitted: Submitted,
) -> None:
    with submitted.worked_on(misbehaviour.hang) as process:
        while not submitted.log().stdout.end:
            assert process.is_alive()
        process.kill()
        while not submitted.job().error:
            assert submitted.job().state is State.RUNNING
    with submitted.database.transaction() as session:
        job_id = submitted.job().id
        assert lost_jobs.recover(session, clock.read(session), 2, None) == [job_id]
    with submitted.database.transaction() as session:
        assert engine.claim(session, job_id, "another:1", "another", 0) is not None
    assert submitted.job().error is None
    with submitted.database.transaction() as session:
        lost_jobs.recover(session, clock.read(session), 2, None)
    error = submitted.job().error
    assert error is not None
    assert "lost its worker 2 times. The last one was another:1: it gave no sign of life" in error


def test_a_job_that_ends_is_left_alone_and_has_the_threads_it_may_use(
    submitted: Submitted,
) -> None:
    with submitted.worked_on(misbehaviour.tell_threads, cores=2) as process:
        process.join(WAIT_SECONDS)
        assert process.exitcode == 0
    job = submitted.job()
    assert (job.exitcode, job.error) == (0, None)
    assert job.stdout == "2\n"


def test_what_a_job_prints_can_be_read_while_it_hangs(submitted: Submitted) -> None:
    with submitted.worked_on(misbehaviour.chat) as process:
        while (log := submitted.log()).stdout.end == 0:
            assert process.is_alive()
    assert (log.attempt, log.is_live) == (1, True)
    assert (log.stdout.text, log.stderr.text) == ("one?\nzwölf\n", "careful\n")


def wait_for_end(submitted: Submitted) -> Job:
    """The job, once the guard has told the ledger what it did."""
    while (job := submitted.job()).state is State.RUNNING:
        assert job.lease_expires_at is not None
    return job
