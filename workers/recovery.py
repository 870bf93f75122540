"""Looks after lost jobs.

Every worker does this; the ledger sees to it that two of them do no harm.
"""

import logging
import threading
from datetime import datetime, timedelta

from kombu.exceptions import OperationalError
from redis import RedisError
from sqlalchemy.orm import Session

from tmlib.db import Database, Process, clock, revision
from tmlib.ledger import dispatch, failures, lost_jobs, worker_pools
from tmlib.settings import Settings
from workers.queue import CeleryQueue

logger = logging.getLogger(__name__)


class Recovery:
    """Repeats the search for lost jobs until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database.of(settings, Process.RECOVERY)
        self._queue = CeleryQueue(settings)
        self._was_away = False

    def run(self, stop: threading.Event) -> None:
        """Search about twice per lease; a database or Redis that is away is asked again."""
        while not stop.wait(self._settings.lease_seconds / 2):
            try:
                self.search()
            except (OperationalError, RedisError) as error:
                logger.warning("The search for lost jobs failed (%s); it is repeated.", error)
            except Exception as error:
                if failures.may_pass(error):
                    logger.warning("The search for lost jobs failed (%s); it is repeated.", error)
                else:
                    logger.exception("The search for lost jobs failed; it is repeated.")

    def search(self) -> list[int]:
        """Find lost jobs and send them again, and fit windows to the workers that there are."""
        was_away, self._was_away = self._was_away, True
        grace_seconds = self._settings.lease_seconds if was_away else 0
        try:
            if revision.mismatch(self._database) is not None:
                # others look after these tables, and this pool says elsewhere what is wrong
                return []
            job_ids = [
                job_id
                for interactive in (True, False)
                for job_id in self._search(grace_seconds, interactive=interactive)
            ]
            self._adjust()
            self._was_away = False
            return job_ids
        finally:
            # no connection stays open until the next time
            self._database.close()

    def _adjust(self) -> None:
        with self._database.transaction() as session:
            worker_pools.forget_silent(session)
            job_ids = dispatch.adjust(session)
        self._queue.enqueue(job_ids)

    def _search(self, grace_seconds: float, *, interactive: bool) -> list[int]:
        with self._database.session() as session:
            moment = clock.read(session)
        messages = self._queue.depth(interactive=interactive)
        with self._database.transaction() as session:
            lost = lost_jobs.recover(
                session,
                moment,
                self._settings.max_attempts,
                self._lost_before(session, moment, messages, interactive=interactive),
                interactive=interactive,
                grace_seconds=grace_seconds,
            )
        if lost:
            logger.warning("%d lost jobs are sent again.", len(lost))
        self._queue.enqueue(lost, interactive=interactive)
        return lost

    def _lost_before(
        self, session: Session, moment: datetime, messages: int, *, interactive: bool
    ) -> datetime | None:
        """What was put on the queue before this and not taken is not there any more."""
        latest = moment
        if messages:
            taken = lost_jobs.last_taken(session, interactive=interactive)
            if taken is None:
                return None
            latest = taken
        return latest - timedelta(seconds=self._settings.lease_seconds)
