"""A workflow whose only job does what a test says, in this process or in one with a guard."""

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from typing import Any, ClassVar

from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger.execution import Worker
from tmlib.ledger.guard import Guard
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work

Script = Callable[[StepContext], None]


@dataclass
class Scripted(Step):
    """A step whose jobs do what the test says."""

    script: Script
    n_jobs: int = 1

    name: ClassVar[str] = "metaextract"
    fullname: ClassVar[str] = "Scripted"
    help: ClassVar[str] = "Does what the test says."

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        return [[Work({"number": number}) for number in range(self.n_jobs)]]

    def run(self, context: StepContext, batch: Batch) -> None:
        self.script(context)


def describe(**limits: Any) -> dict[str, Any]:
    """A workflow of the scripted step, with submission arguments."""
    arguments = [{"name": name, "value": value} for name, value in limits.items()]
    step = {"name": "metaextract", "submission_args": arguments}
    return {"type": "canonical", "stages": [{"name": "image_conversion", "steps": [step]}]}


def submit(database: Database, experiment: Experiment, queue: ListQueue, **limits: Any) -> None:
    """Hand in the workflow."""
    service.submit(database, queue, experiment.id, experiment.user_id, describe(**limits))


def start_worker(settings: Settings, job_ids: list[int], script: Script) -> BaseProcess:
    """Do jobs in a process of their own that is guarded; the script is a module's function."""
    process = multiprocessing.get_context("spawn").Process(
        target=_work, args=(settings, job_ids, script)
    )
    process.start()
    return process


def _work(settings: Settings, job_ids: list[int], script: Script) -> None:
    STEPS["metaextract"] = Scripted(script)
    guard = Guard(settings)
    worker = Worker(Database(settings.resolved_database_url), ListQueue(), settings, guard)
    for job_id in job_ids:
        worker.run(job_id)
