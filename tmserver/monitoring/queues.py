"""How many messages wait in Redis, whoever started it."""

from kombu.exceptions import OperationalError
from redis import RedisError

from tmlib.settings import Settings
from tmlib.workflow import queue
from tmserver.supervisor import redis_server


def with_broker(settings: Settings) -> Settings | None:
    """Settings that name the Redis to use, None if nobody has said which.

    A private one is found by the configuration that `tm serve` has left in the data folder.
    """
    if settings.broker_url is not None:
        return settings
    url = redis_server.configured_url(settings.data_dir / "run")
    return None if url is None else settings.model_copy(update={"broker_url": url})


def messages(settings: Settings) -> dict[str, int] | None:
    """Messages on each queue, by its name; None if Redis does not answer."""
    found = with_broker(settings)
    if found is None:
        return None
    try:
        connected = queue.connect(found)
        return {
            queue.JOB_QUEUE: connected.depth(),
            queue.INTERACTIVE_QUEUE: connected.depth(interactive=True),
        }
    except (OperationalError, RedisError, OSError):
        return None
