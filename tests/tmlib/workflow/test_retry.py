"""Only what failed or was killed is done again; what ended well stays."""

from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st

from tests.services.ledger import ListQueue, planned
from tests.tmlib.ledger.test_engine import (
    claim,
    do,
    finish,
    run_all,
    status,
    submit,
)
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import Conflict, NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine, lost_jobs
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import EXIT_STOPPED, Job, State, Submission, Task
from tmlib.workflow import service


def test_only_failed_jobs_are_done_again_and_the_workflow_goes_on(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submission = submit(database, experiment, queue)
    first, second, third = do(database, queue.job_ids.pop(), batches=[3])
    do(database, first)
    do(database, second, exitcode=EXIT_STOPPED)
    do(database, third)
    assert status(database, experiment)["failed"]

    assert service.retry(database, queue, experiment.id) == submission
    assert queue.job_ids == [second]
    again = status(database, experiment)
    step = again["subtasks"][0]["subtasks"][0]
    assert (again["state"], again["exitcode"]) == ("SUBMITTED", None)
    assert (step["n_jobs_done"], step["n_jobs_failed"]) == (3, 0)
    assert "errors" not in step
    assert run_all(database, queue)[:2] == ["metaextract_run_0000002", "metaconfig_init_0000001"]
    end = status(database, experiment)
    assert (end["state"], end["exitcode"], end["percent_done"]) == ("TERMINATED", 0, 100.0)


def test_a_killed_workflow_goes_on_where_it_was(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    first, second = do(database, queue.job_ids.pop(), batches=[2, 1])
    do(database, first)
    running = claim(database, second)
    assert running is not None
    service.kill(database, experiment.id)
    service.retry(database, queue, experiment.id)
    with pytest.raises(LeaseLost):
        finish(database, running, Outcome(0))
    assert run_all(database, queue) == [
        "illuminati_run-00_0000002",
        "illuminati_run-01_0000001",
        "illuminati_collect_0000001",
    ]
    assert status(database, experiment)["exitcode"] == 0
    with database.session() as session:
        assert session.get_one(Job, second).attempt == running.attempt + 1


def test_all_steps_of_a_parallel_stage_that_failed_go_on(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(
        database,
        experiment,
        queue,
        type="canonical",
        stages=[{"name": "image_conversion", "mode": "parallel"}],
    )
    inits = list(queue.job_ids)
    queue.job_ids.clear()
    do(database, inits[0], exitcode=1)
    [run] = do(database, inits[1])
    do(database, run, exitcode=1)
    do(database, inits[2], batches=[])
    with database.session() as session:
        collect = session.query(Job).filter_by(step_name="imextract", phase="collect").one().id
    do(database, collect)
    service.retry(database, queue, experiment.id)
    assert queue.job_ids == [inits[0], run]
    run_all(database, queue)
    assert status(database, experiment)["exitcode"] == 0


def test_what_runs_or_ended_well_or_never_was_is_not_retried(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    with pytest.raises(NotFound, match="submit"):
        service.retry(database, queue, experiment.id)
    submit(database, experiment, queue)
    with pytest.raises(Conflict, match="still running"):
        service.retry(database, queue, experiment.id)
    run_all(database, queue)
    with pytest.raises(Conflict, match="Nothing failed"):
        service.retry(database, queue, experiment.id)


def test_limits_may_be_raised_before_a_retry_while_the_work_stays_cut(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    def described(memory: int, batch_size: int) -> dict[str, object]:
        step = {
            "name": "metaextract",
            "batch_args": [{"name": "batch_size", "value": batch_size}],
            "submission_args": [{"name": "memory", "value": memory}],
        }
        return {"type": "canonical", "stages": [{"name": "image_conversion", "steps": [step]}]}

    submit(database, experiment, queue, **described(500, 7))
    do(database, queue.job_ids.pop(), exitcode=1)
    with database.transaction() as session:
        service.save_description(session, experiment.id, described(900, 1))
    service.retry(database, queue, experiment.id)
    with database.session() as session:
        task = session.query(Task).filter_by(kind="workflow").one()
        stored = session.get_one(Submission, task.submission_id).description
    [step] = stored["stages"][0]["steps"]
    values = {item["name"]: item["value"] for item in step["submission_args"] + step["batch_args"]}
    assert (values["memory"], values["batch_size"]) == (900, 7)


def test_the_number_of_tries_begins_anew_and_attempts_go_on(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    queue.job_ids.clear()

    def lose_worker() -> list[int]:
        assert claim(database, job_id) is not None
        with database.transaction() as session:
            return lost_jobs.recover(session, now() + timedelta(seconds=31), 3, None)

    assert [lose_worker() for _ in range(3)] == [[job_id], [job_id], []]
    service.retry(database, queue, experiment.id)
    assert [lose_worker() for _ in range(3)] == [[job_id], [job_id], []]
    with database.session() as session:
        job = session.get_one(Job, job_id)
    assert (job.attempt, job.tries) == (6, 3)
    assert job.error is not None
    assert "lost its worker 3 times" in job.error


def test_a_job_waits_for_what_may_pass(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    taken = claim(database, queue.job_ids[0])
    assert taken is not None
    away = Outcome(1, error="The disk is full.", may_pass=True)
    with database.transaction() as session:
        engine.postpone(session, taken.job_id, taken.attempt, away, seconds=100)
    assert claim(database, taken.job_id) is None
    moment = now()
    with database.transaction() as session:
        later = moment + timedelta(seconds=90)
        assert lost_jobs.recover(session, later, 3, lost_before=later) == []
    with database.transaction() as session:
        later = moment + timedelta(seconds=101)
        assert lost_jobs.recover(session, later, 3, None) == [taken.job_id]
        assert lost_jobs.recover(session, later, 3, None) == []
    again = claim(database, taken.job_id)
    assert again is not None
    assert (again.attempt, again.tries) == (2, 2)
    with pytest.raises(LeaseLost), database.transaction() as session:
        engine.postpone(session, taken.job_id, taken.attempt, away, seconds=100)


EVENTS = ("well", "badly", "lost", "postponed", "killed", "twice")


@given(events=st.lists(st.sampled_from(EVENTS), max_size=30))
@examples(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_every_job_ends_well_once(
    database: Database, experiment: Experiment, events: list[str]
) -> None:
    """A workflow that is retried as often as it ends badly; its end is that of a quiet run."""
    queue = ListQueue()
    submit(database, experiment, queue)
    ended: Counter[str] = Counter()
    attempts: dict[int, int] = {}
    script = iter(events)
    while (end := status(database, experiment, depth=0))["exitcode"] != 0:
        if end["done"]:
            service.retry(database, queue, experiment.id)
        taken = claim(database, queue.job_ids.pop(0))
        if taken is None:
            continue
        assert taken.attempt > attempts.get(taken.job_id, 0)
        attempts[taken.job_id] = taken.attempt
        happens(database, experiment, queue, taken, next(script, "well"), ended)
    assert queue.job_ids == []
    assert set(ended.values()) == {1}
    with database.session() as session:
        submission = service.status(session, experiment.id, depth=0)
        assert submission is not None
        jobs = session.query(Job).filter(Job.name.in_(ended)).order_by(Job.id.desc())
        latest = list(jobs.limit(len(ended)))
        tasks = {job.task_id: session.get_one(Task, job.task_id) for job in latest}
    assert {job.name for job in latest} == set(ended)
    assert all(job.state is State.TERMINATED and job.exitcode == 0 for job in latest)
    assert all((task.n_done, task.n_failed) == (task.n_jobs, 0) for task in tasks.values())


def recover_later(database: Database) -> list[int]:
    with database.transaction() as session:
        return lost_jobs.recover(session, now() + timedelta(hours=1), 100, None)


def happens(
    database: Database,
    experiment: Experiment,
    queue: ListQueue,
    taken: Claim,
    event: str,
    ended: Counter[str],
) -> None:
    if event in ("well", "twice"):
        is_init = taken.phase == "init"
        following = planned([[{}, {}], [{}]], taken.step_name) if is_init else []
        queue.enqueue(finish(database, taken, Outcome(0, following=following)))
        ended[taken.name] += 1
        if event == "twice":
            assert claim(database, taken.job_id) is None
    elif event == "badly":
        queue.enqueue(finish(database, taken, Outcome(1, error="It went wrong.")))
    elif event == "lost":
        queue.enqueue(recover_later(database))
    elif event == "postponed":
        with database.transaction() as session:
            outcome = Outcome(1, error="It may pass.", may_pass=True)
            engine.postpone(session, taken.job_id, taken.attempt, outcome, seconds=60)
        assert claim(database, taken.job_id) is None
        queue.enqueue(recover_later(database))
    else:
        service.kill(database, experiment.id)
        queue.job_ids.clear()
        with pytest.raises(LeaseLost):
            finish(database, taken, Outcome(0))
