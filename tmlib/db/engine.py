"""Connections and transactions, the same way on SQLite and PostgreSQL."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Self
from weakref import WeakSet

from sqlalchemy import Dialect, Engine, create_engine, event, make_url, text
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, Pool

from tmlib.db import clock, postgresql, spread, texts
from tmlib.db.connections import Connections, Process
from tmlib.db.failures import explain
from tmlib.db.forks import Forks
from tmlib.db.prepared import OneStatement, Prepared
from tmlib.settings import Settings

_BUSY_SECONDS = 60

_engines: WeakSet[Engine] = WeakSet()

# never collected, since SQLite does not bear that another process closes a connection
_inherited: list[Pool] = []


class Database:
    """One database and the two ways to use it: read in a session, write in a transaction.

    Parameters
    ----------
    url
        SQLAlchemy URL, of SQLite (a file) or of PostgreSQL with PostGIS.
    connections
        How many to PostgreSQL, and with which limits.
    """

    def __init__(self, url: str, connections: Connections | None = None) -> None:
        parsed = make_url(url)
        self._prepared: dict[OneStatement, Prepared] = {}
        self._limits = dict.fromkeys((False, True), "")
        if parsed.get_backend_name() == "postgresql":
            connections = connections or Connections()
            self.engine = postgresql.create(parsed, connections)
            self._limits = {
                writes: connections.transaction_limits(writes=writes) for writes in (False, True)
            }
        else:
            if parsed.database:
                Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.engine = create_engine(parsed, hide_parameters=True)
            _prepare_sqlite(self.engine)
        event.listen(self.engine, "handle_error", explain, retval=True)
        _engines.add(self.engine)

    @classmethod
    def of(cls, settings: Settings, process: Process) -> Self:
        """The installation's database, as one kind of process uses it."""
        return cls(settings.resolved_database_url, Connections.of(settings, process))

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Read: a session that is rolled back at the end.

        On SQLite it shows the database as it was at its first statement. On PostgreSQL each
        statement also sees what others have committed before it.
        """
        with self._in_use(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Read rows with statements that are built once: as cheap as it gets."""
        with self._in_use(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Read: a connection whose statements all see the database as it was at the first one."""
        with self.connection() as connection:
            if not self.is_sqlite:
                connection.execute(
                    text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                )
            yield connection

    def one_or_none(
        self, statement: OneStatement, values: Mapping[str, Any]
    ) -> tuple[Any, ...] | None:
        """The one row that a statement finds or changes, in a tenth of the time of a session.

        What it changes is committed when this returns.

        Parameters
        ----------
        statement
            The same object each time: it is compiled once, and kept.
        values
            Of its parameters; others are not looked at.

        Raises
        ------
        MultipleResultsFound
            If there are several rows.
        """
        with self._in_use():
            return self._prepare(statement).one_or_none(values)

    def all(self, statement: OneStatement, values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """All rows that a statement finds or changes, as `one_or_none` gives one."""
        with self._in_use():
            return self._prepare(statement).all(values)

    def _prepare(self, statement: OneStatement) -> Prepared:
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = Prepared(statement, self.engine, self._limits[statement.is_dml])
            self._prepared[statement] = prepared
        return prepared

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write: a session that is committed at the end, or rolled back by an exception.

        On SQLite the first statement takes the write lock, even if it only reads, so that two
        writers queue up instead of failing when the second one finds its snapshot outdated.
        """
        with (
            self._in_use(),
            self.engine.connect().execution_options(write=True) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def _in_use(self) -> AbstractContextManager[None]:
        return _forks.held_up() if self.is_sqlite else nullcontext()

    def close(self) -> None:
        """Close all connections for good."""
        self.engine.dispose()


def _writes(connection: Connection) -> bool:
    """Whether a transaction is one in which something is to be written."""
    options: dict[str, Any] = dict(connection.get_execution_options())
    return bool(options.get(postgresql.WRITES))


def _forget_connections() -> None:
    """Leave the connections of the parent process alone: each process opens its own."""
    for engine in _engines:
        _inherited.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_forget_connections)


def _close_sqlite() -> None:
    for engine in _engines:
        if engine.dialect.name == "sqlite":
            engine.dispose()


_forks = Forks(_close_sqlite)


def _prepare_sqlite(engine: Engine) -> None:
    """Let SQLAlchemy, not the driver, say when a transaction begins, and switch on WAL."""

    @event.listens_for(engine, "do_connect")
    def connect(
        dialect: Dialect, record: ConnectionPoolEntry, arguments: list[Any], more: dict[str, Any]
    ) -> None:
        # for its owner alone from the first moment; files beside it get the same rights
        if arguments and arguments[0] != ":memory:":
            Path(arguments[0]).touch(mode=0o600)

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()
        clock.teach(connection)
        texts.teach(connection)
        spread.teach(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if _writes(connection) else "BEGIN")
