"""The Celery application and its one task.

Celery carries ids of jobs and nothing else; whether a job is still to be done, and what follows
from its end, is decided in the ledger. Run it with ``tm worker``.
"""

import threading
from typing import Any

from celery import Celery
from celery.signals import (
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from celery.worker.consumer import Consumer

import tmlib.schema  # noqa: F401 - registers all tables before the first query
from tmlib import logs
from tmlib.db import Database, Process
from tmlib.settings import Settings
from tmlib.workflow.execution import Worker
from tmlib.workflow.guard import Guard
from tmlib.workflow.queue import JOB_QUEUE
from workers.configuration import RUN_JOB, configure
from workers.presence import Presence
from workers.queue import CeleryQueue
from workers.recovery import Recovery

app = configure(Celery("tmserver"), Settings())

_worker: Worker | None = None
_presence: Presence | None = None
_stop = threading.Event()


@setup_logging.connect
def _log_as_configured(loglevel: int, **_: Any) -> None:
    """Log in the form that the settings name, in place of Celery's own."""
    logs.configure(Settings(), loglevel)


@worker_process_init.connect
def _open(**_: Any) -> None:
    """Give each worker process a guard, which comes first, and connections of its own."""
    global _worker
    settings = Settings()
    guard = Guard(settings)
    database = Database.of(settings, Process.WORKER)
    _worker = Worker(database, CeleryQueue(settings), settings, guard)


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    if _worker is not None:
        _worker.database.close()
        if _worker.guard is not None:
            _worker.guard.close()


@worker_ready.connect
def _start_recovery(sender: Consumer, **_: Any) -> None:
    """Look after lost jobs from every worker, so that no single process has to live for it."""
    global _presence
    _stop.clear()
    settings = Settings()
    recovery = Recovery(settings)
    threading.Thread(target=recovery.run, args=(_stop,), name="recovery", daemon=True).start()
    [queue] = app.amqp.queues.consume_from
    _presence = Presence(settings, queue, sender.controller.concurrency)
    threading.Thread(target=_presence.run, args=(_stop,), name="presence", daemon=True).start()


@worker_shutting_down.connect
def _stop_recovery(**_: Any) -> None:
    _stop.set()


@worker_shutdown.connect
def _leave(**_: Any) -> None:
    if _presence is not None:
        _presence.leave()


@app.task(name=RUN_JOB, queue=JOB_QUEUE, ignore_result=True)
def run_job(job_id: int) -> None:
    """Run a job, if the ledger says that it is still to be done."""
    if _worker is None:
        raise RuntimeError("Jobs run only in the processes of a worker's pool.")
    with logs.context(job_id=job_id):
        _worker.run(job_id)
