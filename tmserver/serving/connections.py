"""Connections of clients: how long a request may take to arrive, and an answer to be taken."""

import asyncio
import socket
import struct
from collections.abc import Callable
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from tmserver.http.api import Api
from tmserver.serving.limits import SMALL_BODY, Limits
from tmserver.serving.refusals import (
    HEAD_TOO_LARGE,
    HEAD_TOO_SLOW,
    MALFORMED,
    TARGET_TOO_LONG,
    TOO_MANY_CONNECTIONS,
    Refusal,
    RefusedError,
)

IS_GONE = "tmserver.is_gone"
"""In the scope of a request: a function that says whether its sender has left."""

_UNSENT_BYTES = 128 * 1024


class Crowd:
    """The connections of a process.

    Attributes
    ----------
    limits
        What they are allowed.
    api_at
        Gives the interface that answers for a path.
    waiting
        Those that have sent no whole head yet, the longest first. When there are too many
        connections, these have to go: so whoever opens them by the thousand keeps nobody out.
    """

    def __init__(self, limits: Limits, api_at: Callable[[str], Api]) -> None:
        self.limits = limits
        self.api_at = api_at
        self.waiting: dict[Connection, None] = {}

    def make_room(self, n_connections: int) -> bool:
        """End the connection that has waited longest if there are too many; False if none has."""
        if n_connections <= self.limits.connections:
            return True
        oldest = next(iter(self.waiting), None)
        if oldest is None:
            return False
        del self.waiting[oldest]
        oldest.transport.abort()
        return True


class Connection(HttpToolsProtocol):
    """uvicorn's connection, with limits to what its client may take.

    Parameters
    ----------
    crowd
        All connections of the process.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        crowd: Crowd,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._crowd = crowd
        self._limits = crowd.limits
        self._head_timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None
        self._refusal: Refusal | None = None
        self._is_ending = False
        self._has_begun = False
        # of the present head: its address, its bytes, and how many headers they are
        self._target = b""
        self._n_head = 0
        self._n_fields = 0
        # since the parser has last come upon something whole
        self._n_unparsed = 0

    # what comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # uvicorn's own narrows it
        """Watch over a new connection, or say that there are too many."""
        super().connection_made(transport)
        # the answer counts as taken when the client took it, not when a buffer did
        transport.set_write_buffer_limits(high=0)
        _bound_unsent(transport)
        if self._crowd.make_room(len(self.connections)):
            self._await_head()
        else:
            self._refuse(TOO_MANY_CONNECTIONS)

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, within the limits of a head."""
        if self._refusal is not None:
            return
        if self._is_idle:
            self._await_head()
        self._n_unparsed += len(data)
        super().data_received(data)
        if self._refusal is None and self._n_unparsed > self._limits.head_bytes:
            self._refuse(HEAD_TOO_LARGE)

    def eof_received(self) -> bool:  # type: ignore[override] # uvicorn always closes then
        """Let a client that has sent all it wanted, and said so, wait for its answer."""
        cycle = self.cycle
        if self._refusal is not None or cycle is None:
            return False
        cycle.keep_alive = False
        return not cycle.response_complete and not cycle.more_body

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._crowd.waiting.pop(self, None)
        self._cancel_head_timer()
        self._cancel_write_timer()

    def shutdown(self) -> None:
        """Answer what is under way; a client without a request may just be sending one."""
        self._is_ending = True
        if self._is_idle:
            self._unset_keepalive_if_required()
            self.loop.call_later(self._limits.linger_seconds, self._close_if_idle)
        else:
            self.cycle.keep_alive = False

    # what the parser tells

    def on_message_begin(self) -> None:
        """Count the bytes of a new head."""
        super().on_message_begin()
        self._has_begun = True
        self._target = b""
        self._n_head = self._n_fields = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the address."""
        super().on_url(url)
        self._target = self.url
        if len(self.url) > self._limits.target_bytes:
            self._give_up(TARGET_TOO_LONG)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; those after the body, which nobody needs, are counted alone."""
        self._count(len(name) + len(value) + len(b": \r\n"))
        self._n_fields += 1
        if self._n_fields > self._limits.fields or len(value) > self._limits.field_bytes:
            self._give_up(HEAD_TOO_LARGE)
        if self._has_begun:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._has_begun = False
        self._n_unparsed = 0
        self._cancel_head_timer()
        self._crowd.waiting.pop(self, None)
        if len(self.pipeline) >= self._limits.pipelined:
            self._give_up(MALFORMED)
        self.scope[IS_GONE] = self.transport.is_closing  # type: ignore[literal-required] # ours
        super().on_headers_complete()
        if self._is_ending:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._n_unparsed = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Know that a request has arrived."""
        self._n_unparsed = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        super().on_response_complete()
        if self._is_idle and not self.transport.is_closing():
            self._crowd.waiting[self] = None

    # what goes out

    def send_400_response(self, msg: str) -> None:
        """Refuse what cannot be parsed, or is beyond a limit."""
        self._refuse(self._refusal or MALFORMED)

    def pause_writing(self) -> None:
        """Wait for the client to take what was answered."""
        super().pause_writing()
        if self._write_timer is None:
            self._watch_writing()

    def resume_writing(self) -> None:
        """Go on: all was taken."""
        super().resume_writing()
        self._cancel_write_timer()

    # within

    @property
    def _is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        self._crowd.waiting.setdefault(self)
        if self._head_timer is None:
            seconds = self._limits.head_seconds
            self._head_timer = self.loop.call_later(seconds, self._end_slow_head)

    def _end_slow_head(self) -> None:
        self._head_timer = None
        if self._has_begun:
            self._refuse(HEAD_TOO_SLOW)
        else:
            self.transport.close()

    def _cancel_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_writing(self) -> None:
        """Look after a while how much was taken."""
        left = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(
            self._limits.slow_seconds, self._end_slow_reader, left
        )

    def _end_slow_reader(self, before: int) -> None:
        left = self.transport.get_write_buffer_size()
        if before - left < SMALL_BODY:
            _reset(self.transport)
        else:
            self._watch_writing()

    def _cancel_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def _close_if_idle(self) -> None:
        if self._is_idle:
            self.transport.close()

    def _count(self, n_bytes: int) -> None:
        self._n_head += n_bytes
        if self._n_head > self._limits.head_bytes:
            self._give_up(HEAD_TOO_LARGE)

    def _give_up(self, refusal: Refusal) -> None:
        """Have the parser stop here; uvicorn then sends `send_400_response`."""
        self._refusal = refusal
        raise RefusedError(refusal)

    def _refuse(self, refusal: Refusal) -> None:
        self._refusal = refusal
        self._cancel_head_timer()
        if not self._is_idle:
            # an answer is under way, into which another cannot be put
            self.transport.abort()
            return
        path = self._target.partition(b"?")[0].decode("latin-1")
        self.transport.write(refusal.as_http(self._crowd.api_at(path)))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self.loop.call_later(self._limits.linger_seconds, self.transport.close)


def _reset(transport: asyncio.Transport) -> None:
    """Close a connection at once: the system would go on offering what was not taken."""
    own = transport.get_extra_info("socket")
    if own is not None:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _bound_unsent(transport: asyncio.Transport) -> None:
    """Keep little in the system's own buffer, where nobody sees whether the client takes it."""
    own = transport.get_extra_info("socket")
    option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
    if own is not None and own.family != socket.AF_UNIX and option is not None:
        own.setsockopt(socket.IPPROTO_TCP, option, _UNSENT_BYTES)
