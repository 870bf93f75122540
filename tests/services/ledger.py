"""An experiment to submit workflows for, and a queue that can be looked into."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from tests.services.experiments import add_experiment
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.ledger.programs import Batch, Part, PlannedJob
from tmlib.workflow import program
from tmlib.workflow.fingerprints import StepPlan
from tmlib.workflow.steps import STEPS


@dataclass
class ListQueue:
    """Keeps job ids in memory: what is on the queues is up to the test."""

    job_ids: list[int] = field(default_factory=list)
    interactive_ids: list[int] = field(default_factory=list)

    def enqueue(self, job_ids: Sequence[int], *, interactive: bool = False) -> None:
        (self.interactive_ids if interactive else self.job_ids).extend(job_ids)

    def depth(self, *, interactive: bool = False) -> int:
        return len(self.interactive_ids if interactive else self.job_ids)


def planned(batches: Sequence[Sequence[Batch]], step_name: str = "metaextract") -> list[Part]:
    """What follows the init job of a step that has planned these groups of batches."""
    groups = [[PlannedJob(batch) for batch in group] for group in batches]
    return program.phases(STEPS[step_name], StepPlan(groups, PlannedJob({})))


@pytest.fixture
def queue() -> ListQueue:
    return ListQueue()


@pytest.fixture
def experiment(database: Database) -> Experiment:
    with database.transaction() as session:
        return add_experiment(session)
