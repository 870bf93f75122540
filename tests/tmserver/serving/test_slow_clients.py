"""Hundreds of slow clients of the real web server, and what its other clients notice of them."""

import json
import select
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.services.web_server import PATIENCE, WebServer, running_web_server
from tmserver.serving.bridge import UPLOADS

HEAD_SECONDS, SLOW_SECONDS = 4, 8
MAX_GROWTH = 150  # MB
THREADS = 2
N_NORMAL = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> Iterator[WebServer]:
    limits = {"TM_HEAD_SECONDS": str(HEAD_SECONDS), "TM_SLOW_SECONDS": str(SLOW_SECONDS)}
    folder = tmp_path_factory.mktemp("slow")
    with running_web_server(folder, sqlite_template, THREADS, **limits) as running:
        yield running


class SlowClients:
    """Clients that send the same start and then a byte now and then, until they are answered."""

    def __init__(self, server: WebServer, n_clients: int, start: bytes) -> None:
        self._open = [server.connect(start) for _ in range(n_clients)]
        for one in self._open:
            one.setblocking(False)
        self.answers: list[bytes] = []

    def go_on(self) -> None:
        """Send until all connections are closed from the other side."""
        received = dict.fromkeys(self._open, b"")
        deadline = time.monotonic() + PATIENCE
        while self._open:
            assert time.monotonic() < deadline
            readable, _, _ = select.select(self._open, [], [], 0.3)
            for one in self._open:
                try:
                    one.send(b"a")
                except OSError:
                    continue
            for one in readable:
                try:
                    piece = one.recv(65536)
                except OSError:
                    piece = b""
                received[one] += piece
                if not piece:
                    self._open.remove(one)
                    self.answers.append(received[one])
                    one.close()

    def check_answers(self) -> None:
        """All were told that they are too slow, or cut off."""
        for answer in self.answers:
            if answer:
                head, _, content = answer.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 408 "), answer
                assert json.loads(content)["error"]["type"]
        assert any(self.answers)


def check_that_others_are_served(server: WebServer, attack: SlowClients) -> None:
    """A client that is not slow gets all its answers while the others are there."""
    before = server.memory
    attacking = threading.Thread(target=attack.go_on)
    attacking.start()
    try:
        for _ in range(N_NORMAL):
            assert server.call("GET", "/api/experiments").status_code == 200
        during = server.memory
    finally:
        attacking.join()
    attack.check_answers()
    assert during - before < MAX_GROWTH
    assert server.memory - before < MAX_GROWTH


def test_200_clients_whose_heads_trickle(server: WebServer) -> None:
    head = b"GET /api/experiments HTTP/1.1\r\nHost: x\r\nX-Long: a"
    check_that_others_are_served(server, SlowClients(server, 200, head))


def test_100_clients_whose_bodies_trickle(server: WebServer) -> None:
    start = (
        b"POST /auth HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 60000\r\n\r\n{"
    )
    check_that_others_are_served(server, SlowClients(server, 100, start))


def test_more_files_that_trickle_than_are_taken_at_a_time(server: WebServer) -> None:
    path = server.new_acquisition("trickle")
    start = (
        f"POST {path}/microscope-file HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n"
        f"Authorization: Bearer {server.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\n\r\n--x\r\n"
    )
    attack = SlowClients(server, UPLOADS + 6, start.encode())
    check_that_others_are_served(server, attack)


def test_a_file_may_take_its_time_as_long_as_it_comes(server: WebServer) -> None:
    path = server.new_acquisition("slow line")
    name = "plate_A01_T0001F001L01A01Z01C01.tif"
    server.data("POST", f"{path}/upload/register", json={"files": [name]})
    piece = b"0" * 64 * 1024
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    start = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'

    def body() -> Iterator[bytes]:
        yield start.encode()
        end = time.monotonic() + 1.5 * SLOW_SECONDS
        while time.monotonic() < end:
            yield piece
            time.sleep(0.2)  # the line is slow
        yield b"\r\n--x--\r\n"

    answer = server.call("POST", f"{path}/microscope-file", data=body(), headers=headers)
    assert answer.status_code == 200, answer.text
    [file] = server.data("GET", f"{path}/images")
    assert file["status"] == "COMPLETE"


def test_100_clients_that_do_not_read_their_answers(server: WebServer) -> None:
    before = server.memory
    request = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 8
    slow = [server.connect(request, receive_buffer=4096) for _ in range(100)]
    for _ in range(N_NORMAL):
        assert server.call("GET", "/api/experiments").status_code == 200
    with ThreadPoolExecutor(100) as threads:
        sizes = list(threads.map(_wait_for_end, slow))
    assert max(sizes) < 8 * len(server.call("GET", "/api/openapi.json").content)
    assert server.memory - before < MAX_GROWTH


def _wait_for_end(connection: socket.socket) -> int:
    """How much was there to read when the server had closed a connection."""
    poll = select.poll()
    poll.register(connection, select.POLLHUP | select.POLLERR)
    assert poll.poll(PATIENCE * 1000)
    n_bytes = 0
    with connection:
        try:
            while piece := connection.recv(65536):
                n_bytes += len(piece)
        except ConnectionResetError:
            pass
    return n_bytes
