"""The ledger: every submission, every part of it and every job is a row.

The queue only carries ids of jobs; whatever happens to it, the ledger knows what is to be done.
"""

import enum
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Enum,
    ForeignKey,
    Index,
    String,
    Text,
    UniqueConstraint,
    false,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from tmlib.db import Base, Timestamps
from tmlib.db.base import BigId, now
from tmlib.ledger.owners import Owned


class State(enum.StrEnum):
    """The state of a task or job, in the words of the original."""

    NEW = "NEW"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    UNKNOWN = "UNKNOWN"


class JobStatus(enum.StrEnum):
    """The state of a job or task, with what came of it when it has ended."""

    NEW = "new"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    KILLED = "killed"

    @classmethod
    def of(cls, state: State, exitcode: int | None) -> "JobStatus":
        """The status of a row of the ledger."""
        if state is State.TERMINATED:
            return {0: cls.DONE, EXIT_KILLED: cls.KILLED}.get(exitcode or 0, cls.FAILED)
        return {State.NEW: cls.NEW, State.SUBMITTED: cls.WAITING}.get(state, cls.RUNNING)


PHASE = "phase"
"""The kind of tasks whose jobs are handed out little by little, so that others get their turn."""

INTERACTIVE = "interactive"
"""The kind of tasks whose jobs somebody waits for: all are handed out at once."""

AT_WORK = (State.SUBMITTED, State.RUNNING)
"""The states of tasks whose jobs are handed out, and of jobs that are."""

EXIT_FAILED = 1
EXIT_STOPPED = 137
EXIT_KILLED = 143

_STATE = Enum(State, native_enum=False, length=20)


