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


class State(enum.StrEnum):
    """Where a task or job stands, in the words of the original."""

    NEW = "NEW"
    SUBMITTED = "SUBMITTED"
    RUNNING = "RUNNING"
    STOPPED = "STOPPED"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    UNKNOWN = "UNKNOWN"


class TaskKind(enum.StrEnum):
    """What a task is: a part of a workflow, from the whole to its leaves, or interactive work."""

    WORKFLOW = "workflow"
    STAGE = "stage"
    STEP = "step"
    PHASE = "phase"
    INTERACTIVE = "interactive"


AT_WORK = (State.SUBMITTED, State.RUNNING)
"""The states of tasks whose jobs are handed out, and of jobs that are."""

WORKFLOW = "workflow"
"""The program that a submission is for unless somebody waits for it."""

_STATE = Enum(State, native_enum=False, length=20)
_KIND = Enum(
    TaskKind,
    native_enum=False,
    length=20,
    values_callable=lambda kinds: [kind.value for kind in kinds],
)


class Submission(Timestamps, Base):
    """Work that was handed in for a program, a workflow mostly, with what is to be done.

    ``force`` says that everything is done again, whether it still stands or not.
    """

    __tablename__ = "submissions"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    experiment_id: Mapped[int] = mapped_column(
        ForeignKey("experiments.id", ondelete="CASCADE"), index=True
    )
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"), index=True)
    program: Mapped[str] = mapped_column(String(50), default=WORKFLOW)
    description: Mapped[dict[str, Any]]
    force: Mapped[bool] = mapped_column(default=False, server_default=false())


class Task(Timestamps, Base):
    """A part of a submission that contains others: the workflow, a stage, a step, a phase.

    What is not a workflow has one task that contains all jobs.

    ``position`` is its place among its siblings. The counts are of the jobs directly in a phase;
    those that were skipped are done too. ``exitcode`` is 0 when all went well, and null before
    the end. ``cpu_time`` (seconds) is what all jobs that ended in a phase have used, those that
    were done again included, and ``memory`` (MB) the highest peak of one.
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
    kind: Mapped[TaskKind] = mapped_column(_KIND)
    type: Mapped[str] = mapped_column(String(50))
    name: Mapped[str] = mapped_column(String(255))
    position: Mapped[int]
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


class Job(Base):
    """A piece of work that one worker process does in one go.

    ``attempt`` counts how often it was started and fences late writers: who holds an older
    attempt cannot commit. ``tries`` are those since it was last handed in, which are bounded. It
    is NEW until the window of its phase reaches it, SUBMITTED while a message of it is on the
    queue. It is not taken ``not_before`` a point in time when it waits for what made it fail to
    pass. ``lease_expires_at`` is moved on by the worker's heartbeat. A job is ``skipped`` when
    what an earlier one made still stands; otherwise ``reason`` says why it is done.
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
        Index("ix_jobs_experiment_id_id", "experiment_id", "id"),
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
    experiment_id: Mapped[int] = mapped_column(ForeignKey("experiments.id", ondelete="CASCADE"))
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
