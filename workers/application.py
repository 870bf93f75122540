"""The Celery application and its one task.

Celery carries ids of jobs and nothing else; whether a job is still to be done, and what follows
from its end, is decided in the ledger. Run it with ``tm worker``.
"""

import logging
import os
import socket
import threading
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_after_setup,
    setup_logging,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
    worker_shutting_down,
)
from celery.worker.consumer import Consumer

import tmlib.programs
import tmlib.schema  # noqa: F401 - all programs and tables are registered before the first query
from tmlib import lifeline, logs
from tmlib.db import Database, Process, revision
from tmlib.ledger import drain
from tmlib.ledger.execution import Worker
from tmlib.ledger.guard import Guard
from tmlib.ledger.queue import JOB_QUEUE
from tmlib.ledger.worker_pools import Pool
from tmlib.settings import Settings
from workers.acknowledgements import LostAcknowledgements
from workers.configuration import RUN_JOB, configure
from workers.ending import Ending
from workers.presence import Presence
from workers.queue import CeleryQueue
from workers.recovery import Recovery
from workers.upkeep import Upkeep

logger = logging.getLogger(__name__)

app = configure(Celery("tmserver"), Settings())
app.steps["consumer"].add(LostAcknowledgements)

_worker: Worker | None = None
_presence: Presence | None = None
_ending: Ending | None = None
_queue = JOB_QUEUE
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
    lifeline.follow()
    database = Database.of(settings, Process.WORKER)
    _worker = Worker(database, CeleryQueue(settings), settings, guard)


@worker_process_shutdown.connect
def _close(**_: Any) -> None:
    if _worker is not None:
        _worker.database.close()
        if _worker.guard is not None:
            _worker.guard.close()


@celeryd_after_setup.connect
def _follow(**_: Any) -> None:
    """End together with whoever has started this pool."""
    lifeline.follow()


@celeryd_after_setup.connect
def _look_for_order(**_: Any) -> None:
    """Take no job from the first moment on if the host is drained, or this is another version."""
    global _queue
    [_queue] = app.amqp.queues.consume_from
    database = Database.of(Settings(), Process.RECOVERY)
    try:
        takes_none = revision.mismatch(database) is not None
        with database.session() as session:
            takes_none = takes_none or drain.order(session, socket.gethostname()) is not None
    except Exception:
        logger.exception("Whether this host is drained could not be seen; it is looked at again.")
        return
    finally:
        database.close()
    if takes_none:
        app.amqp.queues.deselect(_queue)


@worker_ready.connect
def _begin(sender: Consumer, **_: Any) -> None:
    """Tell that the pool is there, and look after lost jobs and what is to be removed.

    Every pool does that, so that no single process has to live for it.
    """
    global _presence, _ending
    settings = Settings()
    pool = Pool(socket.gethostname(), os.getpid(), _queue, sender.controller.concurrency)
    _presence, _ending = Presence(settings, pool, sender), Ending(settings, pool)
    recovery, upkeep = Recovery(settings), Upkeep(settings)
    threading.Thread(target=recovery.run, args=(_stop,), name="recovery", daemon=True).start()
    threading.Thread(target=upkeep.run, args=(_stop,), name="upkeep", daemon=True).start()
    threading.Thread(target=_presence.run, name="presence", daemon=True).start()


@worker_shutting_down.connect
def _end(**_: Any) -> None:
    """Bound the time that running jobs have; told so a second time, give them none."""
    if _presence is None or _ending is None:
        return
    if _stop.is_set():
        _ending.hurry()
        return
    _stop.set()
    _presence.end()
    _ending.start()


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
