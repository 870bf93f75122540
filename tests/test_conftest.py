"""The ground that all other tests stand on."""

import socket

import pytest

from tests.services.ledger import experiment
from tmlib import schema
from tmlib.db import Database, revision
from tmlib.experiments.models import Experiment
from tmlib.settings import Settings

__all__ = ["experiment"]


def test_a_database_has_all_tables(database: Database, settings: Settings) -> None:
    assert revision.current(database) == revision.needed()
    assert schema.differences(database) == []
    assert database.engine.url.database in settings.resolved_database_url


def test_the_partitions_of_an_experiment_are_no_difference(
    database: Database, experiment: Experiment
) -> None:
    assert schema.differences(database) == []


def test_connections_off_this_machine_are_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match="off this machine"):
        connection.connect(("192.0.2.1", 80))
