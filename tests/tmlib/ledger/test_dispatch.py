"""Of each phase only a window of jobs is handed out, so that every workflow gets its share."""

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from tests.services.ledger import ListQueue, planned
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.experiments.models import Experiment
from tmlib.ledger import dispatch, engine, lost_jobs, worker_pools
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.models import Job, State
from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.ledger.worker_pools import Pool
from tmlib.workflow import service

CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}
CONVERSION_IN_PARALLEL = {
    "type": "canonical",
    "stages": [{"name": "image_conversion", "mode": "parallel"}],
}
POOL = Pool("node1", 7, JOB_QUEUE, processes=4)


@pytest.fixture
def pool(database: Database) -> Pool:
    register(database, POOL)
    return POOL


def register(database: Database, pool: Pool, seconds_ago: float = 0.0) -> None:
    with database.transaction() as session:
        worker_pools.report(session, pool, now() - timedelta(seconds=seconds_ago))


def start(
    database: Database, experiment: Experiment, queue: ListQueue, n_batches: int
) -> Sequence[int]:
    """Submit a workflow, and plan the work of its first step; the jobs that are handed out."""
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION)
    return do(database, queue.job_ids.pop(), n_batches)


def claim(database: Database, job_id: int) -> Claim:
    with database.transaction() as session:
        taken = engine.claim(session, job_id, "node1:7", "node1", lease=30)
    assert taken is not None
    return taken


def finish(database: Database, taken: Claim, outcome: Outcome) -> Sequence[int]:
    with database.transaction() as session:
        return engine.finish(session, taken.job_id, taken.attempt, outcome)


def do(database: Database, job_id: int, n_batches: int = 1, exitcode: int = 0) -> Sequence[int]:
    taken = claim(database, job_id)
    batches = [[{"number": number} for number in range(n_batches)]]
    following = planned(batches, taken.step_name) if taken.phase == "init" else []
    return finish(database, taken, Outcome(exitcode, following=following))


def adjust(database: Database) -> Sequence[int]:
    with database.transaction() as session:
        return dispatch.adjust(session)


def indices(database: Database, job_ids: Sequence[int]) -> list[int]:
    with database.session() as session:
        return [session.get_one(Job, job_id).index for job_id in job_ids]


def states(database: Database) -> Counter[State]:
    with database.session() as session:
        counted = session.execute(
            select(Job.state, func.count()).where(Job.phase == "run").group_by(Job.state)
        )
        return Counter({row[0]: row[1] for row in counted})


