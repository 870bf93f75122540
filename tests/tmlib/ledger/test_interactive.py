"""Work that somebody waits for: its own queue, the same ledger."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from tests.services.ledger import ListQueue
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput, NotFound
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import owner
from tmlib.ledger import attempts, engine, holding, interactive, lost_jobs
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job, State
from tmlib.ledger.programs import PROGRAMS, Assignment, JobContext, Part, Program
from tmlib.settings import Settings
from tmlib.workflow import service


def describe(text: str) -> Callable[[Session], object]:
    return lambda session: session.execute(
        update(Experiment).values(description=Experiment.description + text)
    )


@dataclass
class Scripted(Program):
    """Does what the test says."""

    script: Callable[[JobContext, Assignment], object]

    name: ClassVar[str] = "writing"

    def run(self, context: JobContext, job: Assignment) -> Sequence[Part]:
        self.script(context, job)
        return ()


def write(context: JobContext, job: Assignment) -> None:
    """Adds what its job says to the experiment's description."""
    for share_done in job.batch.get("progress", ()):
        context.progress(share_done)
    if "fault" in job.batch:
        raise BadInput(job.batch["fault"])
    context.effects.append(describe(job.description["prefix"] + job.batch["text"]))


@pytest.fixture
def submit(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., int]:
    monkeypatch.setitem(PROGRAMS, "writing", Scripted(write))

    def submit(**jobs: dict[str, Any]) -> int:
        return interactive.submit(
            database,
            queue,
            owner(experiment.id),
            experiment.user_id,
            program="writing",
            job_type="WritingJob",
            description={"prefix": "<"},
            jobs=jobs,
        )

    return submit


def jobs(database: Database, experiment: Experiment, **wanted: Any) -> list[dict[str, Any]]:
    with database.session() as session:
        return interactive.jobs(session, owner(experiment.id), "writing", **wanted)


def description(database: Database, experiment: Experiment) -> str:
    with database.session() as session:
        return session.get_one(Experiment, experiment.id).description


def test_jobs_run_beside_a_workflow(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    settings: Settings,
    submit: Callable[..., int],
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id)
    workflow_jobs = list(queue.job_ids)
    submission_id = submit(one={"text": "a"}, two={"text": "b"})
    assert queue.job_ids == workflow_jobs
    assert len(queue.interactive_ids) == 2
    waiting = jobs(database, experiment)
    assert {job["state"] for job in waiting} == {"SUBMITTED"}
    worker = Worker(database, queue, settings)
    for job_id in queue.interactive_ids:
        worker.run(job_id)
        worker.run(job_id)
    assert description(database, experiment) == "<a<b"
    found = jobs(database, experiment, submission_id=submission_id, state=State.TERMINATED)
    assert [job["name"] for job in found] == ["two", "one"]
    for job in found:
        assert (job["type"], job["exitcode"], job["percent_done"]) == ("WritingJob", 0, 100.0)
        assert job["submission_id"] == submission_id
        assert job["submitted_at"] == job["created_at"]
    with database.session() as session:
        status = service.status(session, experiment.id)
    assert status is not None
    assert status["state"] == "SUBMITTED"


def test_a_job_that_fails_says_why_and_holds_nobody_up(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    settings: Settings,
    submit: Callable[..., int],
) -> None:
    submit(one={"fault": "The ink is dry: buy some."}, two={"text": "b"})
    worker = Worker(database, queue, settings)
    for job_id in queue.interactive_ids:
        worker.run(job_id)
    two, one = jobs(database, experiment)
    assert (one["failed"], one["error"]) == (True, "The ink is dry: buy some.")
    assert not two["failed"]
    assert jobs(database, experiment, name="one") == [one]
    assert description(database, experiment) == "<b"


def test_lost_jobs_go_back_to_their_own_queue(
    database: Database, experiment: Experiment, queue: ListQueue, submit: Callable[..., int]
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id)
    submit(one={"text": "a"}, two={"text": "b"})
    silent, unheard = queue.interactive_ids
    with database.transaction() as session:
        assert engine.claim(session, silent, "w", "h", lease=1) is not None
    later = now() + timedelta(seconds=60)
    with database.transaction() as session:
        assert lost_jobs.recover(session, later, 3, None) == []
        assert lost_jobs.recover(session, later, 3, None, interactive=True) == [silent]
        assert lost_jobs.recover(session, later, 3, later) == queue.job_ids
        assert set(lost_jobs.recover(session, later, 3, later, interactive=True)) == {
            unheard,
            silent,
        }


def test_a_job_that_kills_its_workers_fails(
    database: Database, experiment: Experiment, queue: ListQueue, submit: Callable[..., int]
) -> None:
    submit(one={"text": "a"})
    [job_id] = queue.interactive_ids
    with database.transaction() as session:
        session.execute(update(Job).values(attempt=2, tries=2))
        assert engine.claim(session, job_id, "w", "h", lease=1) is not None
        later = now() + timedelta(seconds=60)
        assert lost_jobs.recover(session, later, 3, None, interactive=True) == []
    [job] = jobs(database, experiment)
    assert "lost its worker 3 times" in job["error"]


def test_jobs_tell_how_far_they_are(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    settings: Settings,
    submit: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "_PROGRESS_SECONDS", 0)
    submit(one={"text": "a", "progress": [0.25]})
    seen = []

    def look(context: JobContext, job: Assignment) -> None:
        write(context, job)
        [shown] = jobs(database, experiment)
        seen.append((shown["state"], shown["percent_done"]))

    monkeypatch.setitem(PROGRAMS, "writing", Scripted(look))
    Worker(database, queue, settings).run(queue.interactive_ids[0])
    assert seen == [("RUNNING", 25.0)]
    assert jobs(database, experiment)[0]["percent_done"] == 100


def test_progress_is_not_written_more_often_than_somebody_looks(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    settings: Settings,
    submit: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempts, "_PROGRESS_SECONDS", 3600)
    told: list[float] = []
    monkeypatch.setattr(holding, "report_progress", lambda *rest: told.append(rest[-1]))
    submit(one={"text": "a", "progress": [0.1] * 1000})
    Worker(database, queue, settings).run(queue.interactive_ids[0])
    assert told == []


def test_a_killed_job_changes_nothing(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    settings: Settings,
    submit: Callable[..., int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit(one={"text": "a"})
    [job_id] = queue.interactive_ids

    def kill(program: str = "writing") -> None:
        with database.transaction() as session:
            interactive.kill(session, owner(experiment.id), program, job_id)

    with pytest.raises(NotFound):
        kill("reading")

    def is_killed(context: JobContext, job: Assignment) -> None:
        kill()
        write(context, job)

    monkeypatch.setitem(PROGRAMS, "writing", Scripted(is_killed))
    worker = Worker(database, queue, settings)
    worker.run(job_id)
    worker.run(job_id)
    [job] = jobs(database, experiment)
    assert (job["state"], job["error"]) == ("TERMINATED", "The job was killed.")
    assert job["failed"]
    assert description(database, experiment) == ""
    kill()
    assert jobs(database, experiment) == [job]
