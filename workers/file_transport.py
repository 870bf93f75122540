"""A transport for Kombu without a server: :mod:`tmlib.ledger.file_queue`.

Kombu has one of its own for files. It shows others a message that is only half written, takes
messages by copying them to another file system, and makes Celery's pools do without their loop.
"""

import contextlib
import json
import logging
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.asynchronous.hub import Hub
from kombu.transport import TRANSPORT_ALIASES, virtual

from tmlib.ledger.file_queue import FileQueue

logger = logging.getLogger(__name__)

SCHEME = "files"

_POLL_SECONDS = 0.05


class Channel(virtual.Channel):
    """Puts messages into files and takes them out, one folder for each queue."""

    def _queue(self, name: str) -> FileQueue:
        return FileQueue(Path(self.connection.client.transport_options["folder"]) / name)

    def _put(self, queue: str, message: dict[str, Any], **_: Any) -> None:
        self._queue(queue).put(json.dumps(message).encode())

    def _get(self, queue: str, timeout: float | None = None) -> dict[str, Any]:
        while (content := self._queue(queue).take()) is not None:
            try:
                message: dict[str, Any] = json.loads(content)
            except ValueError:
                # a machine that lost its power can leave empty files
                logger.warning("A damaged message on %s was left out; its job is found.", queue)
                continue
            return message
        raise Empty

    def _size(self, queue: str) -> int:
        return self._queue(queue).size()

    def _purge(self, queue: str) -> int:
        return self._queue(queue).purge()


class Transport(virtual.Transport):
    """Looks for messages whenever Celery's event loop turns, and at least 20 times a second."""

    Channel = Channel

    driver_type = SCHEME
    driver_name = SCHEME
    polling_interval = _POLL_SECONDS
    # covers Kombu's own, and what can be wrong with a folder
    connection_errors = (OSError,)

    _loop: Hub | None = None

    implements = virtual.Transport.implements.extend(
        asynchronous=True, exchange_type=frozenset(["direct"])
    )

    def driver_version(self) -> str:
        """Messages are plain files: there is no driver whose version would matter."""
        return "1"

    def register_with_event_loop(self, connection: Any, loop: Hub) -> None:
        """Take messages whenever the loop turns."""
        self._loop = loop
        loop.on_tick.add(self._deliver_waiting)
        # a process that becomes free turns the loop, what others put on the queue does not
        loop.call_repeatedly(_POLL_SECONDS, lambda: None)

    def close_connection(self, connection: Any) -> None:
        """Take no more messages."""
        if self._loop is not None:
            self._loop.on_tick.discard(self._deliver_waiting)
        super().close_connection(connection)

    def _deliver_waiting(self) -> None:
        """Hand messages to the pool until it has no process for another one."""
        for channel in self.channels or ():
            with contextlib.suppress(Empty):
                while True:
                    channel.drain_events(callback=self._deliver)


TRANSPORT_ALIASES[SCHEME] = f"{__name__}:Transport"
