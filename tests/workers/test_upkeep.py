"""What every pool of workers does now and then, whether there is something to do or not."""

import logging

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tmlib.db import Database, revision
from tmlib.settings import Settings
from workers import upkeep
from workers.recovery import Recovery
from workers.upkeep import Upkeep


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("seconds", "n_looks"), [(3600, 1), (-1, 7)])
def test_tables_are_looked_at_once_and_again_after_what_takes_long(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    n_looks: int,
) -> None:
    looks: list[str | None] = []

    def mismatch(database: Database) -> str | None:
        looks.append(revision.current(database))
        return None

    monkeypatch.setattr(upkeep, "_LOOK_AGAIN_SECONDS", seconds)
    monkeypatch.setattr(revision, "mismatch", mismatch)
    Upkeep(settings).work()
    assert looks == [revision.needed()] * n_looks


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_database_that_is_away_is_told_of_once(
    database: Database,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def mismatch(database: Database) -> str | None:
        raise OperationalError("SELECT 1", {}, Exception("It is away."))

    monkeypatch.setattr(revision, "mismatch", mismatch)
    with caplog.at_level(logging.WARNING):
        Upkeep(settings).work()
    assert len(caplog.records) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_database_is_made_once_and_no_connection_stays_open(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovery, removal = Recovery(settings), Upkeep(settings)
    monkeypatch.setattr(Database, "of", None)
    connected = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name IN ('tm recovery', 'tm upkeep')"
    )
    for _ in range(2):
        assert recovery.search() == []
        removal.work()
        while True:
            # a backend may take a moment to end
            with database.session() as session:
                if session.scalar(connected) == 0:
                    break
