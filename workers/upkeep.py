"""Removes what was deleted, was given up or is too old, so that no request and no job has to.

Every pool of workers does this; the database sees to it that two of them do no harm.
"""

import logging
import threading
from collections.abc import Callable

from tmlib.accounts import audit_entries, logins
from tmlib.db import Database, Process, revision
from tmlib.experiments import deletion as experiments
from tmlib.experiments.trash import Trash
from tmlib.ledger import failures
from tmlib.objects import deletion as objects
from tmlib.settings import Settings
from tmlib.storage import trash_folder
from tmlib.uploads.resuming import remove_expired

logger = logging.getLogger(__name__)


class Upkeep:
    """Repeats what is to be done until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def run(self, stop: threading.Event) -> None:
        """Do it about twice per lease."""
        while not stop.wait(self._settings.lease_seconds / 2):
            self.work()

    def work(self) -> None:
        """Do everything for a while; what cannot be done at this moment holds up nothing else."""
        data_dir, seconds = self._settings.data_dir, self._settings.lease_seconds
        tasks: list[Callable[[Database], object]] = [
            lambda database: objects.finish(database, seconds),
            lambda database: experiments.finish(database, data_dir, seconds),
            lambda _: Trash(trash_folder(data_dir)).empty(seconds),
            lambda database: remove_expired(database, data_dir),
            lambda database: audit_entries.remove_expired(database, self._settings.audit_days),
            logins.remove_expired,
        ]
        database = Database.of(self._settings, Process.UPKEEP)
        try:
            for task in tasks:
                try:
                    # tables of another version are looked after by others
                    if revision.mismatch(database) is None:
                        task(database)
                except Exception as error:
                    if failures.may_pass(error):
                        logger.warning("Something is removed later: %s", error)
                    else:
                        logger.exception("Something could not be removed; it is tried again.")
        finally:
            database.close()
