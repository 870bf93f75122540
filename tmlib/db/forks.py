"""Keeps SQLite and forks apart.

SQLite notes in memory which locks its process has. A child that is forked meanwhile believes to
have them too, and waits for ever for the end of a transaction that nobody in it can end. So a fork
waits until no other thread uses SQLite, and those that want to use it wait until it is over.
"""

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LONGEST_WAIT = 60.0


class Forks:
    """The forks of this process.

    Parameters
    ----------
    close
        Closes the connections that are open and not in use; called before each fork.
    """

    def __init__(self, close: Callable[[], None]) -> None:
        self._close = close
        self._users: Counter[int] = Counter()
        self._changed = threading.Condition()
        os.register_at_fork(
            before=self._begin,
            after_in_parent=self._end,
            after_in_child=self._forget,
        )

    @contextmanager
    def held_up(self) -> Iterator[None]:
        """Let other threads fork only after this."""
        user = threading.get_ident()
        with self._changed:
            self._users[user] += 1
        try:
            yield
        finally:
            with self._changed:
                self._users[user] -= 1
                self._changed.notify_all()

    def _begin(self) -> None:
        self._changed.acquire()
        # somebody may wait for a lock for long; a pool without processes would be worse
        self._changed.wait_for(self._is_unused, _LONGEST_WAIT)
        self._close()

    def _is_unused(self) -> bool:
        me = threading.get_ident()
        return not any(n for user, n in self._users.items() if user != me)

    def _end(self) -> None:
        self._users = +self._users
        self._changed.release()

    def _forget(self) -> None:
        """The child has one thread, which keeps what it uses."""
        me = threading.get_ident()
        self._users = Counter({me: self._users[me]})
        self._changed = threading.Condition()
