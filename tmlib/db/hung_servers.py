"""Cuts connections to a PostgreSQL that has stopped answering.

The server ends a statement that takes too long, but not while it stands still itself: stopped, or
on a machine that hangs. Its operating system may go on to confirm what is sent, so that TCP's own
time limits do not help. Whoever waits is told by closing the connection under them.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
from psycopg2.extensions import cursor as Cursor  # noqa: N812 - as above

_LOOK_EVERY_SECONDS = 0.5


class _Watch:
    """Knows which connections wait for an answer, and until when; a thread looks at them."""

    def __init__(self) -> None:
        self._deadlines: dict[int, float] = {}
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def waiting(self, descriptor: int, seconds: float) -> Iterator[None]:
        """Cut a connection when this takes longer than it may."""
        with self._change:
            self._deadlines[descriptor] = time.monotonic() + seconds
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="hung-servers", daemon=True)
                self._thread.start()
            elif len(self._deadlines) == 1:
                self._change.notify()
        try:
            yield
        finally:
            with self._change:
                self._deadlines.pop(descriptor, None)

    def _run(self) -> None:
        with self._change:
            while True:
                self._change.wait(_LOOK_EVERY_SECONDS if self._deadlines else None)
                late = [d for d, end in self._deadlines.items() if end < time.monotonic()]
                for descriptor in late:
                    _cut(descriptor)
                    del self._deadlines[descriptor]


def _cut(descriptor: int) -> None:
    """End both directions of a connection; whoever reads from it is told that it has ended."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as copy:
        copy.shutdown(socket.SHUT_RDWR)


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

    def copy_expert(self, *arguments: Any, **named: Any) -> None:
        """Send or receive rows in bulk."""
        with self.connection.watched():
            super().copy_expert(*arguments, **named)


class WatchedNamedCursor(WatchedCursor):
    """One whose rows stay on the server until they are asked for."""

    def fetchmany(self, *arguments: Any, **named: Any) -> list[Any]:
        """Ask for some rows."""
        with self.connection.watched():
            return list(super().fetchmany(*arguments, **named))

    def fetchall(self) -> list[Any]:
        """Ask for all rows that are left."""
        with self.connection.watched():
            return list(super().fetchall())


class WatchedConnection(Connection):  # type: ignore[misc] # as above
    """A connection that is cut when the server does not answer within `answer_seconds`.

    The server's own limits come first, so these are for one that has none any more.
    """

    answer_seconds: float

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.cursor_factory = WatchedCursor

    def cursor(self, name: str | None = None, **named: Any) -> Any:
        """A cursor; with a name one whose rows stay on the server until they are asked for."""
        if name is not None:
            named.setdefault("cursor_factory", WatchedNamedCursor)
        return super().cursor(name, **named)

    def watched(self) -> AbstractContextManager[None]:
        """A context in which an answer is waited for."""
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
