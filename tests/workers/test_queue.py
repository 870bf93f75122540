"""Job ids on a real Redis, and what happens when it or its messages are gone."""

import logging
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from kombu.exceptions import OperationalError
from redis import RedisError
from sqlalchemy import update

from tests.services.redis import running_redis
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.experiments.models import Experiment
from tmlib.experiments.ownership import owner
from tmlib.ledger import interactive, queue
from tmlib.ledger.file_queue import FileQueue
from tmlib.ledger.models import Job
from tmlib.settings import Settings
from tmlib.workflow import service
from workers.queue import CeleryQueue
from workers.recovery import Recovery

WAIT_SECONDS = 60


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with running_redis(tmp_path / "redis") as running:
        yield running


@pytest.fixture(params=["redis", "files"])
def connected(request: pytest.FixtureRequest, settings: Settings) -> Settings:
    """Settings of an installation whose ids of jobs are carried by either."""
    if request.param == "files":
        return settings
    url, _ = request.getfixturevalue("redis_process")
    return settings.model_copy(update={"broker_url": url})


def lose(connected: Settings, *queues: str) -> None:
    """Take all messages off queues."""
    if connected.broker_url is None:
        for name in queues:
            assert FileQueue(connected.queue_dir / name).purge()
        return
    with redis.Redis.from_url(connected.broker_url) as client:
        assert client.delete(*queues)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_settings_name_the_queue(connected: Settings) -> None:
    found = queue.connect(connected)
    assert found.depth() == 0
    found.enqueue([1, 2, 3])
    found.enqueue([4], interactive=True)
    assert found.depth() == 3
    assert found.depth(interactive=True) == 1


def test_a_queue_that_is_away_loses_no_submission(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    redis_process: tuple[str, subprocess.Popen[bytes]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url, process = redis_process
    celery_queue = CeleryQueue(settings.model_copy(update={"broker_url": url}))
    process.kill()
    process.wait()
    with caplog.at_level(logging.ERROR):
        submission = service.submit(database, celery_queue, experiment.id, experiment.user_id)
    assert "will be found" in caplog.text
    with database.session() as session:
        status = service.status(session, experiment.id)
    assert submission == 1
    assert status is not None
    assert status["state"] == "SUBMITTED"


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_data_folder_without_room_loses_no_submission(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings.queue_dir.mkdir(parents=True)
    # stands for all that can be wrong with a folder, also for root
    (settings.queue_dir / queue.JOB_QUEUE).write_text("no folder")
    with caplog.at_level(logging.ERROR):
        service.submit(database, CeleryQueue(settings), experiment.id, experiment.user_id)
    assert "will be found" in caplog.text
    with database.session() as session:
        status = service.status(session, experiment.id)
    assert status is not None
    assert status["state"] == "SUBMITTED"


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_queue_that_hangs_holds_up_no_submission(
    database: Database,
    experiment: Experiment,
    settings: Settings,
    redis_process: tuple[str, subprocess.Popen[bytes]],
) -> None:
    url, process = redis_process
    connected = settings.model_copy(update={"broker_url": url})
    celery_queue = CeleryQueue(connected)
    celery_queue.enqueue([10**9])  # it has a connection
    process.send_signal(signal.SIGSTOP)
    try:
        with ThreadPoolExecutor() as executor:
            for other in (celery_queue, CeleryQueue(connected)):
                executor.submit(other.enqueue, [10**9]).result(WAIT_SECONDS)
            arguments = (database, celery_queue, experiment.id, experiment.user_id)
            executor.submit(service.submit, *arguments).result(WAIT_SECONDS)
            asked = executor.submit(Recovery(connected).search)
            with pytest.raises((OperationalError, RedisError)):
                asked.result(WAIT_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)
    with redis.Redis.from_url(url) as client:
        client.flushall()
    with database.transaction() as session:
        [job] = session.query(Job).all()
        job.submitted_at = now() - timedelta(hours=1)
    assert Recovery(connected).search() == [job.id]
    assert celery_queue.depth() == 1


def test_a_lost_message_is_sent_again(
    database: Database, experiment: Experiment, connected: Settings
) -> None:
    celery_queue = CeleryQueue(connected)
    service.submit(database, celery_queue, experiment.id, experiment.user_id)
    lose(connected, queue.JOB_QUEUE)
    recovery = Recovery(connected)
    assert recovery.search() == []
    with database.transaction() as session:
        [job] = session.query(Job).all()
        job.submitted_at = now() - timedelta(seconds=2 * connected.lease_seconds)
        job_id = job.id
    assert recovery.search() == [job_id]
    assert celery_queue.depth() == 1


def test_waiting_messages_are_not_taken_for_lost(
    database: Database, experiment: Experiment, connected: Settings
) -> None:
    celery_queue = CeleryQueue(connected)
    service.submit(database, celery_queue, experiment.id, experiment.user_id)
    with database.transaction() as session:
        [job] = session.query(Job).all()
        job.submitted_at = now() - timedelta(hours=1)
    assert Recovery(connected).search() == []
    assert celery_queue.depth() == 1


def test_a_long_queue_hides_no_lost_interactive_message(
    database: Database, experiment: Experiment, connected: Settings
) -> None:
    celery_queue = CeleryQueue(connected)
    service.submit(database, celery_queue, experiment.id, experiment.user_id)
    interactive.submit(
        database,
        celery_queue,
        owner(experiment.id),
        experiment.user_id,
        program="writing",
        job_type="WritingJob",
        description={},
        jobs={"letter": {}},
    )
    lose(connected, queue.INTERACTIVE_QUEUE)
    with database.transaction() as session:
        session.execute(update(Job).values(submitted_at=now() - timedelta(hours=1)))
    [job_id] = Recovery(connected).search()
    with database.session() as session:
        assert session.get_one(Job, job_id).name == "letter"
    assert celery_queue.depth() == 1
    assert celery_queue.depth(interactive=True) == 1
