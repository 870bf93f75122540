"""Fixtures of the ledger's tests."""

from tests.services.ledger import experiment, queue

__all__ = ["experiment", "queue"]
