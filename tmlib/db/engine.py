"""Connections and transactions, the same way on SQLite and PostgreSQL."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

_BUSY_SECONDS = 60


class Database:
    """One database and the two ways to use it: read in a session, write in a transaction.

    Parameters
    ----------
    url
        SQLAlchemy URL, of SQLite (a file) or of PostgreSQL with PostGIS.
    """

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg2")
            self.engine = create_engine(parsed, pool_pre_ping=True, pool_size=5, max_overflow=10)
        else:
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            self.engine = create_engine(parsed)
            _prepare_sqlite(self.engine)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded database."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Read: a session over one consistent snapshot that is rolled back at the end."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write: a session that is committed at the end, or rolled back by an exception.

        On SQLite the write lock is taken at the start, so that two writers queue up instead of
        failing when the second one finds its snapshot outdated.
        """
        with (
            self.engine.connect().execution_options(write=True) as connection,
            Session(connection, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    def dispose(self) -> None:
        """Close all connections; a process that was forked calls this before its first use."""
        self.engine.dispose(close=False)

    def close(self) -> None:
        """Close all connections for good."""
        self.engine.dispose()


def _prepare_sqlite(engine: Engine) -> None:
    """Let SQLAlchemy, not the driver, say when a transaction begins, and switch on WAL."""

    @event.listens_for(engine, "connect")
    def connected(connection: sqlite3.Connection, record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options: dict[str, Any] = dict(connection.get_execution_options())
        connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("write") else "BEGIN")
