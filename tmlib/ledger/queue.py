"""How job ids get to the workers: a small interface that hides what carries them.

There are two queues. Jobs that somebody waits for are interactive and have one of their own, so
that they never stand in line behind those of a workflow.
"""

import pkgutil
from collections.abc import Sequence
from typing import Protocol, cast

from tmlib.settings import Settings

JOB_QUEUE = "jobs"
INTERACTIVE_QUEUE = "interactive"


class Queue(Protocol):
    """Carries job ids to workers. Losing some is no harm: the ledger knows them."""

    def enqueue(self, job_ids: Sequence[int], *, interactive: bool = False) -> None:
        """Send job ids to the workers."""

    def depth(self, *, interactive: bool = False) -> int:
        """How many job ids wait on a queue to be taken by a worker."""


def connect(settings: Settings) -> Queue:
    """The queue that the settings name."""
    factory = pkgutil.resolve_name(settings.queue)
    return cast(Queue, factory(settings))
