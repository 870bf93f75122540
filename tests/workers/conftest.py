"""Fixtures of the workers' tests."""

from tests.services.ledger import experiment

__all__ = ["experiment"]
