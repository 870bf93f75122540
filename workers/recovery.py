"""Looks after jobs whose worker or whose message was lost, and after uploads that were given up.

Every worker does this; the ledger sees to it that two of them do no harm.
"""

import logging
import threading
from datetime import timedelta

from tmlib.db import Database, Process
from tmlib.db.base import now
from tmlib.settings import Settings
from tmlib.uploads.resuming import remove_expired
from tmlib.workflow import engine
from workers.queue import CeleryQueue

logger = logging.getLogger(__name__)


class Recovery:
    """Repeats the search for lost jobs until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._queue = CeleryQueue(settings)

    def run(self, stop: threading.Event) -> None:
        """Search about twice per lease; a database or Redis that is away is asked again."""
        while not stop.wait(self._settings.lease_seconds / 2):
            try:
                self.search()
            except Exception:
                logger.exception("The search for lost jobs failed; it will be repeated.")

    def search(self) -> list[int]:
        """Find lost jobs and send them again; remove uploads that nobody has resumed in time.

        The connection is closed afterwards, so that pool processes that are forked later do not
        inherit it.
        """
        database = Database.of(self._settings, Process.RECOVERY)
        try:
            job_ids = [
                job_id
                for interactive in (True, False)
                for job_id in self._search(database, interactive=interactive)
            ]
            remove_expired(database, self._settings.data_dir)
            return job_ids
        finally:
            database.close()

    def _search(self, database: Database, *, interactive: bool) -> list[int]:
        moment = now()
        lost_before = None
        if self._queue.depth(interactive=interactive) == 0:
            lost_before = moment - timedelta(seconds=self._settings.lease_seconds)
        with database.transaction() as session:
            job_ids = engine.recover(
                session, moment, self._settings.max_attempts, lost_before, interactive=interactive
            )
        if job_ids:
            logger.warning("%d lost jobs are sent again.", len(job_ids))
        self._queue.enqueue(job_ids, interactive=interactive)
        return job_ids