class Submission(Owned, Timestamps, Base):
    """Work that was handed in for a program, with what is to be done.

    ``force`` says that everything is done again, even what is current.
    """

    __tablename__ = "submissions"
    __table_args__ = (Index("ix_submissions_owner", "owner_kind", "owner_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    program: Mapped[str] = mapped_column(String(50))
    description: Mapped[dict[str, Any]]
    force: Mapped[bool] = mapped_column(default=False, server_default=false())


class Task(Timestamps, Base):
    """A part of a submission, which contains others or jobs; the whole is the one without parent.

    ``kind`` and ``type`` are the program's words for it, except that jobs are in tasks of the
    kinds :data:`PHASE` and :data:`INTERACTIVE`. ``position`` is its place among its siblings; the
    parts of one that ``is_parallel`` run at the same time. ``n_parts`` is how many parts it will
    have where they become known one after the other. The counts are of the jobs directly in it;
    those that were skipped are done too. ``exitcode`` is 0 when all went well, and null before
    the end. ``cpu_time`` (seconds) is what all jobs that ended in it have used, those that were
    done again included, and ``memory`` (MB) the highest peak of one.
    """

    __tablename__ = "tasks"
    __table_args__ = (
        UniqueConstraint("parent_id", "position"),
        Index("ix_tasks_state", "state"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    submission_id: Mapped[int] = mapped_column(
        ForeignKey("submissions.id", ondelete="CASCADE"), index=True
    )
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(20))
    type: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(255))
    position: Mapped[int]
    is_parallel: Mapped[bool] = mapped_column(default=False, server_default=false())
    n_parts: Mapped[int | None]
    state: Mapped[State] = mapped_column(_STATE, default=State.NEW)
    exitcode: Mapped[int | None]
    n_jobs: Mapped[int] = mapped_column(default=0)
    n_done: Mapped[int] = mapped_column(default=0)
    n_failed: Mapped[int] = mapped_column(default=0)
    n_skipped: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    cpu_time: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    memory: Mapped[int | None] = mapped_column(BigInteger)
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]


_HAS_FAILED = "exitcode <> 0"


class Job(Owned, Base):
    """A piece of work that one worker process does in one go.

    ``attempt`` counts how often it was started and fences late writers: who holds an older
    attempt cannot commit. ``tries`` are those since it was last handed in, which are bounded. It
    is NEW until the window of its phase reaches it, SUBMITTED while a message of it is on the
    queue. It is not taken ``not_before`` a point in time when it waits for what made it fail to
    pass. ``lease_expires_at`` is moved on by the worker's heartbeat. A job is ``skipped`` when
    what an earlier one made is current; otherwise ``reason`` says why it is done.
    ``is_interactive`` tells which queue carries it, ``share_done`` how much of the work a running
    job says to have done, from 0 to 1. Times are in seconds, memory (peak of the process) in MB.
    The logs hold the end of what was printed: ``stdout_start`` and ``stderr_start`` count the
    bytes before it.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("task_id", "index"),
        Index("ix_jobs_state_task_id_index", "state", "task_id", "index"),
        Index("ix_jobs_submission_id_step_name", "submission_id", "step_name"),
        Index("ix_jobs_owner_id", "owner_kind", "owner_id", "id"),
        Index(
            "ix_jobs_failed",
            "task_id",
            "id",
            postgresql_where=text(_HAS_FAILED),
            sqlite_where=text(_HAS_FAILED),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    submission_id: Mapped[int] = mapped_column(ForeignKey("submissions.id", ondelete="CASCADE"))
    task_id: Mapped[int] = mapped_column(ForeignKey("tasks.id", ondelete="CASCADE"))
    step_name: Mapped[str] = mapped_column(String(50))
    phase: Mapped[str] = mapped_column(String(50))
    index: Mapped[int]
    name: Mapped[str] = mapped_column(String(255))
    batch: Mapped[dict[str, Any]]
    is_interactive: Mapped[bool] = mapped_column(default=False)
    share_done: Mapped[float] = mapped_column(default=0.0, server_default=text("0"))
    state: Mapped[State] = mapped_column(_STATE, default=State.NEW)
    skipped: Mapped[bool] = mapped_column(default=False, server_default=false())
    reason: Mapped[str | None] = mapped_column(String(255))
    attempt: Mapped[int] = mapped_column(default=0)
    tries: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    worker: Mapped[str | None] = mapped_column(String(255))
    host: Mapped[str | None] = mapped_column(String(255))
    lease_expires_at: Mapped[datetime | None]
    submitted_at: Mapped[datetime | None]
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    exitcode: Mapped[int | None]
    error: Mapped[str | None] = mapped_column(Text)
    wall_time: Mapped[float | None]
    cpu_time: Mapped[float | None]
    memory: Mapped[int | None] = mapped_column(BigInteger)
    stdout: Mapped[str] = mapped_column(Text, default="")
    stdout_start: Mapped[int] = mapped_column(BigInteger, default=0)
    stderr: Mapped[str] = mapped_column(Text, default="")
    stderr_start: Mapped[int] = mapped_column(BigInteger, default=0)


FAILED = Job.exitcode != literal_column("0")
"""Jobs that failed or were killed, in the words of their index: SQLite takes no others."""


class WorkerPool(Base):
    """Worker processes of a host that take jobs from one queue, as their pool tells of them.

    The pool writes ``seen_at`` every few seconds and removes the row when it ends; one that has
    been silent for long is dead. ``is_draining`` says that it takes no more jobs. ``revision`` is
    that of the tables which its version of the product was made for.
    """

    __tablename__ = "worker_pools"
    __table_args__ = (UniqueConstraint("host", "pid"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    host: Mapped[str] = mapped_column(String(255))
    pid: Mapped[int]
    queue: Mapped[str] = mapped_column(String(50))
    processes: Mapped[int]
    is_draining: Mapped[bool] = mapped_column(default=False)
    revision: Mapped[str | None] = mapped_column(String(32))
    started_at: Mapped[datetime] = mapped_column(default=now)
    seen_at: Mapped[datetime] = mapped_column(default=now)


class DrainedHost(Base):
    """A host that an operator has told to take no more jobs, until this is undone.

    It is kept apart from its pools, so that it outlives them: a host that starts again stays
    drained. ``ends_workers`` also lets ``tm worker`` end once nothing runs there.
    """

    __tablename__ = "drained_hosts"

    host: Mapped[str] = mapped_column(String(255), primary_key=True)
    ends_workers: Mapped[bool] = mapped_column(default=False)
    ordered_at: Mapped[datetime] = mapped_column(default=now)
