"""A server that answers as it is told: for what a real one does only when things go wrong."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN_PATH = "/auth"


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """A response; without a status the connection is closed instead, or in the middle.

    Attributes
    ----------
    content
        Bytes are sent as they are, anything else as JSON.
    missing
        How many bytes less are sent than were announced.
    before
        Called before it is sent.
    """

    content: Any = None
    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0
    before: Callable[[], None] | None = None


@dataclass
class ScriptedServer:
    """Answers requests in the order of a script; the last answer is repeated."""

    url: str
    answers: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    n_logins: int = 0

    def script(self, *answers: Answer) -> None:
        self.answers = list(answers)

    def respond(self, request: Request) -> Answer:
        if request.path == TOKEN_PATH:
            self.n_logins += 1
            return Answer({"access_token": f"token-{self.n_logins}"})
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def scripted_server() -> Iterator[ScriptedServer]:
    http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    script = ScriptedServer(f"http://127.0.0.1:{http.server_port}")
    http.respond = script.respond  # type: ignore[attr-defined] # how handlers get at it
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield script
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        respond: Callable[[Request], Answer] = self.server.respond  # type: ignore[attr-defined]
        answer = respond(Request(self.command, self.path, dict(self.headers), body))
        self.close_connection = True
        if answer.before is not None:
            answer.before()
        if answer.status is None:
            return
        content = answer.content
        text = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text[: len(text) - answer.missing])

    do_HEAD = do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - theirs

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
