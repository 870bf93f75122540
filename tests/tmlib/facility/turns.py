"""Lets two act on a database at once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from tmlib.db import Database

_WAITS = text(
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND wait_event_type = 'Lock'"
)

Act = Callable[[Session], Any]


def at_once(
    database: Database, first: Act, second: Act, meanwhile: Act | None = None
) -> Exception | None:
    """Let two act, the second before the first has ended; what the second is refused with.

    What shall be true while the second waits is asked as ``meanwhile``.
    """

    def act() -> None:
        with database.transaction() as session:
            second(session)

    with ThreadPoolExecutor(1) as pool:
        with database.transaction() as session:
            first(session)
            other = pool.submit(act)
            # SQLite has one writer at a time, and does not tell who waits
            while not (database.is_sqlite or _is_waiting(database) or other.done()):
                pass
            assert meanwhile is None or meanwhile(session)
        error = other.exception()
    assert error is None or isinstance(error, Exception)
    return error


def _is_waiting(database: Database) -> bool:
    """Whether somebody waits for a lock; a transaction would see what it has seen first."""
    with database.session() as session:
        return bool(session.scalar(_WAITS))
