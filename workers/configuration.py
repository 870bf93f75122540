"""How Celery is set up, for those who send job ids and those who take them."""

from celery import Celery

from tmlib.errors import BadInput
from tmlib.settings import Settings
from tmlib.workflow.queue import JOB_QUEUE

RUN_JOB = "workers.run_job"

_DAY = 24 * 3600

# A busy machine takes its time to bring a process up; one that is given up too soon never comes.
_ALIVE_SECONDS = 120

# A request that submits a workflow does not wait long for a Redis that is away: the ledger has the
# jobs, and the workers find them.
_SHORT_RETRIES = {"max_retries": 2, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.4}


def configure(app: Celery, settings: Settings) -> Celery:
    """Set an application up.

    Messages are acknowledged late and taken one by one, so that a worker that dies takes no
    waiting job with it. Redis delivers a message again that is not acknowledged within a day;
    that does no harm, since the ledger gives each job away only once.
    """
    if settings.broker_url is None:
        raise BadInput(
            "TM_BROKER_URL is not set: set it to the URL of your Redis, or use `tm serve`, which "
            "brings its own."
        )
    app.conf.update(
        broker_url=settings.broker_url,
        broker_connection_retry_on_startup=True,
        broker_transport_options={"visibility_timeout": _DAY, **_SHORT_RETRIES},
        task_default_queue=JOB_QUEUE,
        task_serializer="json",
        accept_content=["json"],
        task_acks_late=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_max_memory_per_child=2_000_000,
        worker_proc_alive_timeout=_ALIVE_SECONDS,
        worker_hijack_root_logger=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        enable_utc=True,
    )
    return app
