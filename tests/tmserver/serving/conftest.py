"""A web server in this process, in front of an application that tests give it."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from uvicorn.server import Server

from tmserver.api import TISSUEMAPS
from tmserver.http.api import Api
from tmserver.serving.bridge import Bridge
from tmserver.serving.limits import Limits
from tmserver.serving.worker import configure

PATIENCE = 60
"""How long tests wait for what has to happen, on a machine that is busy."""

App = Callable[..., Iterable[bytes]]


@dataclass(frozen=True)
class Door:
    """Where a server listens."""

    port: int

    def connect(self, first: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(first)
        return connection

    def answer(self, request: bytes) -> bytes:
        """All that is sent until the connection is closed."""
        with self.connect(request) as connection:
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    content = bytearray()
    while True:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            return bytes(content)
        content += piece


@contextmanager
def serving(
    application: App,
    limits: Limits | None = None,
    threads: int = 1,
    is_stream: Callable[[dict[str, Any]], bool] = lambda environ: False,
    api_at: Callable[[str], Api] = lambda path: TISSUEMAPS,
) -> Iterator[Door]:
    """Serve an application with one thread."""
    limits = limits or Limits()
    listener = socket.create_server(("127.0.0.1", 0))
    bridge = Bridge(
        application, limits, threads, live_listeners=1, is_stream=is_stream, api_at=api_at
    )
    server = Server(configure(bridge, limits, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
    thread.start()
    try:
        yield Door(listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(PATIENCE)
        assert not thread.is_alive()
