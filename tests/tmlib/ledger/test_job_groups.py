"""Short jobs are done in groups: what befalls one of them befalls no other."""

from typing import Any

import pytest
from sqlalchemy import func, select, update

from tests.services import scripted
from tests.services.scripted import Scripted
from tests.services.short_jobs import N_JOBS, Ledger
from tests.services.statements import sent_statements
from tests.tmlib.ledger import misbehaviour
from tmlib.db import clock
from tmlib.db.base import now
from tmlib.errors import BadInput
from tmlib.ledger import dispatch, lost_jobs, worker_pools
from tmlib.ledger.models import Job, State, Task
from tmlib.ledger.queue import JOB_QUEUE
from tmlib.ledger.worker_pools import Pool
from tmlib.workflow import service
from tmlib.workflow.steps import STEPS
from tmlib.workflow.steps.base import StepContext


def test_each_job_of_a_group_has_its_own_log_and_end(ledger: Ledger) -> None:
    at_once = []

    def script(context: StepContext, number: int) -> None:
        at_once.append(ledger.running())

    assert ledger.run(script) < N_JOBS
    assert max(at_once) > 1
    jobs = ledger.jobs()
    assert [job.stdout for job in jobs] == [f"This is {n}.\n" for n in range(N_JOBS)]
    assert {(job.state, job.exitcode, job.attempt, job.tries) for job in jobs} == {
        (State.TERMINATED, 0, 1, 1)
    }
    assert {job.lease_expires_at for job in jobs} == {None}
    for job in jobs:
        assert job.started_at is not None
        assert job.finished_at is not None
        assert job.submitted_at is not None
        assert job.submitted_at <= job.started_at <= job.finished_at
    assert ledger.letters() == ledger.letters_of(list(range(N_JOBS)))
    phase = ledger.phase()
    assert (phase.state, phase.exitcode, phase.n_done) == (State.TERMINATED, 0, N_JOBS)
    assert phase.cpu_time == pytest.approx(sum(job.cpu_time or 0 for job in jobs))


def test_a_job_that_fails_fails_alone(ledger: Ledger) -> None:
    def script(context: StepContext, number: int) -> None:
        if number in (7, 9):
            raise BadInput("The image is upside down: turn it.")

    ledger.run(script)
    failed = [job for job in ledger.jobs() if job.exitcode]
    assert [job.index - 1 for job in failed] == [7, 9]
    assert {job.error for job in failed} == {"The image is upside down: turn it."}
    assert [job.stdout for job in failed] == ["This is 7.\n", "This is 9.\n"]
    rest = [number for number in range(N_JOBS) if number not in (7, 9)]
    assert ledger.letters() == ledger.letters_of(rest)
    assert ledger.states() == {State.TERMINATED: N_JOBS}
    assert (ledger.phase().n_done, ledger.phase().n_failed) == (N_JOBS, 2)


def test_so_does_one_whose_effects_fail(ledger: Ledger) -> None:
    def script(context: StepContext, number: int) -> None:
        if number == 7:
            context.effects.append(lambda session: 1 / 0)

    ledger.run(script)
    assert [job.index - 1 for job in ledger.jobs() if job.exitcode] == [7]
    assert ledger.letters() == ledger.letters_of([n for n in range(N_JOBS) if n != 7])
    assert ledger.states() == {State.TERMINATED: N_JOBS}
    assert {job.attempt for job in ledger.jobs()} == {1}


def test_a_failure_that_may_pass_holds_up_no_other(ledger: Ledger) -> None:
    def script(context: StepContext, number: int) -> None:
        if number == 7:
            raise ConnectionResetError("The file server is away.")

    ledger.run(script)
    assert ledger.states() == {State.TERMINATED: N_JOBS - 1, State.SUBMITTED: 1}
    assert ledger.jobs()[7].not_before is not None
    with ledger.database.transaction() as session:
        session.execute(update(Job).where(Job.index == 8).values(not_before=clock.present()))
    with ledger.database.transaction() as session:
        ledger.queue.enqueue(lost_jobs.recover(session, clock.read(session), 3, None))
    ledger.run()
    assert ledger.states() == {State.TERMINATED: N_JOBS}
    assert ledger.letters() == ledger.letters_of(list(range(N_JOBS)))


def test_nothing_of_a_group_is_left_when_its_workflow_is_killed(ledger: Ledger) -> None:
    seen: list[Any] = []

    def script(context: StepContext, number: int) -> None:
        if ledger.running() > 1 and not seen:
            seen.append(ledger.letters())
            service.kill(ledger.database, ledger.experiment.id)

    ledger.run(script)
    assert ledger.letters() == seen[0]
    assert ledger.phase().state is State.TERMINATED
    assert not {State.RUNNING, State.SUBMITTED} & set(ledger.states())
    service.retry(ledger.database, ledger.queue, ledger.experiment.id)
    ledger.run()
    assert ledger.states() == {State.TERMINATED: N_JOBS}
    assert {job.exitcode for job in ledger.jobs()} == {0}
    assert ledger.letters() == ledger.letters_of(list(range(N_JOBS)))


def test_a_job_that_was_taken_away_leaves_the_others_alone(ledger: Ledger) -> None:
    def script(context: StepContext, number: int) -> None:
        if number == 7:
            with ledger.database.transaction() as session:
                session.execute(
                    update(Job)
                    .where(Job.phase == "run", Job.index == 8)
                    .values(attempt=Job.attempt + 1)
                )

    ledger.run(script)
    assert ledger.states() == {State.TERMINATED: N_JOBS - 1, State.RUNNING: 1}
    assert ledger.letters() == ledger.letters_of([n for n in range(N_JOBS) if n != 7])


