"""Slows down whoever tries passwords."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import ClassVar

from tmlib.errors import TmError

WINDOW_SECONDS = 300.0
MAX_FAILURES_PER_USER = 10
MAX_FAILURES_PER_ADDRESS = 100
_MAX_KEYS = 10_000


class TooManyAttempts(TmError):  # noqa: N818 - reads as what it is: "raise TooManyAttempts"
    """Too many logins failed lately."""

    status_code: ClassVar[int] = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many logins failed: try again in {seconds} seconds.")
        self.retry_after = seconds


class LoginAttempts:
    """Counts failed logins per user name and address, and per address, in a sliding window.

    The counts live in the memory of one web server process: with several processes, an attacker
    gets that many times the attempts. A name is never locked for other addresses, so that
    nobody can lock out somebody else.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: dict[tuple[str, str | None], deque[float]] = {}

    def check(self, name: str, address: str) -> None:
        """Refuse an attempt when too many have failed.

        Raises
        ------
        TooManyAttempts
            With the number of seconds to wait.
        """
        moment = self._clock()
        with self._lock:
            for key, limit in self._limits(name, address):
                failures = self._recent(key, moment)
                if len(failures) >= limit:
                    raise TooManyAttempts(int(failures[0] + WINDOW_SECONDS - moment) + 1)

    def failed(self, name: str, address: str) -> None:
        """Remember a login that failed."""
        moment = self._clock()
        with self._lock:
            if len(self._failures) >= _MAX_KEYS:
                for key in list(self._failures):
                    self._recent(key, moment)
            for key, limit in self._limits(name, address):
                self._failures.setdefault(key, deque(maxlen=limit)).append(moment)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of somebody who remembered the password."""
        with self._lock:
            self._failures.pop((address, name), None)

    @staticmethod
    def _limits(name: str, address: str) -> tuple[tuple[tuple[str, str | None], int], ...]:
        return (
            ((address, name[:255]), MAX_FAILURES_PER_USER),
            ((address, None), MAX_FAILURES_PER_ADDRESS),
        )

    def _recent(self, key: tuple[str, str | None], moment: float) -> deque[float]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] <= moment - WINDOW_SECONDS:
            failures.popleft()
        if not failures:
            self._failures.pop(key, None)
        return failures
