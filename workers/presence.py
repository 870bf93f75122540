"""Tells the registry that a pool of workers is there."""

import logging
import os
import socket
import threading

from tmlib.db import Database
from tmlib.db.base import now
from tmlib.settings import Settings
from tmlib.workflow import dispatch, pools
from tmlib.workflow.pools import Pool
from workers.queue import CeleryQueue

logger = logging.getLogger(__name__)


class Presence:
    """Reports a pool every few seconds until it is stopped.

    Parameters
    ----------
    settings
        Of the installation.
    queue
        The one that the pool takes jobs from.
    processes
        How many worker processes it has.
    """

    def __init__(self, settings: Settings, queue: str, processes: int) -> None:
        self._settings = settings
        self._queue = CeleryQueue(settings)
        self._pool = Pool(socket.gethostname(), os.getpid(), queue, processes)

    def run(self, stop: threading.Event) -> None:
        """Report until the pool ends; a database that is away is asked again."""
        while True:
            try:
                self.report()
            except Exception:
                logger.exception("The registry could not be told of this pool; it will be.")
            if stop.wait(pools.REPORT_SECONDS):
                return

    def report(self) -> None:
        """Tell that the pool is there; when that is new, hand out jobs for it."""
        database = Database(self._settings.resolved_database_url)
        try:
            with database.transaction() as session:
                has_changed = pools.report(session, self._pool, now())
            if has_changed:
                with database.transaction() as session:
                    job_ids = dispatch.adjust(session)
                self._queue.enqueue(job_ids)
        finally:
            database.close()

    def leave(self) -> None:
        """Tell that the pool has ended."""
        database = Database(self._settings.resolved_database_url)
        try:
            with database.transaction() as session:
                pools.leave(session, self._pool)
        finally:
            database.close()
