"""One job in the JSON of lists, in the words of the original."""

from datetime import datetime, timedelta
from typing import Any

from tmlib.ids import encode_id
from tmlib.ledger.models import Job, State, Task

_LIVE = (State.SUBMITTED, State.RUNNING, State.TERMINATING, State.STOPPED)


def job_status(job: Job) -> dict[str, Any]:
    """One job as the list of jobs shows it."""
    return {
        **common(job, f"{job.phase.capitalize()}Job", job.wall_time),
        "created_at": time_text(job.submitted_at),
        "updated_at": time_text(job.finished_at or job.started_at or job.submitted_at),
        "cpu_time": None if job.cpu_time is None else seconds_text(job.cpu_time),
        "memory": job.memory,
        "host": job.host,
        "attempt": job.attempt,
        "skipped": job.skipped,
        "reason": job.reason,
        "error": job.error,
    }


def common(item: Task | Job, type_name: str, seconds: float | None) -> dict[str, Any]:
    """What is said of tasks and of jobs alike; `seconds` is how long they took."""
    return {
        "id": encode_id(item.id),
        "name": item.name,
        "type": type_name,
        "state": item.state.value,
        "live": item.state in _LIVE,
        "done": item.state is State.TERMINATED,
        "failed": item.exitcode not in (0, None),
        "exitcode": item.exitcode,
        "time": None if seconds is None else seconds_text(seconds),
    }


def seconds_text(seconds: float) -> str:
    """A duration as all lists show it, ``0:01:30`` for example."""
    return str(timedelta(seconds=round(seconds)))


def time_text(moment: datetime | None) -> str | None:
    """A point in time as all lists show it."""
    return None if moment is None else moment.strftime("%Y-%m-%d %H:%M:%S")
