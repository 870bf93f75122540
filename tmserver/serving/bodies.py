"""Bodies of requests: waited for when they are small, handed on as they arrive otherwise."""

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any

from tmserver.serving.limits import SMALL_BODY
from tmserver.serving.refusals import BODY_TOO_SLOW, RefusedError

Receive = Callable[[], Awaitable[Any]]


class SlowSenderError(TimeoutError):
    """A body does not arrive, or so slowly that nobody can mean it."""


class SenderGoneError(ConnectionResetError):
    """The connection was closed before the whole body had arrived."""


class Body:
    """What arrives of the body of a request.

    Parameters
    ----------
    receive
        Gives the next message about the request, as ASGI has it.
    is_empty
        Whether the head says that there is no body.
    slow_seconds
        How long 64 kB, or what is left, may take to arrive.
    """

    def __init__(self, receive: Receive, slow_seconds: float, *, is_empty: bool) -> None:
        self._receive = receive
        self._slow_seconds = slow_seconds
        self._waited = 0.0
        self._n_received = 0
        self.is_complete = is_empty

    async def next_piece(self) -> bytes:
        """Some bytes; none at the end.

        Raises
        ------
        SlowSenderError
            If they do not come.
        SenderGoneError
            If they never will.
        """
        loop = asyncio.get_running_loop()
        while not self.is_complete:
            start = loop.time()
            try:
                async with asyncio.timeout(self._slow_seconds - self._waited):
                    message = await self._receive()
            except TimeoutError:
                raise SlowSenderError from None
            if message["type"] != "http.request":
                raise SenderGoneError
            self.is_complete = not message.get("more_body", False)
            piece: bytes = message.get("body", b"")
            self._count(len(piece), loop.time() - start)
            if piece:
                return piece
        return b""

    def _count(self, n_bytes: int, seconds: float) -> None:
        self._waited += seconds
        self._n_received += n_bytes
        if self._n_received >= SMALL_BODY:
            self._waited = self._n_received = 0

    async def whole(self, most: int) -> bytes:
        """All of it, but no more than a piece beyond `most` bytes.

        Raises
        ------
        RefusedError
            If it comes too slowly.
        SenderGoneError
            If it never comes.
        """
        content = bytearray()
        try:
            while len(content) <= most and (piece := await self.next_piece()):
                content += piece
        except SlowSenderError:
            raise RefusedError(BODY_TOO_SLOW) from None
        return bytes(content)

    async def discard(self, seconds: float) -> None:
        """Read on for a while, for a client that looks at the answer only when it has sent all."""
        try:
            async with asyncio.timeout(seconds):
                while await self.next_piece():
                    pass
        except (TimeoutError, SenderGoneError):
            pass


class ArrivingBody(io.RawIOBase):
    """A body as a file that a thread can read while it arrives.

    Parameters
    ----------
    body
        Its pieces arrive in the running loop.
    """

    def __init__(self, body: Body) -> None:
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        """Files to be read say so."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Wait for some bytes, and put as many as fit into a buffer; 0 at the end."""
        if not self._rest:
            piece = asyncio.run_coroutine_threadsafe(self._body.next_piece(), self._loop)
            self._rest = memoryview(piece.result())
        n_bytes = min(len(buffer), len(self._rest))
        buffer[:n_bytes] = self._rest[:n_bytes]
        self._rest = self._rest[n_bytes:]
        return n_bytes