def test_a_group_is_no_larger_than_a_share_of_what_is_left(ledger: Ledger) -> None:
    pool = Pool("node1", 7, JOB_QUEUE, processes=3)
    with ledger.database.transaction() as session:
        worker_pools.report(session, pool, now())
    sizes = {}

    def script(context: StepContext, number: int) -> None:
        sizes[number] = ledger.running()

    ledger.run(script)
    assert max(sizes.values()) == 3, "a sixth of what was left when the first had ended"
    assert all(size <= max(1, (N_JOBS - 1) // 6) for size in sizes.values())


def test_a_worker_whose_turn_is_over_lets_others_go_on(ledger: Ledger) -> None:
    ledger.settings = ledger.settings.model_copy(update={"turn_seconds": 0})
    at_once = []
    assert ledger.run(lambda context, number: at_once.append(ledger.running())) == N_JOBS
    assert set(at_once) == {1}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_job_alone_is_taken_with_one_statement_and_ended_in_one_transaction(
    ledger: Ledger,
) -> None:
    ledger.settings = ledger.settings.model_copy(update={"turn_seconds": 0})
    ledger.run(turns=1)
    ledger.monkeypatch.setitem(STEPS, "metaextract", Scripted(lambda context: None))
    sent = sent_statements(ledger.database)
    ledger.worker().run(ledger.queue.job_ids.pop(0))
    assert [" ".join(statement.split()[:2]) for statement in sent] == [
        "UPDATE jobs",
        "BEGIN IMMEDIATE",
        *("WITH held", "UPDATE tasks", "WITH following"),
        "COMMIT",
    ]


def test_a_job_that_has_lost_a_worker_is_done_alone(ledger: Ledger) -> None:
    ledger.run(turns=0)
    with ledger.database.transaction() as session:
        session.execute(update(Job).where(Job.phase == "run", Job.index == 1).values(tries=1))
    done: list[int] = []
    ledger.run(lambda context, number: done.append(number), turns=1)
    assert done == [0]
    assert len(ledger.queue.job_ids) == 4, "the next one was let in"


def test_it_takes_no_others_with_it_when_it_was_given_back(ledger: Ledger) -> None:
    ledger.run(turns=0)
    with ledger.database.transaction() as session:
        session.execute(update(Job).where(Job.phase == "run", Job.index == 6).values(tries=1))
    groups: dict[int, list[int]] = {}

    def script(context: StepContext, number: int) -> None:
        groups[number] = [job.index - 1 for job in ledger.jobs() if job.state is State.RUNNING]

    ledger.run(script)
    assert groups[5] == [5]
    assert len(groups[8]) > 1
    assert ledger.states() == {State.TERMINATED: N_JOBS}


def test_jobs_that_were_given_back_are_handed_out_when_none_is_behind(ledger: Ledger) -> None:
    def script(context: StepContext, number: int) -> None:
        # the last one that has a message
        if number == 3:
            given_back = update(Job).where(Job.phase == "run", Job.index == 1)
            with ledger.database.transaction() as session:
                session.execute(given_back.values(state=State.NEW, exitcode=None))
                session.execute(
                    update(Task).where(Task.id == ledger.phase().id).values(n_done=Task.n_done - 1)
                )

    ledger.run(script)
    assert ledger.states() == {State.TERMINATED: N_JOBS}


@pytest.mark.slow
def test_jobs_that_wait_behind_a_long_one_are_given_back_and_a_kill_costs_none_a_try(
    ledger: Ledger,
) -> None:
    ledger.run(turns=0)
    job_ids, ledger.queue.job_ids = ledger.queue.job_ids, []
    ledger.monkeypatch.setitem(STEPS, "metaextract", Scripted(lambda context: None, N_JOBS))
    process = scripted.start_worker(ledger.settings, job_ids[:1], misbehaviour.hang_at_the_fifth)
    try:
        while not any(job.stdout == "hanging\n" for job in ledger.jobs()):
            assert process.is_alive()
        [hanging] = [job for job in ledger.jobs() if job.stdout == "hanging\n"]
        while any(job.state is State.RUNNING for job in ledger.jobs()[hanging.index :]):
            assert process.is_alive()
        waiting = [job for job in ledger.jobs()[hanging.index :] if job.attempt]
        assert waiting
        assert {(job.state, job.tries) for job in waiting} == {(State.NEW, 0)}
    finally:
        process.kill()
        process.join()
    while not ledger.jobs()[hanging.index - 1].error:
        assert ledger.states()[State.RUNNING]
    assert ledger.states()[State.RUNNING] == 1
    with ledger.database.transaction() as session:
        lost = lost_jobs.recover(session, clock.read(session), 3, None)
    assert lost == [hanging.id]
    ledger.queue.enqueue([*job_ids, *lost])
    while ledger.states()[State.TERMINATED] < N_JOBS:
        ledger.run()
        with ledger.database.transaction() as session:
            ledger.queue.enqueue(dispatch.adjust(session))
    assert {job.exitcode for job in ledger.jobs()} == {0}
    tries = {job.index: job.tries for job in ledger.jobs()}
    assert tries.pop(hanging.index) == 2
    assert set(tries.values()) == {1}
    with ledger.database.session() as session:
        assert session.scalar(select(func.count()).where(Job.state == State.RUNNING)) == 0
