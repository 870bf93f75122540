"""Fixtures of the ledger's tests."""

from tests.services.conversion import conversion
from tests.services.ledger import experiment, queue
from tests.services.short_jobs import ledger

__all__ = ["conversion", "experiment", "ledger", "queue"]
