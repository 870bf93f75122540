"""Answers of a WSGI application: made in threads, sent by the loop, neither waits for the other."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from typing import Any

MOST_UNSENT = 256 * 1024
"""So many bytes of an answer, and a piece, wait in memory for a client to take them."""

_TOLD_BYTES = 64 * 1024

_logger = logging.getLogger(__name__)

Application = Callable[..., Iterable[bytes]]


class Answer:
    """An answer while it is made and sent.

    A thread makes it until it is over, or until enough waits to be sent: then the thread does
    something else, and any thread goes on when that is wanted. What a WSGI application gives is
    made as it is asked for, so no client that reads slowly holds a thread.

    Parameters
    ----------
    application
        Makes the answer.
    environ
        The request.
    threads
        Where it is made.
    is_gone
        Whether the client has left; then nothing is made any more.

    Attributes
    ----------
    status, headers
        What the application has said before the first piece.
    is_broken
        Whether it has ended before it was whole.
    """

    def __init__(
        self,
        application: Application,
        environ: dict[str, Any],
        threads: Executor,
        is_gone: Callable[[], bool],
    ) -> None:
        self._application = application
        self._environ = environ
        self._threads = threads
        self._is_gone = is_gone
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        # what Flask keeps of a request goes with it from thread to thread
        self._context = contextvars.Context()
        self._result: Iterable[bytes] = ()
        self._parts: Iterator[bytes] = iter(())
        self._pieces: deque[bytes] = deque()
        # each is changed by one side alone
        self._n_made = 0
        self._n_sent = 0
        self._is_of_known_length = False
        self._is_over = False
        self._is_paused = False
        self._is_abandoned = False
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.is_broken = False
        threads.submit(self._run, self._begin)

    # in the loop

    async def next_piece(self) -> bytes:
        """Some bytes to be sent, when there are some; none at the end."""
        while True:
            self._news.clear()
            is_over = self._is_over
            if self._is_paused and self._n_unsent <= MOST_UNSENT // 2:
                self._is_paused = False
                self._threads.submit(self._run, self._go_on)
            if self._pieces:
                piece = self._pieces.popleft()
                self._n_sent += len(piece)
                return piece
            if is_over:
                return b""
            await self._news.wait()

    def abandon(self) -> None:
        """Have the application make no more of it, and tidy up."""
        self._is_abandoned = True
        if self._is_paused:
            self._is_paused = False
            self._threads.submit(self._run, self._go_on)

    @property
    def _n_unsent(self) -> int:
        return self._n_made - self._n_sent

    # in a thread

    def _run(self, step: Callable[[], bool]) -> None:
        is_over = self._context.run(self._guarded, step)
        self._is_over = is_over
        self._is_paused = not is_over
        self._tell()
        if is_over:
            self._context.run(self._close)
        elif self._is_abandoned:
            # it was, between the last look and the pause
            self._loop.call_soon_threadsafe(self.abandon)

    def _guarded(self, step: Callable[[], bool]) -> bool:
        try:
            return step()
        except Exception as error:
            _logger.error("An answer has ended too early.", exc_info=error)
            self.is_broken = True
            return True

    def _begin(self) -> bool:
        if self._is_abandoned or self._is_gone():
            return True
        self._result = self._application(self._environ, self._start)
        self._parts = iter(self._result)
        return self._go_on()

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        self.status = int(status[:3])
        self.headers = [
            (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers
        ]
        self._is_of_known_length = any(name.lower() == "content-length" for name, _ in headers)
        return self._refuse_to_write

    def _refuse_to_write(self, part: bytes) -> None:
        raise RuntimeError(
            "The application calls the write() of WSGI, which this server does not have: "
            "let it return an iterable."
        )

    def _go_on(self) -> bool:
        """Whether all was made."""
        n_told = self._n_made
        while self._n_unsent < MOST_UNSENT:
            if self._is_abandoned:
                return True
            part = next(self._parts, None)
            if part is None:
                return True
            if not part:
                continue
            self._n_made += len(part)
            self._pieces.append(part)
            # what is of unknown length may be meant to arrive as it is made
            if not self._is_of_known_length or self._n_made - n_told >= _TOLD_BYTES:
                n_told = self._n_made
                self._tell()
        return False

    def _close(self) -> None:
        close = getattr(self._result, "close", None)
        try:
            if close is not None:
                close()
        except Exception as error:
            _logger.error("What an answer has left could not be tidied up.", exc_info=error)

    def _tell(self) -> None:
        self._loop.call_soon_threadsafe(self._news.set)
