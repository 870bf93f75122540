"""Fixtures of the workers' tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services.ledger import experiment
from tests.services.redis import running_redis
from tests.services.timed_workers import TimedWorkers
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings

__all__ = ["experiment"]


@pytest.fixture
def timed(
    database: Database, settings: Settings, experiment: Experiment, tmp_path: Path
) -> Iterator[TimedWorkers]:
    """An installation whose jobs last as long as a test wants."""
    settings.data_dir.mkdir(exist_ok=True)
    with running_redis(tmp_path / "redis") as (url, _):
        workers = TimedWorkers(
            database, settings.model_copy(update={"broker_url": url}), experiment, tmp_path / "log"
        )
        yield workers
        workers.kill_all()
