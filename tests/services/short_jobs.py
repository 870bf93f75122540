"""A workflow of jobs that take no time, which workers do in groups."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.services import scripted
from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job, State, Task
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Batch, Step, StepContext, Work

N_JOBS = 20

Script = Callable[[StepContext, int], None]


@dataclass
class Numbered(Step):
    """Each job adds a letter to the experiment's description, and does what the test says."""

    script: Script
    done: list[int] = field(default_factory=list)

    name: ClassVar[str] = "metaextract"
    fullname: ClassVar[str] = "Numbered"
    help: ClassVar[str] = "Adds a letter."

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        return [[Work({"number": number}) for number in range(N_JOBS)]]

    def run(self, context: StepContext, batch: Batch) -> None:
        number = batch["number"]
        self.done.append(number)
        context.effects.append(lambda session: add_letter(session, number))
        print(f"This is {number}.")  # noqa: T201 - goes into the log
        self.script(context, number)


def add_letter(session: Session, number: int) -> None:
    session.execute(
        update(Experiment).values(description=Experiment.description + chr(ord("a") + number))
    )


@dataclass
class Ledger:
    """A workflow of short jobs, and a worker whose turn does not end before they do."""

    database: Database
    settings: Settings
    experiment: Experiment
    queue: ListQueue
    monkeypatch: pytest.MonkeyPatch
    arguments: dict[str, Any] = field(default_factory=dict)

    def submit(self) -> None:
        """Cut the work; the window of its jobs is on the queue."""
        service.submit(
            self.database,
            self.queue,
            self.experiment.id,
            self.experiment.user_id,
            scripted.describe(**self.arguments),
        )
        self.worker().run(self.queue.job_ids.pop())

    def worker(self) -> Worker:
        return Worker(self.database, self.queue, self.settings)

    def run(self, script: Script = lambda context, number: None, turns: int | None = None) -> int:
        """Take messages until there are none, or so many; gives how many were taken."""
        self.monkeypatch.setitem(STEPS, "metaextract", Numbered(script))
        if not self.jobs():
            self.submit()
        worker, n = self.worker(), 0
        while self.queue.job_ids and n != turns:
            worker.run(self.queue.job_ids.pop(0))
            n += 1
        return n

    def jobs(self) -> list[Job]:
        """The run jobs in their order."""
        with self.database.session() as session:
            query = select(Job).where(Job.phase == "run").order_by(Job.index)
            return list(session.scalars(query))

    def states(self) -> Counter[State]:
        return Counter(job.state for job in self.jobs())

    def running(self) -> int:
        return self.states()[State.RUNNING]

    def letters(self) -> str:
        with self.database.session() as session:
            return "".join(sorted(session.get_one(Experiment, self.experiment.id).description))

    def letters_of(self, numbers: list[int]) -> str:
        return "".join(chr(ord("a") + number) for number in numbers)

    def phase(self) -> Task:
        with self.database.session() as session:
            return session.get_one(Task, self.jobs()[0].task_id)


@pytest.fixture
def ledger(
    database: Database,
    settings: Settings,
    experiment: Experiment,
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> Ledger:
    patient = settings.model_copy(update={"turn_seconds": 600})
    return Ledger(database, patient, experiment, queue, monkeypatch)
