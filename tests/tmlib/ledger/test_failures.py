"""Failures that may pass are tried again, a bounded number of times; others are not."""

import errno
import os
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import tensorstore as ts
from sqlalchemy import URL, make_url, text
from sqlalchemy.exc import OperationalError

from tests.services import postgresql, scripted
from tests.services.ledger import ListQueue
from tests.services.scripted import Script, Scripted
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput, Unavailable
from tmlib.experiments.models import Experiment
from tmlib.ledger import failures, lost_jobs
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job, State
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import StepContext


class Runner:
    """Works on a workflow with one scripted job, and looks for lost jobs."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        experiment: Experiment,
        queue: ListQueue,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        self.database = database
        self.experiment = experiment
        self.queue = queue
        self.worker = Worker(database, queue, settings)
        self._patch = monkeypatch

    def start(self, script: Script) -> Job:
        """Hand in the workflow and work until nothing is on the queue."""
        self._patch.setitem(STEPS, "metaextract", Scripted(script))
        scripted.submit(self.database, self.experiment, self.queue)
        return self.work()

    def work(self) -> Job:
        while self.queue.job_ids:
            self.worker.run(self.queue.job_ids.pop(0))
        return self.job()

    def work_later(self, seconds: float) -> Job:
        """Send again what is due after so many seconds, and work."""
        with self.database.transaction() as session:
            later = now() + timedelta(seconds=seconds)
            self.queue.enqueue(lost_jobs.recover(session, later, 3, None))
        return self.work()

    def job(self) -> Job:
        with self.database.session() as session:
            return session.query(Job).filter_by(phase="run").one()


@pytest.fixture
def runner(
    database: Database,
    settings: Settings,
    experiment: Experiment,
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> Runner:
    return Runner(database, settings, experiment, queue, monkeypatch)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("mounting a small file system needs more rights")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_waited_for(runner: Runner, small_disk: Path) -> None:
    def script(context: StepContext) -> None:
        pixels = np.random.default_rng(0).integers(0, 2**16, (1000, 1000), np.uint16)
        store = {"driver": "file", "path": str(small_disk / "array")}
        array = ts.open(
            {"driver": "zarr3", "kvstore": store}, dtype=ts.uint16, shape=pixels.shape, create=True,
            open=True,
        ).result()  # fmt: skip
        array.write(pixels).result()

    job = runner.start(script)
    assert (job.state, job.exitcode, job.tries) == (State.SUBMITTED, None, 1)
    assert job.error is not None
    assert job.error.startswith("The disk is full")
    assert job.error.endswith("It is tried again after 30 seconds.")
    assert runner.work_later(29).tries == 1
    assert runner.work_later(31).tries == 2
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    assert runner.work_later(31).tries == 2
    job = runner.work_later(121)
    assert (job.exitcode, job.error, job.tries) == (0, None, 3)


def test_a_disk_that_stays_full_fails_the_job_in_the_end(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        Path("/dev/full").write_bytes(b"something")

    runner.start(script)
    runner.work_later(31)
    job = runner.work_later(121)
    assert (job.state, job.exitcode, job.tries) == (State.TERMINATED, 1, 3)
    assert job.error is not None
    assert "The disk is full" in job.error
    assert "It was tried 3 times." in job.error
    assert job.error in job.stderr
    with runner.database.session() as session:
        status = service.status(session, runner.experiment.id)
    assert status is not None
    assert (status["state"], status["failed"]) == ("TERMINATED", True)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_that_refuses_connections_is_waited_for(
    runner: Runner, postgresql_server: URL
) -> None:
    name = str(make_url(runner.worker.settings.resolved_database_url).database)
    end_all = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"  # noqa: S608 - a name of the tests

    def script(context: StepContext) -> None:
        if runner.job().tries == 1:
            postgresql.execute(postgresql_server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
            postgresql.execute(postgresql_server, end_all)
        with context.database.session() as session:
            session.execute(text("SELECT 1"))

    with pytest.raises(OperationalError):
        runner.start(script)
    postgresql.execute(postgresql_server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert runner.job().state is State.RUNNING
    job = runner.work_later(3)
    assert (job.exitcode, job.tries) == (0, 2)


def test_a_lost_connection_of_one_job_is_tried_again(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        if runner.job().tries == 1:
            raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))

    assert runner.start(script).state is State.SUBMITTED
    assert runner.work_later(31).exitcode == 0


def test_an_effect_that_fails_for_what_may_pass_is_tried_again(runner: Runner) -> None:
    def effect(session: object) -> None:
        if runner.job().tries == 1:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/data")

    def script(context: StepContext) -> None:
        context.effects.append(effect)

    assert runner.start(script).state is State.SUBMITTED
    assert runner.work_later(31).exitcode == 0


@pytest.mark.parametrize(
    "error",
    [BadInput("Turn the image."), KeyError("x"), MemoryError(), FileNotFoundError(2, "No", "x")],
)
def test_other_failures_count_at_once(runner: Runner, error: Exception) -> None:
    def script(context: StepContext) -> None:
        raise error

    job = runner.start(script)
    assert (job.state, job.exitcode, job.tries) == (State.TERMINATED, 1, 1)


def test_the_cause_of_a_failure_decides() -> None:
    error = RuntimeError("no image")
    error.__cause__ = OSError(errno.EIO, "Input/output error")
    assert failures.may_pass(error)
    error.__cause__ = OSError(errno.EACCES, "Permission denied")
    assert not failures.may_pass(error)
    assert failures.may_pass(Unavailable("The queue is away: wait."))
