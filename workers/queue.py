"""The queue that job ids travel on: Celery on Redis, or on files of the data folder."""

import logging
from collections.abc import Sequence
from typing import cast

from celery import Celery
from kombu.exceptions import OperationalError
from redis import RedisError

from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.settings import Settings
from workers.configuration import RUN_JOB, configure

logger = logging.getLogger(__name__)


class CeleryQueue:
    """Sends job ids to Celery workers.

    Parameters
    ----------
    settings
        Name the Redis to use, if there is one.
    """

    def __init__(self, settings: Settings) -> None:
        self._app = configure(Celery("tmserver-queue", set_as_current=False), settings)

    def enqueue(self, job_ids: Sequence[int], *, interactive: bool = False) -> None:
        """Send job ids. If that fails they are not lost: workers look for such jobs."""
        if not job_ids:
            return
        try:
            with self._app.producer_pool.acquire(block=True) as producer:
                for job_id in job_ids:
                    self._app.send_task(
                        RUN_JOB,
                        args=[job_id],
                        queue=_name(interactive),
                        producer=producer,
                        retry=False,
                    )
        except (OperationalError, RedisError, OSError) as error:
            logger.error("%d jobs could not be sent (%s); they will be found.", len(job_ids), error)

    def depth(self, *, interactive: bool = False) -> int:
        """How many job ids wait on a queue to be taken."""
        with self._app.connection_for_read() as connection:
            return cast(
                int, connection.default_channel.queue_declare(_name(interactive)).message_count
            )


def _name(interactive: bool) -> str:
    return INTERACTIVE_QUEUE if interactive else JOB_QUEUE
