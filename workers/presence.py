"""Tells the registry that a pool of workers is there, and does what operators tell its host."""

import logging
import os
import signal
import threading
import time

from celery.worker.consumer import Consumer

from tmlib.db import Database, Process, clock, revision
from tmlib.ledger import dispatch, drain, worker_pools
from tmlib.ledger.worker_pools import Pool
from tmlib.settings import Settings
from workers.queue import CeleryQueue

logger = logging.getLogger(__name__)


class Presence:
    """Reports a pool every few seconds until it ends.

    Parameters
    ----------
    settings
        Of the installation.
    pool
        This process's.
    consumer
        What takes jobs from the queue for it.
    """

    def __init__(self, settings: Settings, pool: Pool, consumer: Consumer) -> None:
        self._database = Database.of(settings, Process.RECOVERY)
        self._queue = CeleryQueue(settings)
        self._pool = pool
        self._consumer = consumer
        self._may_end = worker_pools.MAY_END in os.environ
        self._is_draining: bool | None = None
        self._is_ending = threading.Event()
        self._has_left = False
        self._lock = threading.Lock()

    def run(self) -> None:
        """Report until this process ends; a database that is away is asked again."""
        while True:
            try:
                self.report()
            except Exception:
                logger.exception("The registry could not be told of this pool; it will be.")
            time.sleep(worker_pools.REPORT_SECONDS)

    def report(self) -> None:
        """Tell that the pool is there, and see whether it is to take jobs.

        It is not while its host is drained, or the tables are of another version of the product.
        """
        problem = revision.mismatch(self._database)
        if problem is not None and not self._is_draining:
            # first, as the registry may have become one that this version cannot write to
            self._is_draining = True
            self._take_no_jobs(problem)
        with self._lock, self._database.transaction() as session:
            if self._has_left:
                return
            if self._is_draining is None:
                # of an earlier process with the same number
                worker_pools.leave(session, self._pool)
            order = drain.order(session, self._pool.host)
            is_draining = order is not None or self._is_ending.is_set() or problem is not None
            moment = clock.read(session)
            worker_pools.report(session, self._pool, moment, is_draining=is_draining)
        if is_draining != self._is_draining:
            self._is_draining = is_draining
            if is_draining:
                self._take_no_jobs("The host is drained.")
            else:
                self._take_jobs()
        elif order is not None and order.ends_workers and self._may_end:
            self._end_when_idle()

    def _end_when_idle(self) -> None:
        with self._database.session() as session:
            is_idle = drain.is_idle(session, self._pool.host)
        if is_idle:
            logger.warning("The host is drained and idle: this pool ends.")
            os.kill(os.getpid(), signal.SIGTERM)

    def _take_no_jobs(self, reason: str) -> None:
        if self._is_ending.is_set():
            return
        logger.warning("From now on no more jobs are taken from %s. %s", self._pool.queue, reason)
        self._consumer.call_soon(self._consumer.cancel_task_queue, self._pool.queue)

    def _take_jobs(self) -> None:
        if self._is_ending.is_set():
            return
        self._consumer.call_soon(self._consumer.add_task_queue, self._pool.queue)
        with self._database.transaction() as session:
            job_ids = dispatch.adjust(session)
        self._queue.enqueue(job_ids)

    def end(self) -> None:
        """From now on tell that the pool takes no more jobs, since it is about to end."""
        self._is_ending.set()

    def leave(self) -> None:
        """Tell that the pool has ended."""
        with self._lock, self._database.transaction() as session:
            self._has_left = True
            worker_pools.leave(session, self._pool)
        self._database.close()
