"""Connections to PostgreSQL whose transactions cost no more round trips than they have statements.

A round trip takes about as long as a small statement, and most transactions have one or two of
these. So the limits of a transaction are sent together with its first statement, and a connection
is not asked whether it still works each time it is used.
"""

import select
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, cast

from psycopg2.extensions import connection as DriverConnection  # noqa: N812 - a class all the same
from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from tmlib.db.connections import Connections
from tmlib.db.failures import translated

WRITES = "write"
"""Execution option of connections whose transactions are to write something."""

_ASKED_AFTER_SECONDS = 30.0
_LIMITS = "limits"
_USED = "used"


def create(url: URL, connections: Connections) -> Engine:
    """An engine that connects again when the server was away, and limits every transaction."""
    arguments = connections.driver_arguments
    engine = create_engine(
        url.set(drivername="postgresql+psycopg2"),
        # what the URL says counts more
        connect_args={name: arguments[name] for name in arguments.keys() - url.query.keys()},
        pool_size=connections.kept,
        max_overflow=connections.more,
        pool_timeout=connections.connect_seconds,
        hide_parameters=True,
    )
    _replace_broken(engine)
    _limit_transactions(engine, connections)
    return engine


@contextmanager
def driver_cursor(connection: Connection) -> Iterator[Any]:
    """A cursor of the driver's, for COPY, in a transaction whose limits are set.

    Raises
    ------
    DatabaseBusy
        If the server refuses something for the moment.
    DBAPIError
        For all else that the driver raises.
    """
    dialect, driver = connection.dialect, connection.connection.driver_connection
    try:
        with closing(connection.connection.cursor()) as cursor:
            if limits := connection.info.pop(_LIMITS, ""):
                cursor.execute(limits)
            yield cursor
    except dialect.loaded_dbapi.Error as error:
        is_disconnect = dialect.is_disconnect(error, cast(Any, driver), None)
        if is_disconnect:
            connection.invalidate(error)
        raise translated(error, "COPY", dialect, is_disconnect=is_disconnect) from error


def _replace_broken(engine: Engine) -> None:
    """See whether a connection still works before it is used, mostly without asking the server."""

    @event.listens_for(engine, "checkin")
    def checked_in(connection: DriverConnection | None, record: ConnectionPoolEntry) -> None:
        record.info[_USED] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def checked_out(
        connection: DriverConnection, record: ConnectionPoolEntry, proxy: object
    ) -> None:
        used = record.info.get(_USED)
        if used is None:
            return
        # a server that ends a connection says so; only what is between may fail to
        if _has_something_to_say(connection) or (
            time.monotonic() - used > _ASKED_AFTER_SECONDS and not _answers(engine, connection)
        ):
            raise DisconnectionError("The server has ended the connection.")


def _has_something_to_say(connection: DriverConnection) -> bool:
    poll = select.poll()
    try:
        poll.register(connection.fileno(), select.POLLIN)
    except (OSError, ValueError):
        return True
    return bool(poll.poll(0))


def _answers(engine: Engine, connection: DriverConnection) -> bool:
    try:
        return engine.dialect.do_ping(cast(Any, connection))
    except engine.dialect.loaded_dbapi.Error:
        return False


def _limit_transactions(engine: Engine, connections: Connections) -> None:
    """Send the limits of each transaction together with its first statement."""
    limits = [connections.transaction_limits(writes=writes) for writes in (False, True)]

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = bool(dict(connection.get_execution_options()).get(WRITES))
        connection.info[_LIMITS] = limits[writes]

    @event.listens_for(engine, "before_cursor_execute", retval=True)
    def add_limits(
        connection: Connection,
        cursor: Any,
        statement: str,
        parameters: Any,
        context: object,
        executemany: bool,
    ) -> tuple[str, Any]:
        chosen = connection.info.pop(_LIMITS, "")
        if not chosen or cursor.connection.autocommit:
            return statement, parameters
        # what is sent for every row, or declares a cursor, is a single statement
        if executemany or cursor.name is not None:
            with cursor.connection.cursor() as plain:
                plain.execute(chosen)
            return statement, parameters
        return f"{chosen}; {statement}", parameters
