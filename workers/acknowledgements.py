"""Notices messages that could not be acknowledged because Redis was away.

Kombu only logs that, and goes on counting such messages as being worked on. Once there are as many
of them as the pool has processes, it takes no further one, so nobody uses the connection any
more and nobody notices that it is dead. A new connection begins to count anew.
"""

from typing import Any, ClassVar

from celery import bootsteps
from celery.worker import state
from celery.worker.consumer import Consumer

from tmlib.settings import Settings

_LONGEST_PAUSE = 5.0


class LostAcknowledgements(bootsteps.StartStopStep):  # type: ignore[misc] # Celery has no types
    """Connects anew when more messages are counted as taken than there are jobs in work."""

    requires: ClassVar[set[str]] = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, consumer: Consumer, **options: Any) -> None:
        super().__init__(consumer, **options)
        self._entry: Any = None

    def start(self, consumer: Consumer) -> None:
        """Look again and again, in the loop that also takes messages and hears of their end."""
        pause = min(_LONGEST_PAUSE, Settings().lease_seconds / 2)
        self._entry = consumer.timer.call_repeatedly(pause, self._look, (consumer,))

    def stop(self, consumer: Consumer) -> None:
        """Look no more."""
        if self._entry is not None:
            self._entry.cancel()
            self._entry = None

    def _look(self, consumer: Consumer) -> None:
        qos = consumer.task_consumer.channel.qos
        n_taken = qos.prefetch_count - qos.can_consume_max_estimate()
        in_work = {*state.reserved_requests, *state.active_requests}
        if n_taken > len(in_work):
            raise ConnectionResetError("Redis was away when messages were acknowledged.")
