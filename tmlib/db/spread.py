"""Variance and standard deviation of samples, which SQLite does not know by itself."""

import math
import sqlite3


class _Variance:
    """Adds values up one by one, without losing digits to large means."""

    def __init__(self) -> None:
        self._n = 0
        self._mean = 0.0
        self._squares = 0.0

    def step(self, value: float | None) -> None:
        if value is None:
            return
        self._n += 1
        difference = value - self._mean
        self._mean += difference / self._n
        self._squares += difference * (value - self._mean)

    def finalize(self) -> float | None:
        return self._squares / (self._n - 1) if self._n > 1 else None


class _Deviation(_Variance):
    def finalize(self) -> float | None:
        variance = super().finalize()
        return None if variance is None else math.sqrt(variance)


def teach(connection: sqlite3.Connection) -> None:
    """Let statements of a connection to SQLite have ``variance`` and ``stddev`` as PostgreSQL's."""
    connection.create_aggregate("variance", 1, _Variance)  # type: ignore[arg-type] # typeshed allows one of numbers only
    connection.create_aggregate("stddev", 1, _Deviation)  # type: ignore[arg-type] # see above
