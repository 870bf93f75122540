"""Job ids on a real Redis, and what happens when it or its messages are gone."""

import logging
import stat
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from sqlalchemy import update

from tests.services.redis import running_redis
from tmlib.db import Database
from tmlib.db.base import now
from tmlib.errors import BadInput
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings
from tmlib.workflow import interactive, queue, service
from tmlib.workflow.models import Job
from workers.queue import CeleryQueue
from workers.recovery import Recovery


@pytest.fixture
def redis_process(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    with running_redis(tmp_path / "redis") as running:
        yield running


@pytest.fixture
def connected(settings: Settings, redis_process: tuple[str, subprocess.Popen[bytes]]) -> Settings:
    return settings.model_copy(update={"broker_url": redis_process[0]})


@pytest.fixture
def broker_url(tmp_path: Path) -> Iterator[str]:
    with running_redis(tmp_path / "redis") as (url, _):
        yield url


def test_the_settings_name_the_queue(broker_url: str, tmp_path: Path) -> None:
    found = queue.connect(Settings(data_dir=tmp_path, broker_url=broker_url))
    found.enqueue([1, 2, 3])
    found.enqueue([4], interactive=True)
    assert found.depth() == 3
    assert found.depth(interactive=True) == 1


def test_a_missing_broker_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="TM_BROKER_URL"):
        CeleryQueue(Settings(data_dir=tmp_path))


def test_the_private_redis_asks_for_its_password(broker_url: str, tmp_path: Path) -> None:
    port = broker_url.rpartition(":")[2].partition("/")[0]
    with redis.Redis(port=int(port)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()
    mode = stat.S_IMODE((tmp_path / "redis" / "redis.conf").stat().st_mode)
    assert mode == 0o600


def test_a_queue_that_is_away_loses_no_submission(
    database: Database,
    experiment: Experiment,
    connected: Settings,
    redis_process: tuple[str, subprocess.Popen[bytes]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    _, process = redis_process
    celery_queue = CeleryQueue(connected)
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


def test_a_lost_message_is_sent_again(
    database: Database, experiment: Experiment, connected: Settings
) -> None:
    celery_queue = CeleryQueue(connected)
    service.submit(database, celery_queue, experiment.id, experiment.user_id)
    with redis.Redis.from_url(str(connected.broker_url)) as client:
        client.flushall()
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
        experiment.id,
        experiment.user_id,
        program="writing",
        job_type="WritingJob",
        description={},
        jobs={"letter": {}},
    )
    with redis.Redis.from_url(str(connected.broker_url)) as client:
        client.delete("interactive")
    with database.transaction() as session:
        session.execute(update(Job).values(submitted_at=now() - timedelta(hours=1)))
    [job_id] = Recovery(connected).search()
    with database.session() as session:
        assert session.get_one(Job, job_id).name == "letter"
    assert celery_queue.depth() == 1
    assert celery_queue.depth(interactive=True) == 1
