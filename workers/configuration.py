"""How Celery is set up, for those who send job ids and those who take them."""

from pathlib import Path
from typing import Any

from celery import Celery

from tmlib.ledger.queue import JOB_QUEUE
from tmlib.settings import Settings
from workers import file_transport

RUN_JOB = "workers.run_job"

_DAY = 24 * 3600

# A busy machine takes its time to bring a process up; one that is given up too soon never comes.
_ALIVE_SECONDS = 120

# Nobody waits long for a Redis that is away or hangs: the ledger has the jobs, and the workers
# find them. Workers ask for a message with a command that takes a second if there is none.
_IMPATIENT = {
    "socket_connect_timeout": 2,
    "socket_timeout": 2,
    "socket_keepalive": True,
    "max_retries": 1,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.2,
}


def configure(app: Celery, settings: Settings) -> Celery:
    """Set an application up.

    Messages are acknowledged late and taken one by one, so that a worker that dies takes no
    waiting job with it. Redis delivers a message again that is not acknowledged within a day;
    that does no harm, since the ledger gives each job away only once. Without a Redis messages are
    files in the data folder.
    """
    url = settings.broker_url
    app.conf.update(
        **(_files(settings.queue_dir) if url is None else _redis(url)),
        broker_connection_retry_on_startup=True,
        task_default_queue=JOB_QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_memory_per_child=2_000_000,
        worker_proc_alive_timeout=_ALIVE_SECONDS,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        enable_utc=True,
    )
    return app


def _redis(url: str) -> dict[str, Any]:
    return {
        "broker_url": url,
        "broker_transport_options": {"visibility_timeout": _DAY, **_IMPATIENT},
        "worker_disable_prefetch": True,
    }


def _files(folder: Path) -> dict[str, Any]:
    return {
        "broker_url": f"{file_transport.SCHEME}://localhost",
        "broker_transport_options": {"folder": str(folder)},
    }
