"""How many messages wait in Redis, whoever started it."""

from kombu.exceptions import OperationalError
from redis import RedisError

from tmlib.settings import Settings
from tmlib.workflow import queue
from tmserver.supervisor import redis_server


def messages(settings: Settings) -> dict[str, int] | None:
    """Messages on each queue, by its name; None if Redis does not answer.

    A private Redis is found by the configuration that `tm serve` has left in the data folder.
    """
    if settings.broker_url is None:
        url = redis_server.configured_url(settings.data_dir / "run")
        if url is None:
            return None
        settings = settings.model_copy(update={"broker_url": url})
    try:
        connected = queue.connect(settings)
        return {
            queue.JOB_QUEUE: connected.depth(),
            queue.INTERACTIVE_QUEUE: connected.depth(interactive=True),
        }
    except (OperationalError, RedisError, OSError):
        return None
