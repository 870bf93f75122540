"""How many messages wait to be taken by workers, and what carries them."""

from typing import Literal

from kombu.exceptions import OperationalError
from redis import RedisError

from tmlib.ledger import queue
from tmlib.settings import Settings

Carrier = Literal["redis", "files"]


def carrier(settings: Settings) -> Carrier:
    """What carries ids of jobs to the workers: a Redis, or files of the data folder."""
    return "files" if settings.broker_url is None else "redis"


def is_known(settings: Settings) -> bool:
    """Whether jobs can be sent: a Redis is named, or `tm serve` has run on this data folder."""
    return settings.broker_url is not None or settings.queue_dir.is_dir()


def messages(settings: Settings) -> dict[str, int] | None:
    """Messages on each queue, by its name; None if what carries them does not answer."""
    if not is_known(settings):
        return None
    try:
        connected = queue.connect(settings)
        return {
            queue.JOB_QUEUE: connected.depth(),
            queue.INTERACTIVE_QUEUE: connected.depth(interactive=True),
        }
    except (OperationalError, RedisError, OSError):
        return None
