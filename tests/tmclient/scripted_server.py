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
    """A response; without a status the connection is closed instead."""

    content: Any = None
    status: int | None = 200


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
        if answer.status is None:
            return
        text = json.dumps(answer.content).encode()
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = _respond  # noqa: N815 - the base class's names

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""
