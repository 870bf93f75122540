"""How job ids get to the workers: a small interface that hides what carries them."""

import pkgutil
from collections.abc import Sequence
from typing import Protocol, cast

from tmlib.settings import Settings


class Queue(Protocol):
    """Carries job ids to workers. Losing some is no harm: the ledger knows them."""

    def enqueue(self, job_ids: Sequence[int]) -> None:
        """Send job ids to the workers."""

    def depth(self) -> int:
        """How many job ids wait to be taken by a worker."""


def connect(settings: Settings) -> Queue:
    """The queue that the settings name."""
    factory = pkgutil.resolve_name(settings.queue)
    return cast(Queue, factory(settings))
