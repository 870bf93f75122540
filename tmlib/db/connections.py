"""How many connections each kind of process has to the database, and how long it waits there.

Somebody waits for an answer to a request, so requests give up soon; a job has hours. The
limits hold for one transaction each (``SET LOCAL``), so that they also do where a pooler such
as PgBouncer hands the server's connections from one transaction to the next. SQLite has but
one limit, the time that a writer waits for the one before it.
"""

import enum
from dataclasses import dataclass
from typing import Any, Self

from tmlib.db.hung_servers import WatchedConnection, watched
from tmlib.settings import Settings

_GRACE_SECONDS = 5  # for the server's own limits, which come with a better message


class Process(enum.StrEnum):
    """What a process is there for; PostgreSQL shows it as ``application_name``."""

    WEB = "web"
    WORKER = "worker"
    GUARD = "guard"
    RECOVERY = "recovery"
    UPKEEP = "upkeep"
    COMMAND = "command"


@dataclass(frozen=True)
class Connections:
    """The connections of one process.

    Attributes
    ----------
    name
        What the server lists them as.
    kept
        How many stay open.
    more
        How many may be opened beyond these; they are closed after use.
    connect_seconds
        How long opening one may take, and how long to wait for a free one.
    statement_seconds, lock_seconds, idle_seconds, idle_writer_seconds
        How long a statement may take, how long one may wait for a lock, and how long a
        transaction may do nothing, one that reads and one that writes; 0 for no limit.
    """

    name: str = "tm"
    kept: int = 5
    more: int = 10
    connect_seconds: float = 10
    statement_seconds: float = 0
    lock_seconds: float = 0
    idle_seconds: float = 0
    idle_writer_seconds: float = 0

    @classmethod
    def of(cls, settings: Settings, process: Process) -> Self:
        """What the settings give to a kind of process."""
        common: dict[str, Any] = {
            "name": f"tm {process}",
            "connect_seconds": settings.connect_seconds,
            "idle_seconds": settings.idle_transaction_seconds,
            "idle_writer_seconds": settings.idle_writer_seconds,
        }
        if process is Process.WEB:
            return cls(
                kept=settings.web_connections,
                more=0,
                statement_seconds=settings.statement_seconds,
                lock_seconds=settings.lock_seconds,
                **common,
            )
        return cls(
            # a job may reserve ids while it reads; the others do one thing at a time
            kept=1,
            more=0 if process in (Process.GUARD, Process.RECOVERY, Process.UPKEEP) else 1,
            statement_seconds=settings.job_statement_seconds,
            lock_seconds=settings.job_lock_seconds,
            **common,
        )

    @property
    def driver_arguments(self) -> dict[str, str | int | type[WatchedConnection]]:
        """For psycopg2: who this is, and to notice that the server is gone or stands still."""
        seconds = self.statement_seconds
        watch = {"connection_factory": watched(seconds + _GRACE_SECONDS)} if seconds else {}
        return {
            **watch,
            "application_name": self.name,
            "connect_timeout": max(2, round(self.connect_seconds)),  # libpq's least
            "keepalives_idle": 30,
            "keepalives_interval": 10,
            "keepalives_count": 3,
            "tcp_user_timeout": 60_000,
        }

    def transaction_limits(self, *, writes: bool) -> str:
        """What a transaction begins with; empty if nothing is limited."""
        idle_seconds = self.idle_writer_seconds if writes else self.idle_seconds
        limits = {
            "statement_timeout": self.statement_seconds,
            "lock_timeout": self.lock_seconds,
            "idle_in_transaction_session_timeout": idle_seconds,
        }
        return "; ".join(
            f"SET LOCAL {name} = {round(seconds * 1000)}"
            for name, seconds in limits.items()
            if seconds
        )
