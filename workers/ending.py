"""Lets running jobs end when a pool of workers is told to stop, and gives the others back."""

import logging
import threading
import time

import psutil

from tmlib.db import Database, Process
from tmlib.ledger import drain
from tmlib.ledger.queue import INTERACTIVE_QUEUE
from tmlib.ledger.worker_pools import Pool
from tmlib.settings import Settings
from workers.queue import CeleryQueue

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 0.5


class Ending:
    """The end of a pool. Celery waits for running jobs; this bounds how long.

    Parameters
    ----------
    settings
        Of the installation.
    pool
        This process's.
    """

    def __init__(self, settings: Settings, pool: Pool) -> None:
        self._settings = settings
        self._pool = pool
        self._hurry = threading.Event()

    def start(self) -> None:
        """Begin to wait for running jobs."""
        threading.Thread(target=self._run, name="ending", daemon=True).start()

    def hurry(self) -> None:
        """Wait no longer."""
        self._hurry.set()

    def _run(self) -> None:
        self._hurry.wait(self._settings.drain_seconds)
        database = Database.of(self._settings, Process.RECOVERY)
        queue = CeleryQueue(self._settings)
        # until this process ends, which it does when its children are gone
        while True:
            try:
                self._hand_back(database, queue)
            except Exception:
                logger.exception("Running jobs could not be handed back; it is tried again.")
            time.sleep(_LOOK_SECONDS)

    def _hand_back(self, database: Database, queue: CeleryQueue) -> None:
        children = psutil.Process().children()
        workers = [f"{self._pool.host}:{child.pid}" for child in children]
        with database.transaction() as session:
            job_ids = drain.hand_back(session, workers)
        if job_ids:
            logger.warning("%d running jobs are handed back for others to do.", len(job_ids))
            queue.enqueue(job_ids, interactive=self._pool.queue == INTERACTIVE_QUEUE)
