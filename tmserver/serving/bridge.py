"""Between uvicorn and the application: an ASGI application that runs a WSGI one in threads."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

from tmserver.http.api import Api
from tmserver.serving.answers import Answer, Application
from tmserver.serving.bodies import ArrivingBody, Body, Receive, SenderGoneError
from tmserver.serving.connections import IS_GONE
from tmserver.serving.environ import environ_of
from tmserver.serving.limits import SMALL_BODY, Limits
from tmserver.serving.refusals import MISTAKE, Refusal, RefusedError

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UPLOADS = 64
"""How many bodies that are read as they arrive a process takes at a time; others wait."""

EVENTS = "/events"
"""How addresses of event streams end, each of which holds a thread for as long as it is sent."""

_TURNED_AWAY = 2  # threads that tell those who are too many


class Bridge:
    """Calls a WSGI application for each request.

    A small body is waited for before a thread is taken. A larger one is for the application to
    read: it knows by then who sends it, and has threads of its own for that.

    Parameters
    ----------
    application
        The WSGI application.
    limits
        What clients may take.
    threads
        How many requests are answered at a time.
    live_listeners
        How many event streams are sent besides.
    is_stream
        Tells of a request whether the application reads its body as it arrives.
    api_at
        Gives the interface that answers for a path.
    """

    def __init__(
        self,
        application: Application,
        limits: Limits,
        threads: int,
        live_listeners: int,
        is_stream: Callable[[dict[str, Any]], bool],
        api_at: Callable[[str], Api],
    ) -> None:
        self._application = application
        self._limits = limits
        self._is_stream = is_stream
        self.api_at = api_at
        self._threads = ThreadPoolExecutor(threads, "request")
        self._live = ThreadPoolExecutor(live_listeners + _TURNED_AWAY, "live")
        self._uploads = ThreadPoolExecutor(UPLOADS, "upload")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        body = Body(receive, self._limits.slow_seconds, is_empty=_has_no_body(scope))
        is_gone = scope[IS_GONE]
        try:
            answer = await self._begin(environ_of(scope), body, is_gone)
            await self._answer(answer, body, is_gone, send)
        except SenderGoneError:
            return
        except RefusedError as refused:
            await self._refuse(refused.refusal, self.api_at(scope["path"]), body, send)

    async def _begin(
        self, environ: dict[str, Any], body: Body, is_gone: Callable[[], bool]
    ) -> Answer:
        if not body.is_complete and self._is_stream(environ):
            environ["wsgi.input"] = ArrivingBody(body)
            return Answer(self._application, environ, self._uploads, is_gone)
        content = b""
        if not body.is_complete and int(environ.get("CONTENT_LENGTH") or 0) <= SMALL_BODY:
            content = await body.whole(SMALL_BODY)
        # the application says so itself when there is more: it has seen what length was promised
        environ["wsgi.input"] = BytesIO(content)
        is_live = environ["PATH_INFO"].endswith(EVENTS)
        threads = self._live if is_live else self._threads
        return Answer(self._application, environ, threads, is_gone)

    async def _answer(
        self, answer: Answer, body: Body, is_gone: Callable[[], bool], send: Send
    ) -> None:
        try:
            piece = await answer.next_piece()
            if is_gone():
                return
            if not answer.status:
                raise RefusedError(MISTAKE)
            await send(_start(answer.status, answer.headers, closes=not body.is_complete))
            while piece and not is_gone():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                piece = await answer.next_piece()
        finally:
            answer.abandon()
        if not answer.is_broken:
            await self._end(body, send)

    async def _refuse(self, refusal: Refusal, api: Api, body: Body, send: Send) -> None:
        status, headers, content = refusal.answer(api)
        await send(_start(status, headers, closes=False))
        await send({"type": "http.response.body", "body": content, "more_body": True})
        await self._end(body, send)

    async def _end(self, body: Body, send: Send) -> None:
        if not body.is_complete:
            await body.discard(self._limits.linger_seconds)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _has_no_body(scope: Scope) -> bool:
    framing = {name: value for name, value in scope["headers"] if name in _FRAMING}
    return framing.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in framing


_FRAMING = frozenset({b"content-length", b"transfer-encoding"})


def _start(status: int, headers: list[tuple[bytes, bytes]], *, closes: bool) -> dict[str, Any]:
    more = [(b"connection", b"close")] if closes else []
    return {"type": "http.response.start", "status": status, "headers": [*headers, *more]}
