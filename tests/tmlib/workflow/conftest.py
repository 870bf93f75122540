"""Fixtures of the workflow's tests."""

from tests.services.conversion import conversion
from tests.services.ledger import experiment, queue

__all__ = ["conversion", "experiment", "queue"]
