"""Statements that may take only so long, and less than others of the same process."""

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.engine import Connection

_end: ContextVar[float | None] = ContextVar("end of the present deadline", default=None)

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
    end = time.monotonic() + seconds
    limited = _postgresql if connection.dialect.name == "postgresql" else _sqlite
    before = _end.set(end)
    try:
        with limited(connection, end):
            yield
    finally:
        _end.reset(before)


def seconds_left() -> float | None:
    """How long a statement may still take, which is more than nothing; None if for ever."""
    end = _end.get()
    return None if end is None else max(0.001, end - time.monotonic())


def end_now() -> None:
    """Let the present deadline be over: what a statement does has found no end in its time."""
    _end.set(-math.inf)


def is_over() -> bool:
    """Whether a statement that is running has taken too long."""
    end = _end.get()
    return end is not None and time.monotonic() > end


@contextmanager
def _postgresql(connection: Connection, end: float) -> Iterator[None]:
    def limit() -> str:
        milliseconds = round((end - time.monotonic()) * 1000)
        # 0 would be no limit
        return f"SET LOCAL statement_timeout = {max(1, milliseconds)}"

    def limit_statement(
        connection: Connection,
        cursor: object,
        statement: str,
        parameters: Any,
        context: object,
        executemany: bool,
    ) -> tuple[str, Any]:
        # the server counts anew for each statement
        return f"{limit()}; {statement}", parameters

    # the first statement of a transaction brings limits of its own
    connection.execute(text(limit()))
    event.listen(connection, "before_cursor_execute", limit_statement, retval=True)
    try:
        yield
    finally:
        event.remove(connection, "before_cursor_execute", limit_statement)


@contextmanager
def _sqlite(connection: Connection, end: float) -> Iterator[None]:
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101 - it is connected
    driver.set_progress_handler(lambda: time.monotonic() > end, _STEPS)
    try:
        yield
    finally:
        driver.set_progress_handler(None, 0)
