"""How long the statements of a request may take, and what they see of others' changes."""

from contextlib import closing

import pytest
from sqlalchemy import func, insert, literal, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from tmlib.accounts.models import User
from tmlib.db import Database, texts
from tmlib.db.deadlines import deadline
from tmlib.errors import DatabaseBusy

SMALL = text(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 50000) "
    "SELECT count(*) FROM numbers"
)
N_USERS = select(func.count()).select_from(User)
NEW_USER = insert(User).values(name="new", email="new@example.com", password_hash="-")


def test_all_statements_of_a_request_have_one_deadline(database: Database) -> None:
    def many(connection: Connection) -> None:
        for _ in range(2000):
            connection.execute(SMALL)

    with (
        database.connection() as connection,
        pytest.raises(DatabaseBusy, match="longer for this than it may"),
        deadline(connection, 0.3),
    ):
        many(connection)
    with database.connection() as connection:
        assert connection.execute(SMALL).scalar_one() == 50_000


@pytest.mark.parametrize(
    ("seconds", "seconds_of_search"),
    [
        pytest.param(0.3, None, id="at the deadline"),
        pytest.param(600, 0.05, id="before, when other threads compute"),
    ],
)
def test_a_search_that_would_not_end_does(
    sqlite_url: str,
    monkeypatch: pytest.MonkeyPatch,
    seconds: float,
    seconds_of_search: float | None,
) -> None:
    if seconds_of_search:
        monkeypatch.setattr(texts, "seconds_left", lambda: seconds_of_search)
    database = Database(sqlite_url)
    long = literal("a" * 50 + "!")
    found = texts.matches(database.engine.dialect, long, "(a|aa)+$", ignores_case=False)
    with closing(database), database.connection() as connection:
        with (
            pytest.raises(DatabaseBusy, match="longer for this than it may"),
            deadline(connection, seconds),
        ):
            connection.execute(select(found))
        with deadline(connection, seconds):
            assert connection.scalar(select(literal(1))) == 1


def test_a_snapshot_stays_as_it_was_at_its_first_statement(database: Database) -> None:
    with database.snapshot() as connection:
        assert connection.execute(N_USERS).scalar_one() == 0
        with database.transaction() as session:
            session.execute(NEW_USER)
        assert connection.execute(N_USERS).scalar_one() == 0
    with database.snapshot() as connection:
        assert connection.execute(N_USERS).scalar_one() == 1


def test_nothing_is_written_in_a_snapshot_of_postgresql(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    with (
        closing(database),
        database.snapshot() as connection,
        pytest.raises(DBAPIError, match="read-only transaction"),
    ):
        connection.execute(NEW_USER)
