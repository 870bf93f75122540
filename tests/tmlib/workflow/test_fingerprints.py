"""Which jobs are skipped and why others are done, of a step that only counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.errors import BadInput
from tmlib.experiments.models import Experiment
from tmlib.ledger.execution import Worker
from tmlib.settings import Settings
from tmlib.workflow import service
from tmlib.workflow.arguments import BATCH_SIZE, Argument
from tmlib.workflow.models import Fingerprint
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import Batch, Inputs, Step, StepContext, Work, chunks, digest


@dataclass
class Counting(Step):
    """Copies numbers from one dictionary to another, and notes what it was asked to do."""

    inputs: dict[int, str]
    made: dict[int, str] = field(default_factory=dict)
    did: list[str] = field(default_factory=list)
    fails: bool = False

    name: ClassVar[str] = "metaextract"
    fullname: ClassVar[str] = "Counting"
    help: ClassVar[str] = "Copies numbers."
    has_collect: ClassVar[bool] = True
    arguments: ClassVar[tuple[Argument, ...]] = (BATCH_SIZE, Argument("factor", int, "-", 1))

    def create_batches(self, context: StepContext) -> list[list[Work]]:
        size = int(context.arguments["batch_size"] or 1)
        parts = chunks(sorted(self.inputs), size)
        return [
            [
                Work({"numbers": part}, {"numbers": digest([self.inputs[n] for n in part])})
                for part in parts
            ]
        ]

    def collect_inputs(self, context: StepContext) -> Inputs:
        return {"total": digest(len(self.inputs))}

    def keep(self, context: StepContext, current: Sequence[Batch]) -> None:
        kept = {n for batch in current for n in batch["numbers"]}
        self.made = {n: text for n, text in self.made.items() if n in kept}

    def outputs(
        self, context: StepContext, session: Session, batches: Sequence[Batch]
    ) -> list[str | None]:
        made = [[self.made.get(n) for n in batch["numbers"]] for batch in batches]
        return [None if None in one else digest(one) for one in made]

    def run(self, context: StepContext, batch: Batch) -> None:
        if self.fails:
            raise BadInput("It cannot be.")
        self.did.append(",".join(map(str, batch["numbers"])))
        self.made |= {n: self.inputs[n] for n in batch["numbers"]}

    def collect(self, context: StepContext) -> None:
        self.did.append("collect")

    def collect_output(self, context: StepContext, session: Session) -> str:
        return "collected"


@dataclass
class Workflow:
    """Runs the counting step again and again."""

    database: Database
    experiment: Experiment
    settings: Settings
    step: Counting

    def run(self, *, force: bool = False, **arguments: Any) -> list[str]:
        """Run it with these arguments; gives what was done."""
        self.step.did.clear()
        values = [{"name": name, "value": value} for name, value in arguments.items()]
        step = {"name": "metaextract", "batch_args": values}
        description = {
            "type": "canonical",
            "stages": [{"name": "image_conversion", "steps": [step]}],
        }
        queue = ListQueue()
        service.submit(
            self.database,
            queue,
            self.experiment.id,
            self.experiment.user_id,
            description,
            force=force,
        )
        self.work(queue)
        return self.step.did

    def retry(self) -> list[str]:
        self.step.did.clear()
        queue = ListQueue()
        service.retry(self.database, queue, self.experiment.id)
        self.work(queue)
        return self.step.did

    def work(self, queue: ListQueue) -> None:
        worker = Worker(self.database, queue, self.settings)
        while queue.job_ids:
            worker.run(queue.job_ids.pop(0))

    def reasons(self) -> list[str | None]:
        """Why jobs were done, in their order; "-" for those that were skipped."""
        with self.database.session() as session:
            jobs = service.jobs(session, self.experiment.id, step_name="metaextract")
        return [
            "-" if job["skipped"] else job["reason"] for job in jobs if "init" not in job["name"]
        ]

    def status(self) -> dict[str, Any]:
        """What the status says about the step."""
        with self.database.session() as session:
            status = service.status(session, self.experiment.id)
        assert status is not None
        assert status["exitcode"] is not None
        step: dict[str, Any] = status["subtasks"][0]["subtasks"][0]
        return step


@pytest.fixture
def workflow(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> Workflow:
    step = Counting({1: "a", 2: "b", 3: "c", 4: "d"})
    monkeypatch.setitem(STEPS, "metaextract", step)
    return Workflow(database, experiment, settings, step)


def test_what_stands_is_skipped(workflow: Workflow) -> None:
    assert workflow.run(batch_size=2) == ["1,2", "3,4", "collect"]
    assert workflow.reasons() == ["not done before"] * 3
    assert workflow.run(batch_size=2) == []
    assert workflow.reasons() == ["-"] * 3
    status = workflow.status()
    assert (status["state"], status["exitcode"], status["percent_done"]) == ("TERMINATED", 0, 100)
    counts = [status[f"n_jobs{which}"] for which in ("", "_done", "_failed", "_skipped")]
    assert counts == [4, 4, 0, 3]


def test_a_changed_input_has_only_its_own_job_done_again(workflow: Workflow) -> None:
    workflow.run(batch_size=1)
    workflow.step.inputs[3] = "C"
    assert workflow.run(batch_size=1) == ["3", "collect"]
    assert workflow.reasons() == [
        "other jobs of the step are done again",
        *("-", "-", "input changed: numbers", "-"),
    ]
    assert workflow.step.made == workflow.step.inputs
    assert workflow.run(batch_size=1) == []
    del workflow.step.inputs[4]
    assert workflow.run(batch_size=1) == ["collect"]
    assert 4 not in workflow.step.made
    assert workflow.reasons() == ["input changed: total", "-", "-", "-"]


def test_output_that_is_gone_or_was_changed_is_made_again(workflow: Workflow) -> None:
    workflow.run(batch_size=1)
    workflow.step.made[1] = "z"
    del workflow.step.made[2]
    assert workflow.run(batch_size=1) == ["1", "2", "collect"]
    assert workflow.reasons()[1:3] == ["output is gone or was changed"] * 2
    assert workflow.step.made == workflow.step.inputs


def test_arguments_versions_and_users_can_have_everything_done_again(
    workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = ["1,2", "3,4", "collect"]
    workflow.run(batch_size=2)
    assert workflow.run(batch_size=2, factor=3) == everything
    assert set(workflow.reasons()) == {"argument changed: factor"}
    monkeypatch.setattr(Counting, "version", 2)
    assert workflow.run(batch_size=2, factor=3) == everything
    assert set(workflow.reasons()) == {"the step has a new version"}
    assert workflow.run(batch_size=2, factor=3, force=True) == everything
    assert set(workflow.reasons()) == {"everything was to be done again"}
    assert workflow.run(batch_size=2, factor=3) == []


def test_an_outdated_fingerprint_never_comes_to_life_again(workflow: Workflow) -> None:
    workflow.run(batch_size=2)
    assert workflow.run(batch_size=3) == ["1,2,3", "4", "collect"]
    assert set(workflow.reasons()) == {"argument changed: batch_size"}
    assert workflow.run(batch_size=2) == ["1,2", "3,4", "collect"]
    with workflow.database.session() as session:
        assert session.scalar(select(func.count()).select_from(Fingerprint)) == 3


def test_a_job_that_failed_is_done_again_and_those_before_are_not(workflow: Workflow) -> None:
    workflow.run(batch_size=1)
    workflow.step.inputs |= {3: "C", 4: "D"}
    workflow.step.fails = True
    assert workflow.run(batch_size=1) == []
    assert workflow.status()["n_jobs_failed"] == 2
    workflow.step.fails = False
    # what was skipped stays skipped when the others are retried
    assert workflow.retry() == ["3", "4", "collect"]
    assert workflow.status()["n_jobs_skipped"] == 2
    assert workflow.run(batch_size=1) == []
    workflow.step.inputs[1] = "A"
    workflow.step.fails = True
    workflow.run(batch_size=1)
    workflow.step.fails = False
    assert workflow.run(batch_size=1) == ["1", "collect"]
    assert workflow.reasons()[1] == "did not end well before"
    assert workflow.step.made == workflow.step.inputs


def test_input_that_changes_while_a_job_waits_has_it_done_again(
    workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Worker.run
    n_calls = 0

    def run_and_change(worker: Worker, job_id: int) -> None:
        nonlocal n_calls
        run(worker, job_id)
        n_calls += 1
        if n_calls == 1:  # the work is planned, and nothing of it is done
            workflow.step.inputs[1] = "late"

    monkeypatch.setattr(Worker, "run", run_and_change)
    workflow.run(batch_size=1)
    assert workflow.step.made[1] == "late"
    assert workflow.run(batch_size=1) == ["1", "collect"]
    assert workflow.run(batch_size=1) == []


def test_what_says_nothing_of_its_inputs_is_always_done(
    workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_batches = Counting.create_batches

    def without_inputs(step: Counting, context: StepContext) -> list[list[Work]]:
        return [[Work(one.batch) for one in group] for group in create_batches(step, context)]

    monkeypatch.setattr(Counting, "create_batches", without_inputs)
    for _ in range(2):
        assert workflow.run(batch_size=2) == ["1,2", "3,4", "collect"]


def test_a_step_that_cannot_be_divided_is_done_as_a_whole(
    workflow: Workflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "is_indivisible", True)
    workflow.run(batch_size=2)
    assert workflow.run(batch_size=2) == []
    workflow.step.inputs[1] = "A"
    assert workflow.run(batch_size=2) == ["1,2", "3,4", "collect"]
    assert workflow.reasons()[1:] == ["input changed: numbers", "the step is done as a whole"]
