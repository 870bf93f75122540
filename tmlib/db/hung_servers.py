"""Cuts connections to a PostgreSQL that has stopped answering.

The server ends a statement that takes too long, but not while it stands still itself: stopped, or
on a machine that hangs. Its operating system may go on to confirm what is sent, so that TCP's own
time limits do not help. Whoever waits is told by closing the connection under them.
"""

import os
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - as above

_LOOK_EVERY_SECONDS = 0.5


class _Wait:
    """That somebody waits for an answer over a connection."""

    def __init__(self, descriptor: int, seconds: float) -> None:
        self.descriptor = descriptor
        self._seconds = seconds
        self.begin_anew()

    def begin_anew(self) -> None:
        """Wait for another answer, for as long again."""
        self.ends_at = time.monotonic() + self._seconds


class _Watch:
    """Knows who waits for an answer, and until when; a thread looks at them."""

    def __init__(self) -> None:
        self._waits: set[_Wait] = set()
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_asleep = False

    @contextmanager
    def waiting(self, descriptor: int, seconds: float) -> Iterator[_Wait]:
        """Cut a connection when this takes longer than it may."""
        wait = _Wait(descriptor, seconds)
        with self._change:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="hung-servers", daemon=True)
                # there is none yet if the system refuses another one
                thread.start()
                self._thread = thread
            elif self._is_asleep:
                self._is_asleep = False
                self._change.notify()
            self._waits.add(wait)
        try:
            yield wait
        finally:
            with self._change:
                self._waits.discard(wait)

    def _run(self) -> None:
        with self._change:
            while True:
                # to be woken by each statement would cost more than to look in vain now and then
                self._is_asleep = not self._waits
                self._change.wait(None if self._is_asleep else _LOOK_EVERY_SECONDS)
                late = {wait for wait in self._waits if wait.ends_at < time.monotonic()}
                for wait in late:
                    _cut(wait.descriptor)
                self._waits -= late


def _cut(descriptor: int) -> None:
    """End both directions of a connection; whoever reads from it is told that it has ended."""
    with suppress(OSError):
        connection = socket.socket(fileno=descriptor)
        try:
            connection.shutdown(socket.SHUT_RDWR)
        finally:
            # it stays the driver's, which closes it
            connection.detach()


_watch = _Watch()


def _watch_anew() -> None:
    """A forked process has neither the thread nor those who wait."""
    global _watch
    _watch = _Watch()


os.register_at_fork(after_in_child=_watch_anew)


class WatchedCursor(Cursor):  # type: ignore[misc] # psycopg2 has no types
    """A cursor whose statements are cut when the server does not answer."""

    connection: "WatchedConnection"

    def execute(self, *arguments: Any, **named: Any) -> None:
        """Send a statement."""
        with self.connection.watched():
            super().execute(*arguments, **named)

    def executemany(self, query: Any, rows: Iterable[Any]) -> None:
        """Send a statement for each of some rows."""
        with self.connection.watched() as wait:
            super().executemany(query, _each_begins_anew(rows, wait))

    def copy_expert(self, *arguments: Any, **named: Any) -> None:
        """Send or receive rows in bulk."""
        with self.connection.watched():
            super().copy_expert(*arguments, **named)


def _each_begins_anew(rows: Iterable[Any], wait: _Wait | None) -> Iterator[Any]:
    for row in rows:
        if wait is not None:
            wait.begin_anew()
        yield row


class WatchedNamedCursor(WatchedCursor):
    """One whose rows stay on the server until they are asked for."""

    def fetchone(self) -> Any:
        """Ask for one row."""
        with self.connection.watched():
            return super().fetchone()

    def fetchmany(self, *arguments: Any, **named: Any) -> list[Any]:
        """Ask for some rows."""
        with self.connection.watched():
            return list(super().fetchmany(*arguments, **named))

    def fetchall(self) -> list[Any]:
        """Ask for all rows that are left."""
        with self.connection.watched():
            return list(super().fetchall())

    def __next__(self) -> Any:
        """Ask for the next row, and mostly for some more."""
        with self.connection.watched():
            return super().__next__()

    def close(self) -> None:
        """Let the server forget the rows that are left."""
        if self.connection.closed:
            super().close()
            return
        with self.connection.watched():
            super().close()


class WatchedConnection(Connection):  # type: ignore[misc] # as above
    """A connection that is cut when the server does not answer within `answer_seconds`.

    The server's own limits come first, so these are for one that has none any more.

    Attributes
    ----------
    answer_seconds
        How long an answer may take; None for ever.
    """

    answer_seconds: float | None

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.cursor_factory = WatchedCursor

    def cursor(self, name: str | None = None, **named: Any) -> Any:
        """A cursor; with a name one whose rows stay on the server until they are asked for."""
        if name is not None:
            named.setdefault("cursor_factory", WatchedNamedCursor)
        return super().cursor(name, **named)

    def watched(self) -> AbstractContextManager[_Wait | None]:
        """A context in which an answer is waited for."""
        if self.answer_seconds is None:
            return nullcontext()
        return _watch.waiting(self.fileno(), self.answer_seconds)

    def commit(self) -> None:
        """End a transaction."""
        with self.watched():
            super().commit()

    def rollback(self) -> None:
        """Give a transaction up."""
        with self.watched():
            super().rollback()


def watched(answer_seconds: float) -> type[WatchedConnection]:
    """A kind of connection, for psycopg2's ``connection_factory``.

    Parameters
    ----------
    answer_seconds
        How long an answer may take. A request for one that takes longer ends with psycopg2's
        ``OperationalError``, or ``InterfaceError`` where the connection was lost before.
    """
    return type("Connection", (WatchedConnection,), {"answer_seconds": answer_seconds})


@contextmanager
def unwatched(connection: object) -> Iterator[None]:
    """Wait for ever for the answers to what is asked over one of the driver's connections."""
    if not isinstance(connection, WatchedConnection):
        yield
        return
    usual, connection.answer_seconds = connection.answer_seconds, None
    try:
        yield
    finally:
        connection.answer_seconds = usual
