"""What operators see, held against a ledger whose jobs are done one by one."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import event, select, update

from tests.services.ledger import ListQueue, planned
from tmlib.db import Database, clock
from tmlib.db.base import now
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import owner
from tmlib.ledger import engine, interactive, job_list, overview, worker_pools
from tmlib.ledger.engine import Outcome
from tmlib.ledger.job_list import JobLine
from tmlib.ledger.models import Job, JobStatus, Task, WorkerPool
from tmlib.ledger.overview import HostLoad, HostState, QueueLoad
from tmlib.workflow import latest_workflows, service
from tmlib.workflow.latest_workflows import WorkflowProgress

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}


def submit(database: Database, experiment: Experiment, queue: ListQueue) -> int:
    return service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)


def take(database: Database, job_id: int, host: str = "node1", worker: str = "1") -> engine.Claim:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, f"{host}:{worker}", host, lease=30)
    assert taken is not None
    return taken


def end(
    database: Database, queue: ListQueue, taken: engine.Claim, n_batches: int = 4, exitcode: int = 0
) -> None:
    batches = [[{"number": number} for number in range(n_batches)]]
    outcome = Outcome(
        exitcode,
        error="The file is\ntruncated." if exitcode else None,
        stdout="out",
        stderr="err",
        wall_time=2.5,
        memory=120,
        following=planned(batches, taken.step_name) if taken.phase == "init" else [],
    )
    with database.transaction() as session:
        queue.enqueue(engine.finish(session, taken.job_id, taken.attempt, outcome))


def queues(database: Database) -> list[QueueLoad]:
    with database.session() as session:
        return overview.queue_loads(session)


def only_workflow(database: Database) -> WorkflowProgress:
    with database.session() as session:
        [found] = latest_workflows.workflows(session, now())
    return found


def jobs(database: Database, state: JobStatus | None = None) -> Sequence[JobLine]:
    with database.session() as session:
        return job_list.find_jobs(session, now(), state=state)


def test_nothing_is_at_work_in_a_new_installation(database: Database) -> None:
    assert queues(database) == [QueueLoad("jobs", 0, 0), QueueLoad("interactive", 0, 0)]
    with database.session() as session:
        assert overview.host_loads(session, now()) == []
        assert latest_workflows.workflows(session, now()) == []
        assert job_list.find_jobs(session, now()) == []
        with pytest.raises(NotFound, match="no job 7"):
            job_list.get_job(session, now(), 7)


def test_queues_count_what_waits_and_what_runs(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    end(database, queue, take(database, queue.job_ids.pop(0)))
    interactive.submit(
        database,
        queue,
        owner(experiment.id),
        experiment.user_id,
        program="writing",
        job_type="WritingJob",
        description={},
        jobs={"letter": {}, "poem": {}},
    )
    take(database, queue.job_ids.pop(0))
    assert queues(database) == [QueueLoad("jobs", 3, 1), QueueLoad("interactive", 2, 0)]
    take(database, queue.interactive_ids[0])
    assert queues(database) == [QueueLoad("jobs", 3, 1), QueueLoad("interactive", 1, 1)]
    service.kill(database, experiment.id)
    assert queues(database) == [QueueLoad("jobs", 0, 0), QueueLoad("interactive", 1, 1)]


def test_hosts_count_workers_jobs_and_leases_that_have_ended(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    end(database, queue, take(database, queue.job_ids.pop(0)))
    first, second, third, _ = queue.job_ids
    take(database, first, "node2", "1")
    take(database, second, "node1", "1")
    silent = take(database, third, "node1", "2")
    with database.transaction() as session:
        earlier = now() - timedelta(seconds=1)
        session.execute(update(Job).where(Job.id == silent.job_id).values(lease_expires_at=earlier))
    with database.session() as session:
        assert overview.host_loads(session, now()) == [
            HostLoad("node1", workers=2, running=2, overdue=1),
            HostLoad("node2", workers=1, running=1, overdue=0),
        ]


def test_hosts_whose_workers_are_of_another_version_are_told_of(database: Database) -> None:
    with database.transaction() as session:
        for host in ("node1", "node2"):
            worker_pools.report(
                session, worker_pools.Pool(host, 7, "jobs", 16), clock.read(session)
            )
        of_one = update(WorkerPool).where(WorkerPool.host == "node1")
        session.execute(of_one.values(revision="0001"))
    with database.session() as session:
        loads = overview.host_loads(session, clock.read(session))
        assert [load.state for load in loads] == [HostState.OUTDATED, HostState.IDLE]
        assert worker_pools.count_processes(session, "jobs") == 16


def test_a_workflow_gets_done_and_never_undone(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submission_id = submit(database, experiment, queue)
    found = only_workflow(database)
    assert (found.submission_id, found.experiment) == (submission_id, "screen")
    assert (found.state, found.percent_done) == (JobStatus.WAITING, 0)
    shares = [found.percent_done]
    while queue.job_ids:
        taken = take(database, queue.job_ids.pop(0))
        found = only_workflow(database)
        assert found.state is JobStatus.RUNNING
        assert found.running == 1
        assert found.waiting == len(queue.job_ids)
        assert found.steps == (taken.step_name,)
        end(database, queue, taken)
        shares.append(only_workflow(database).percent_done)
    assert shares == sorted(set(shares)), "every job brings it on"
    found = only_workflow(database)
    assert (found.state, found.percent_done, found.steps) == (JobStatus.DONE, 100, ())
    assert (found.done, found.failed, found.waiting, found.running) == (len(shares) - 1, 0, 0, 0)
    assert found.finished_at is not None


def test_the_rate_is_that_of_the_steps_at_work(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    assert only_workflow(database).seconds_left is None
    end(database, queue, take(database, queue.job_ids.pop(0)), n_batches=10)
    for _ in range(2):
        end(database, queue, take(database, queue.job_ids.pop(0)))
    moment = now()
    with database.transaction() as session:
        session.execute(
            update(Task)
            .where(Task.name == "metaextract_run")
            .values(started_at=moment - timedelta(minutes=4))
        )
    with database.session() as session:
        [found] = latest_workflows.workflows(session, moment)
    assert found.per_minute == pytest.approx(0.5)
    assert found.seconds_left == pytest.approx(16 * 60)


def test_failed_and_killed_workflows_say_so(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    end(database, queue, take(database, queue.job_ids.pop(0)), exitcode=1)
    found = only_workflow(database)
    assert (found.state, found.failed, found.percent_done < 100) == (JobStatus.FAILED, 1, True)
    submit(database, experiment, queue)
    service.kill(database, experiment.id)
    found = only_workflow(database)
    assert (found.state, found.failed, found.waiting) == (JobStatus.KILLED, 0, 0)


def test_what_ended_long_ago_can_be_left_out(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    moment = now()
    with database.session() as session:
        assert len(latest_workflows.workflows(session, moment, ended_after=moment)) == 1
    service.kill(database, experiment.id)
    with database.session() as session:
        assert len(latest_workflows.workflows(session, now(), ended_after=moment)) == 1
        assert latest_workflows.workflows(session, now(), ended_after=now()) == []


def test_jobs_are_found_by_how_they_stand(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    end(database, queue, take(database, queue.job_ids.pop(0)))
    failing, done, running, _ = (queue.job_ids.pop(0) for _ in range(4))
    end(database, queue, take(database, failing, "node3"), exitcode=1)
    end(database, queue, take(database, done))
    take(database, running)
    [failed] = jobs(database, JobStatus.FAILED)
    assert (failed.id, failed.host, failed.step) == (failing, "node3", "metaextract")
    assert (failed.error, failed.seconds, failed.memory_mb) == ("The file is\ntruncated.", 2.5, 120)
    assert [job.id for job in jobs(database, JobStatus.RUNNING)] == [running]
    assert {job.state for job in jobs(database)} == set(JobStatus) - {
        JobStatus.NEW,
        JobStatus.KILLED,
    }
    for state in JobStatus:
        assert all(job.state is state for job in jobs(database, state))
    assert [job.id for job in jobs(database)] == sorted(
        (j.id for j in jobs(database)), reverse=True
    )
    service.kill(database, experiment.id)
    assert len(jobs(database, JobStatus.KILLED)) == 2
    assert [job.id for job in jobs(database, JobStatus.FAILED)] == [failing]


def test_jobs_are_found_by_experiment_and_step(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    submit(database, experiment, queue)
    with database.session() as session:
        [job_id] = session.scalars(select(Job.id)).all()
        for experiment_id, step, found in (
            (experiment.id, "metaextract", [job_id]),
            (experiment.id, "jterator", []),
            (experiment.id + 1, "metaextract", []),
        ):
            jobs = job_list.find_jobs(session, now(), owners=[owner(experiment_id)], step=step)
            assert [job.id for job in jobs] == found
        assert job_list.get_job(session, now(), job_id).owner_name == "screen"


def test_a_page_of_jobs_is_found_without_sorting_all(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    queries: list[tuple[str, tuple[object, ...]]] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda *arguments: queries.append((arguments[2], arguments[3])),
    )
    with database.session() as session:
        job_list.find_jobs(session, now(), owner_kind="experiment", before=7)
        query, parameters = queries[-1]
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", parameters)
        steps = [row[3] for row in plan]
    database.close()
    assert steps[0].startswith("SEARCH jobs USING INTEGER PRIMARY KEY")
    assert not any("ORDER BY" in step for step in steps)
