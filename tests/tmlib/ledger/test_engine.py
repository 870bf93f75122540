"""The ledger: who gets a job, what its end starts, and what happens when somebody dies."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from tests.services.ledger import ListQueue, planned
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput, Conflict
from tmlib.experiments.models import Experiment
from tmlib.ledger import engine, holding, lost_jobs
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import Job, State
from tmlib.workflow import service

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}


def submit(database: Database, experiment: Experiment, queue: ListQueue, **description: Any) -> int:
    return service.submit(
        database, queue, experiment.id, experiment.user_id, description or CONVERSION
    )


def claim(database: Database, job_id: int, worker: str = "one") -> Claim | None:
    with database.transaction() as session:
        return engine.claim(session, job_id, worker, "host", lease=30)


def finish(database: Database, taken: Claim, outcome: Outcome) -> list[int]:
    with database.transaction() as session:
        return engine.finish(session, taken.job_id, taken.attempt, outcome)


def do(
    database: Database, job_id: int, batches: Sequence[int] = (1,), exitcode: int = 0
) -> list[int]:
    """Take a job and end it; an init job plans groups of so many batches."""
    taken = claim(database, job_id)
    assert taken is not None
    following = []
    if taken.phase == "init":
        groups = [[{"number": number} for number in range(size)] for size in batches]
        following = planned(groups, taken.step_name)
    error = "It went wrong." if exitcode else None
    return finish(database, taken, Outcome(exitcode, error=error, following=following))


def run_all(database: Database, queue: ListQueue) -> list[str]:
    """Do all jobs and tell in which order."""
    names = []
    while queue.job_ids:
        job_id = queue.job_ids.pop(0)
        names.append(job_name(database, job_id))
        queue.enqueue(do(database, job_id))
    return names


def job_name(database: Database, job_id: int) -> str:
    with database.session() as session:
        return session.get_one(Job, job_id).name


def status(database: Database, experiment: Experiment, depth: int = 4) -> dict[str, Any]:
    with database.session() as session:
        found = service.status(session, experiment.id, depth)
    assert found is not None
    return found


def test_steps_and_phases_follow_one_another(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    assert run_all(database, queue) == [
        "metaextract_init_0000001",
        "metaextract_run_0000001",
        "metaconfig_init_0000001",
        "metaconfig_run_0000001",
        "metaconfig_collect_0000001",
        "imextract_init_0000001",
        "imextract_run_0000001",
        "imextract_collect_0000001",
    ]
    end = status(database, experiment)
    assert (end["state"], end["exitcode"], end["percent_done"]) == ("TERMINATED", 0, 100.0)


def test_the_next_phase_waits_for_the_last_job(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    run_jobs = do(database, queue.job_ids.pop(), batches=[3])
    assert len(run_jobs) == 3
    assert do(database, run_jobs[0]) == []
    assert do(database, run_jobs[2]) == []
    following = do(database, run_jobs[1])
    assert [job_name(database, job_id) for job_id in following] == ["metaconfig_init_0000001"]


def test_groups_of_batches_become_phases_that_wait_for_each_other(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue, type="canonical", stages=[{"name": "pyramid_creation"}])
    first = do(database, queue.job_ids.pop(), batches=[2, 1])
    assert [job_name(database, job_id) for job_id in first] == [
        "illuminati_run-00_0000001",
        "illuminati_run-00_0000002",
    ]
    assert do(database, first[0]) == []
    second = do(database, first[1])
    assert [job_name(database, job_id) for job_id in second] == ["illuminati_run-01_0000001"]
    collect = do(database, second[0])
    assert [job_name(database, job_id) for job_id in collect] == ["illuminati_collect_0000001"]


def test_a_step_without_batches_is_done(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    following = do(database, queue.job_ids.pop(), batches=[])
    assert [job_name(database, job_id) for job_id in following] == ["metaconfig_init_0000001"]


def test_parallel_stages_start_all_steps_and_end_with_the_last(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(
        database,
        experiment,
        queue,
        type="canonical",
        stages=[{"name": "image_conversion", "mode": "parallel"}, {"name": "image_preprocessing"}],
    )
    assert len(queue.job_ids) == 3
    names = run_all(database, queue)
    assert names[-2:] == ["corilla_init_0000001", "corilla_run_0000001"]
    assert status(database, experiment)["exitcode"] == 0


def test_a_second_message_gets_nothing(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    assert claim(database, job_id) is not None
    assert claim(database, job_id, "two") is None


def test_of_many_workers_one_gets_the_job(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    claims: list[Claim | None] = []
    threads = [
        threading.Thread(target=lambda: claims.append(claim(database, job_id))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(claims) == 8
    assert sum(taken is not None for taken in claims) == 1


def test_a_failed_job_fails_the_workflow_when_the_others_are_done(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    first, second = do(database, queue.job_ids.pop(), batches=[2])
    assert do(database, first, exitcode=1) == []
    assert status(database, experiment)["state"] == "RUNNING"
    assert do(database, second) == []
    end = status(database, experiment)
    assert (end["state"], end["exitcode"], end["failed"]) == ("TERMINATED", 1, True)
    step = end["subtasks"][0]["subtasks"][0]
    assert step["errors"] == ["It went wrong."]
    assert (step["n_jobs"], step["n_jobs_done"], step["n_jobs_failed"]) == (3, 3, 1)


def test_a_silent_worker_loses_its_job_and_cannot_commit(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    dead = claim(database, job_id, "dead")
    assert dead is not None
    with database.transaction() as session:
        later = now() + timedelta(seconds=31)
        assert lost_jobs.recover(session, later, 3, None) == [job_id]
    alive = claim(database, job_id, "alive")
    assert alive is not None
    assert alive.attempt == dead.attempt + 1
    with pytest.raises(LeaseLost):
        finish(database, dead, Outcome(0, following=planned([[{}]])))
    assert len(finish(database, alive, Outcome(0, following=planned([[{}]])))) == 1


def test_a_heartbeat_keeps_the_job(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    taken = claim(database, queue.job_ids[0])
    assert taken is not None
    with database.transaction() as session:
        assert holding.heartbeat(session, taken.job_id, taken.attempt, lease=120)
    with database.transaction() as session:
        assert lost_jobs.recover(session, now() + timedelta(seconds=60), 3, None) == []
    with database.transaction() as session:
        assert not holding.heartbeat(session, taken.job_id, taken.attempt + 1, lease=120)


def test_leases_that_nobody_could_prolong_have_some_grace(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    assert claim(database, job_id) is not None
    with database.transaction() as session:
        later = now() + timedelta(seconds=31)
        assert lost_jobs.recover(session, later, 3, None, grace_seconds=30) == []
        later += timedelta(seconds=30)
        assert lost_jobs.recover(session, later, 3, None, grace_seconds=30) == [job_id]


def test_a_job_that_always_loses_its_worker_fails_in_the_end(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    for _ in range(3):
        assert claim(database, job_id) is not None
        with database.transaction() as session:
            lost_jobs.recover(session, now() + timedelta(seconds=31), 3, None)
    end = status(database, experiment)
    assert (end["state"], end["exitcode"]) == ("TERMINATED", 1)
    assert "lost its worker 3 times" in end["subtasks"][0]["subtasks"][0]["errors"][0]


def test_a_lost_message_is_found(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    [job_id] = queue.job_ids
    moment = now() + timedelta(seconds=60)
    with database.transaction() as session:
        assert lost_jobs.recover(session, moment, 3, moment - timedelta(seconds=30)) == [job_id]
    with database.transaction() as session:
        assert lost_jobs.recover(session, moment, 3, moment - timedelta(seconds=30)) == []


def test_one_experiment_runs_one_workflow_at_a_time(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    with pytest.raises(Conflict, match="still running"):
        submit(database, experiment, queue)
    run_all(database, queue)
    submit(database, experiment, queue)


def test_of_two_submissions_at_once_one_is_refused(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    results: list[str] = []

    def attempt() -> None:
        try:
            submit(database, experiment, queue)
        except Conflict:
            results.append("refused")
        else:
            results.append("accepted")

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == ["accepted", "refused", "refused", "refused"]


def test_kill_ends_waiting_jobs_at_once_and_fences_running_ones(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    first, second = do(database, queue.job_ids.pop(), batches=[2])
    running = claim(database, first)
    assert running is not None
    service.kill(database, experiment.id)
    assert claim(database, second) is None
    with pytest.raises(LeaseLost):
        finish(database, running, Outcome(0))
    end = status(database, experiment)
    assert (end["state"], end["failed"]) == ("TERMINATED", True)


def test_resubmission_starts_at_the_stage_that_is_named(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    description = {
        "type": "canonical",
        "stages": [{"name": "image_conversion"}, {"name": "image_preprocessing"}],
    }
    submission = submit(database, experiment, queue, **description)
    run_all(database, queue)
    again = service.resubmit(database, queue, experiment.id, stage_name="image_preprocessing")
    assert again == submission
    assert run_all(database, queue) == ["corilla_init_0000001", "corilla_run_0000001"]
    assert status(database, experiment)["exitcode"] == 0
    with pytest.raises(BadInput, match="image_analysis"):
        service.resubmit(database, queue, experiment.id, stage_name="image_analysis")


def test_resubmission_is_refused_while_an_earlier_stage_failed(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    description = {
        "type": "canonical",
        "stages": [{"name": "image_conversion"}, {"name": "image_preprocessing"}],
    }
    submit(database, experiment, queue, **description)
    do(database, queue.job_ids.pop(), exitcode=1)
    with pytest.raises(Conflict, match="image_conversion"):
        service.resubmit(database, queue, experiment.id, index=1)
    service.resubmit(database, queue, experiment.id)
    assert len(run_all(database, queue)) == 10


def test_jobs_are_listed_in_pages(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    do(database, queue.job_ids.pop(), batches=[5])

    def names(session: Session, **page: Any) -> list[str]:
        found = service.jobs(session, experiment.id, step_name="metaextract", **page)
        return [job["name"] for job in found]

    with database.session() as session:
        assert names(session, phase="init") == ["metaextract_init_0000001"]
        assert len(names(session)) == 6
        assert names(session, index=1, batch_size=2) == [
            "metaextract_run_0000001",
            "metaextract_run_0000002",
        ]
        with pytest.raises(BadInput, match="together"):
            names(session, index=1)


def test_status_is_null_below_its_depth(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    shallow = status(database, experiment, depth=1)
    assert shallow["subtasks"][0]["subtasks"] == [None, None, None]
    assert shallow["name"] == "screen"
    assert shallow["live"]


def test_states_go_up_when_the_first_job_runs(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    assert status(database, experiment)["state"] == "SUBMITTED"
    claim(database, queue.job_ids[0])
    running = status(database, experiment)
    stage = running["subtasks"][0]
    states = [running["state"], stage["state"], *(step["state"] for step in stage["subtasks"])]
    assert states == ["RUNNING", "RUNNING", "RUNNING", "NEW", "NEW"]


def test_a_worker_that_stops_gives_its_job_back(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    taken = claim(database, queue.job_ids[0])
    assert taken is not None
    with database.transaction() as session:
        holding.give_back(session, taken.job_id, taken.attempt)
    again = claim(database, taken.job_id)
    assert again is not None


def test_expired_leases_of_ended_jobs_are_left_alone(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    do(database, queue.job_ids.pop())
    with database.transaction() as session:
        session.execute(
            update(Job)
            .where(Job.state == State.TERMINATED)
            .values(lease_expires_at=now() - timedelta(hours=1))
        )
    with database.transaction() as session:
        assert lost_jobs.recover(session, now(), 3, None) == []
        assert session.scalars(select(Job.attempt).where(Job.phase == "init")).one() == 1
