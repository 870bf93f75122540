"""Removes what was deleted, was given up or is too old, so that no request and no job has to.

Every pool of workers does this; the database sees to it that two of them do no harm.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

from tmlib.accounts import audit_entries, logins
from tmlib.annotation import imports as annotation_imports
from tmlib.db import Database, Process, revision
from tmlib.experiments import deletion as experiments
from tmlib.experiments.trash import Trash
from tmlib.ledger import failures
from tmlib.objects import deletion as objects
from tmlib.settings import Settings
from tmlib.storage import trash_folder
from tmlib.uploads.resuming import remove_expired

logger = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 1.0
_SWEEP_AGAIN_SECONDS = 3600.0


class Upkeep:
    """Repeats what is to be done until it is stopped."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._database = Database.of(settings, Process.UPKEEP)
        self._swept_at = -math.inf

    def run(self, stop: threading.Event) -> None:
        """Do it about twice per lease."""
        while not stop.wait(self._settings.lease_seconds / 2):
            self.work()

    def work(self) -> None:
        """Do everything for a while; what cannot be done at this moment holds up nothing else.

        Tables of another version are looked after by others.
        """
        looked_at = -math.inf
        # no connection stays open until the next time
        with closing(self._database), _failures_logged():
            for task in self._tasks():
                # tables may have been upgraded while the last task took its time
                if time.monotonic() - looked_at > _LOOK_AGAIN_SECONDS:
                    if revision.mismatch(self._database) is not None:
                        return
                    looked_at = time.monotonic()
                with _failures_logged():
                    task()

    def _tasks(self) -> list[Callable[[], object]]:
        database, data_dir = self._database, self._settings.data_dir
        seconds = self._settings.lease_seconds
        return [
            lambda: objects.finish(database, seconds),
            lambda: experiments.finish(database, data_dir, seconds),
            lambda: Trash(trash_folder(data_dir)).empty(seconds),
            lambda: remove_expired(database, data_dir),
            lambda: audit_entries.remove_expired(database, self._settings.audit_days),
            lambda: logins.remove_expired(database),
            self._sweep,
        ]

    def _sweep(self) -> None:
        """Look for files that nobody needs when this pool begins, and then now and then.

        It takes a look at the folder of each experiment.
        """
        if time.monotonic() - self._swept_at > _SWEEP_AGAIN_SECONDS:
            annotation_imports.sweep_all(self._database, self._settings.data_dir)
            self._swept_at = time.monotonic()


@contextmanager
def _failures_logged() -> Iterator[None]:
    """Leave what fails for the next time, and say why."""
    try:
        yield
    except Exception as error:
        if failures.may_pass(error):
            logger.warning("Something is removed later: %s", error)
        else:
            logger.exception("Something could not be removed; it is tried again.")
