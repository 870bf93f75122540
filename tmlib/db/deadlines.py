"""Statements that may take only so long, and less than others of the same process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.engine import Connection

_STEPS = 20_000
"""SQLite looks at the clock after so many steps of its machine, about a millisecond."""


@contextmanager
def deadline(connection: Connection, seconds: float) -> Iterator[None]:
    """Let statements of a connection end when they take too long.

    Parameters
    ----------
    connection
        Its present transaction ends with the block on PostgreSQL, where the limit is of that.
    seconds
        From now, for all of them together.

    Raises
    ------
    DatabaseBusy
        By the statement that is running then.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL statement_timeout = {round(seconds * 1000)}"))
        yield
        return
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - it is connected
    end = time.monotonic() + seconds
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
