"""One job in a worker: what it prints, changes and says when it fails."""

import errno
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.services import scripted
from tests.services.ledger import ListQueue
from tests.services.scripted import Scripted
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.experiments.models import Experiment
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import StepContext


@dataclass
class Runner:
    """Runs one workflow of a scripted step and shows its job."""

    database: Database
    experiment: Experiment
    queue: ListQueue
    worker: Worker
    monkeypatch: pytest.MonkeyPatch

    def run(self, script: Callable[[StepContext], None]) -> dict[str, Any]:
        self.monkeypatch.setitem(STEPS, "metaextract", Scripted(script))
        scripted.submit(self.database, self.experiment, self.queue)
        while self.queue.job_ids:
            self.worker.run(self.queue.job_ids.pop(0))
        with self.database.session() as session:
            [job] = service.jobs(session, self.experiment.id, step_name="metaextract", phase="run")
            stored = session.query(Job).filter_by(phase="run").one()
            return job | {"stdout": stored.stdout, "stderr": stored.stderr}

    def description(self) -> str:
        with self.database.session() as session:
            return session.get_one(Experiment, self.experiment.id).description


@pytest.fixture
def runner(
    database: Database,
    settings: Settings,
    experiment: Experiment,
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> Runner:
    return Runner(database, experiment, queue, Worker(database, queue, settings), monkeypatch)


def describe(text: str) -> Callable[[Session], object]:
    return lambda session: session.execute(update(Experiment).values(description=text))


def test_effects_are_applied_and_files_cleaned_up_when_a_job_ends(runner: Runner) -> None:
    cleaned = []

    def script(context: StepContext) -> None:
        context.effects.append(describe("done"))
        context.afterwards.append(lambda: cleaned.append(runner.description()))

    job = runner.run(script)
    assert (job["state"], job["exitcode"], job["error"]) == ("TERMINATED", 0, None)
    assert cleaned == ["done"]


def test_output_and_log_are_kept(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        print("hello")  # noqa: T201 - what a pipeline module might do
        logging.getLogger("tmlib.job").warning("careful")

    job = runner.run(script)
    assert job["stdout"] == "hello\n"
    assert "WARNING careful" in job["stderr"]


def test_a_failed_job_changes_nothing(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        context.effects.append(describe("half done"))
        raise BadInput("The image is upside down: turn it.")

    job = runner.run(script)
    assert (job["exitcode"], job["error"]) == (1, "The image is upside down: turn it.")
    assert "Traceback" not in job["stderr"]
    assert runner.description() == ""


def test_an_effect_that_fails_takes_the_others_back(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        context.effects.append(describe("half done"))
        context.effects.append(lambda session: 1 / 0)

    job = runner.run(script)
    assert job["exitcode"] == 1
    assert runner.description() == ""


def test_an_unexpected_error_leaves_its_traceback_in_the_log(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        raise KeyError("surprise")

    job = runner.run(script)
    assert job["error"] == (
        "The job failed for a reason that was not foreseen ('surprise'): send its log to whoever "
        "runs this server."
    )
    assert "Traceback" in job["stderr"]


def test_an_error_may_quote_what_no_database_keeps(runner: Runner) -> None:
    def quote(context: StepContext) -> None:
        raise BadInput('There is no column "a\0b".')

    job = runner.run(quote)
    assert (job["exitcode"], job["error"]) == (1, 'There is no column "a?b".')
    assert job["stderr"].endswith('There is no column "a?b".\n')


def test_a_full_disk_is_called_by_its_name(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/image")

    job = runner.run(script)
    assert "disk is full" in job["error"]
    assert "/data/image" in job["error"]


def test_a_job_that_was_taken_over_changes_nothing(runner: Runner) -> None:
    def script(context: StepContext) -> None:
        with runner.database.transaction() as session:
            session.execute(update(Job).where(Job.phase == "run").values(attempt=Job.attempt + 1))
        context.effects.append(describe("too late"))

    job = runner.run(script)
    assert job["state"] == "RUNNING"
    assert runner.description() == ""
