"""The web server alone, as a process of its own on an SQLite database."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.services.installation import PASSWORD, USER, clean_environment
from tests.services.postgresql import free_port
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmserver.supervisor import web_server

PATIENCE = 120


@dataclass
class WebServer:
    """A running web server with one process that answers."""

    port: int
    process: psutil.Process
    token: str = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory(self) -> float:
        """What its processes hold, in MB."""
        family = [self.process, *self.process.children(recursive=True)]
        return sum(one.memory_info().rss for one in family) / 2**20

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        return requests.request(
            method, self.url + path, headers=headers, timeout=PATIENCE, **options
        )

    def data(self, method: str, path: str, **options: Any) -> Any:
        answer = self.call(method, path, **options)
        assert answer.ok, answer.text
        return answer.json().get("data", answer.json())

    def connect(self, first: bytes = b"", receive_buffer: int = 0) -> socket.socket:
        connection = socket.socket()
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        connection.connect(("127.0.0.1", self.port))
        connection.sendall(first)
        return connection

    def new_acquisition(self, name: str) -> str:
        """Path of an acquisition of a new experiment."""
        kind = {"workflow_type": "canonical", "microscope_type": "cellvoyager", "plate_format": 96}
        body = {"name": name, "plate_acquisition_mode": "basic", **kind}
        path = f"/api/experiments/{self.data('POST', '/api/experiments', json=body)['id']}"
        self.data("POST", f"{path}/plates", json={"name": "P"})
        run = self.data("POST", f"{path}/acquisitions", json={"name": "A", "plate_name": "P"})
        return f"{path}/acquisitions/{run['id']}"


@contextmanager
def running_web_server(
    folder: Path, template: Path, threads: int = 2, **variables: str
) -> Iterator[WebServer]:
    """Serve an installation with one user, who is logged in."""
    data_dir = folder / "data"
    data_dir.mkdir(parents=True)
    url = f"sqlite:///{data_dir / 'tmserver.db'}"
    shutil.copyfile(template, data_dir / "tmserver.db")
    database = Database(url)
    with database.transaction() as session:
        create_user(session, USER, PASSWORD, f"{USER}@lab.example", is_admin=True)
    database.close()
    port = free_port()
    queue = {"TM_QUEUE": "tests.tmserver.conftest:ListQueue"}
    process = subprocess.Popen(
        web_server.command(f"127.0.0.1:{port}", workers=1, threads=threads),
        env=clean_environment(data_dir, url) | queue | variables,
    )
    try:
        server = wait_until_ready(port, process)
        login = {"username": USER, "password": PASSWORD}
        server.token = server.call("POST", "/auth", json=login).json()["access_token"]
        yield server
    finally:
        process.terminate()
        process.wait(PATIENCE)


def wait_until_ready(port: int, process: subprocess.Popen[bytes]) -> WebServer:
    """The web server that a process becomes."""
    server = WebServer(port, psutil.Process(process.pid))
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            if server.call("GET", "/readyz").ok:
                return server
        except requests.ConnectionError:
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
