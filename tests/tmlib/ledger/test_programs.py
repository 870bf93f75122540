"""A program of which the ledger knows nothing but its protocol, and no experiment anywhere."""

import subprocess
import sys
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from tests.services import census
from tests.services.census import INSTALLATION
from tests.services.ledger import ListQueue
from tmlib.accounts.models import User
from tmlib.db import Database, clock
from tmlib.errors import NotFound
from tmlib.experiments.models import Experiment
from tmlib.ledger import job_list, job_log, progress, submissions
from tmlib.ledger.execution import Worker
from tmlib.ledger.models import Job, JobStatus
from tmlib.ledger.owners import Owner
from tmlib.ledger.programs import PROGRAMS
from tmlib.ledger.progress import Progress
from tmlib.settings import Settings

NAMES = ("ada", "alan", "barbara", "alonzo")


@pytest.fixture
def users(database: Database) -> list[int]:
    """Three users with an a and one with a b."""
    added = [User(name=name, email=f"{name}@example.org", password_hash="-") for name in NAMES]
    with database.transaction() as session:
        session.add_all(added)
    return [user.id for user in added]


def emails(database: Database) -> Sequence[str]:
    with database.session() as session:
        return session.scalars(select(User.email).order_by(User.id)).all()


def names_of_jobs(database: Database) -> Sequence[str]:
    with database.session() as session:
        return session.scalars(select(Job.name).order_by(Job.started_at, Job.id)).all()


def of_all(database: Database, submission_id: int) -> Progress:
    with database.session() as session:
        tasks = progress.read(session, [submission_id])[submission_id]
        return tasks.progress(tasks.root, clock.read(session))


def work(database: Database, queue: ListQueue, settings: Settings) -> None:
    """Do all jobs, each of which is sent twice."""
    worker = Worker(database, queue, settings)
    while queue.job_ids:
        job_id = queue.job_ids.pop(0)
        worker.run(job_id)
        worker.run(job_id)


def test_it_plans_runs_and_goes_on(
    database: Database, settings: Settings, users: list[int], queue: ListQueue
) -> None:
    submission_id = census.submit(database, queue, users[0], "ab")
    begun = of_all(database, submission_id)
    assert (begun.state, begun.ratio, begun.jobs) == (JobStatus.WAITING, 0, 1)
    work(database, queue, settings)
    assert names_of_jobs(database) == [
        "a_look_0000001",
        *(f"a_mark_000000{number}" for number in (1, 2, 3)),
        "a_end_0000001",
        "b_look_0000001",
        "b_mark_0000001",
        "b_end_0000001",
    ]
    assert emails(database) == [f"{name}@example.org." for name in NAMES]
    ended = of_all(database, submission_id)
    assert (ended.state, ended.ratio, ended.done, ended.failed) == (JobStatus.DONE, 1, 8, 0)
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(Experiment)) == 0


def test_how_far_it_is_never_falls_when_parts_become_known(
    database: Database, settings: Settings, users: list[int], queue: ListQueue
) -> None:
    submission_id = census.submit(database, queue, users[0], "ab", is_parallel=True)
    assert len(queue.job_ids) == 2
    worker, seen = Worker(database, queue, settings), [0.0]
    while queue.job_ids:
        worker.run(queue.job_ids.pop(0))
        seen.append(of_all(database, submission_id).ratio)
    assert seen == sorted(seen)
    assert seen[-1] == 1


def test_its_jobs_are_listed_under_its_owner(
    database: Database, settings: Settings, users: list[int], queue: ListQueue
) -> None:
    census.submit(database, queue, users[0], "b")
    work(database, queue, settings)
    with database.session() as session:
        moment = clock.read(session)
        found = job_list.find_jobs(session, moment, owners=[INSTALLATION])
        assert [job.name for job in found] == ["b_end_0000001", "b_mark_0000001", "b_look_0000001"]
        assert {(job.owner, job.owner_name) for job in found} == {(INSTALLATION, "installation")}
        other = Owner("installation", 2)
        assert job_list.find_jobs(session, moment, owners=[other]) == []
        assert job_list.find_jobs(session, moment, owner_kind="experiment") == []
        log = job_log.read(session, found[0].id, INSTALLATION)
        assert log.stdout.text == "The letter b is done.\n"
        with pytest.raises(NotFound):
            job_log.read(session, found[0].id, other)


def test_what_was_killed_is_done_when_it_is_tried_again(
    database: Database, settings: Settings, users: list[int], queue: ListQueue
) -> None:
    submission_id = census.submit(database, queue, users[0], "a")
    worker = Worker(database, queue, settings)
    worker.run(queue.job_ids.pop(0))
    worker.run(queue.job_ids.pop(0))
    with database.transaction() as session:
        assert submissions.running(session, INSTALLATION, "census") == submission_id
        assert submissions.kill_all(session, INSTALLATION)
        assert submissions.running(session, INSTALLATION, "census") is None
    for job_id in queue.job_ids:
        worker.run(job_id)
    assert of_all(database, submission_id).state is JobStatus.KILLED
    with database.transaction() as session:
        killed = select(Job.error).where(Job.error.is_not(None))
        assert {*session.scalars(killed)} == {"The job was killed."}
        latest = submissions.latest(session, INSTALLATION, "census")
        assert latest is not None
        queue.job_ids = submissions.retry(session, latest)
    work(database, queue, settings)
    assert of_all(database, submission_id).state is JobStatus.DONE
    assert emails(database) == [
        f"{name}@example.org{'.' if name.startswith('a') else ''}" for name in NAMES
    ]


def test_a_job_of_a_program_that_is_not_here_says_so(
    database: Database,
    settings: Settings,
    users: list[int],
    queue: ListQueue,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submission_id = census.submit(database, queue, users[0], "a")
    monkeypatch.delitem(PROGRAMS, "census")
    work(database, queue, settings)
    assert of_all(database, submission_id).state is JobStatus.FAILED
    with database.session() as session:
        [job] = session.scalars(select(Job)).all()
    assert job.error is not None
    assert job.error.startswith('There is no program "census" here')


def test_the_ledger_loads_neither_experiments_nor_what_is_above_them() -> None:
    program = (
        "import importlib, pkgutil, sys, tmlib.ledger\n"
        "for module in pkgutil.iter_modules(tmlib.ledger.__path__):\n"
        "    importlib.import_module(f'tmlib.ledger.{module.name}')\n"
        "print(*sorted({name.split('.')[1] for name in sys.modules if name.startswith('tmlib.')}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True
    ).stdout.split()
    assert "ledger" in loaded
    assert not {"experiments", "workflow", "objects", "images", "tools", "uploads"} & {*loaded}