def test_twice_as_many_jobs_as_there_are_processes_are_handed_out(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    register(database, Pool("node1", 8, INTERACTIVE_QUEUE, processes=50))
    handed_out = start(database, experiment, queue, 20)
    assert indices(database, handed_out) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert states(database) == {State.SUBMITTED: 8, State.NEW: 12}


def test_each_job_that_ends_lets_the_next_one_in(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    queue.enqueue(start(database, experiment, queue, 20))
    order = []
    while queue.job_ids:
        job_id = queue.job_ids.pop(0)
        order += indices(database, [job_id])
        following = do(database, job_id, exitcode=order[-1] % 2)
        assert len(following) == (order[-1] <= 12)
        queue.enqueue(following)
    assert order == list(range(1, 21))
    assert states(database) == {State.TERMINATED: 20}


def test_there_is_a_window_before_any_worker_is_known(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    register(database, POOL, seconds_ago=60)
    assert len(start(database, experiment, queue, 20)) == 4


def test_windows_grow_when_workers_join(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    start(database, experiment, queue, 20)
    register(database, POOL)
    assert indices(database, adjust(database)) == [5, 6, 7, 8]
    register(database, Pool("node2", 7, JOB_QUEUE, processes=100))
    assert len(adjust(database)) == 12
    assert adjust(database) == []


def test_windows_shrink_when_most_workers_leave(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    register(database, Pool("node2", 7, JOB_QUEUE, processes=100))
    handed_out = start(database, experiment, queue, 300)
    last = claim(database, handed_out[-1])
    with database.transaction() as session:
        worker_pools.leave(session, Pool("node2", 7, JOB_QUEUE, processes=100))
    register(database, POOL)
    assert adjust(database) == []
    assert states(database) == {State.RUNNING: 1, State.SUBMITTED: 7, State.NEW: 292}
    with database.transaction() as session:
        assert engine.claim(session, handed_out[-2], "node1:7", "node1", lease=30) is None
    following = finish(database, last, Outcome(0))
    assert indices(database, following) == [201], "what was handed out before comes later"
    queue.enqueue([*handed_out[:7], *following])
    while True:
        if not queue.job_ids:
            queue.enqueue(adjust(database))
        if not queue.job_ids:
            break
        queue.enqueue(do(database, queue.job_ids.pop(0)))
        with database.session() as session:
            if session.scalar(select(func.count()).where(Job.step_name == "metaconfig")):
                break
    assert states(database)[State.TERMINATED] == 300


def test_phases_of_a_parallel_stage_share_one_window(
    database: Database, experiment: Experiment, queue: ListQueue
) -> None:
    service.submit(database, queue, experiment.id, experiment.user_id, CONVERSION_IN_PARALLEL)
    register(database, Pool("node1", 7, JOB_QUEUE, processes=6))
    assert len(queue.job_ids) == 3
    first, second, _ = queue.job_ids
    assert len(do(database, first, 30)) == 12
    do(database, second, 30)
    adjust(database)
    assert states(database) == {State.SUBMITTED: 8, State.NEW: 52}, "4 for each of the three"


def test_a_window_that_lost_its_jobs_is_filled_again(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    start(database, experiment, queue, 20)
    with database.transaction() as session:
        moment = now() + timedelta(seconds=60)
        lost = lost_jobs.recover(session, moment, 3, moment - timedelta(seconds=30))
    assert indices(database, lost) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert adjust(database) == []


def test_a_message_is_lost_when_later_ones_were_taken(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    handed_out = start(database, experiment, queue, 20)
    with database.transaction() as session:
        assert lost_jobs.last_taken(session) is None
        submitted = session.get_one(Job, handed_out[0]).submitted_at
    claim(database, handed_out[3])
    with database.session() as session:
        assert lost_jobs.last_taken(session) == submitted
        assert lost_jobs.last_taken(session, interactive=True) is None


def test_kill_leaves_what_was_not_handed_out_and_retry_does_it(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    first, second, *_ = start(database, experiment, queue, 20)
    do(database, first)
    running = claim(database, second)
    service.kill(database, experiment.id)
    assert states(database) == {State.TERMINATED: 9, State.NEW: 11}
    assert adjust(database) == []
    with pytest.raises(LeaseLost):
        finish(database, running, Outcome(0))
    service.retry(database, queue, experiment.id)
    assert indices(database, queue.job_ids) == [2, 3, 4, 5, 6, 7, 8, 9]
    while states(database)[State.TERMINATED] < 20:
        queue.enqueue(do(database, queue.job_ids.pop(0)))
    with database.session() as session:
        found = service.status(session, experiment.id, depth=2)
    assert found is not None
    step = found["subtasks"][0]["subtasks"][0]
    assert (step["n_jobs"], step["n_jobs_done"], step["n_jobs_failed"]) == (21, 21, 0)
    assert (step["state"], step["exitcode"]) == ("TERMINATED", 0)


def test_a_job_that_slipped_through_a_kill_is_ended(
    database: Database, experiment: Experiment, queue: ListQueue, pool: Pool
) -> None:
    handed_out = start(database, experiment, queue, 20)
    running = claim(database, handed_out[0])
    service.kill(database, experiment.id)
    with database.transaction() as session:
        for job_id, state in ((running.job_id, State.RUNNING), (handed_out[1], State.SUBMITTED)):
            job = session.get_one(Job, job_id)
            job.state, job.exitcode = state, None
    with pytest.raises(LeaseLost):
        finish(database, running, Outcome(0))
    with database.transaction() as session:
        assert lost_jobs.recover(session, now(), 3, None) == []
    assert states(database) == {State.TERMINATED: 8, State.NEW: 12}
