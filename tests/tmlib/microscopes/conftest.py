"""Fixtures of the microscope types' tests, which need a database but not every kind."""

import pytest

from tests.services.conversion import conversion
from tests.services.ledger import experiment, queue

__all__ = ["conversion", "experiment", "queue"]


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url
