"""The application as a WSGI server runs it, with senders that break off and a server that dies."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.services.postgresql import free_port
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmlib.settings import Settings

IMAGES = [f"plate_A01_T0001F{number:03d}L01A01Z01C01.tif" for number in range(1, 4)]
PASSWORD = "a long password"


class Server:
    """Gunicorn with one process and four threads."""

    def __init__(self, settings: Settings) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.environment = {
            **os.environ,
            "HOME": str(settings.data_dir.parent),  # gunicorn leaves a control socket there
            "TM_DATA_DIR": str(settings.data_dir),
            "TM_DATABASE_URL": settings.resolved_database_url,
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--worker-class", "tmserver.serving.worker.Worker", "--threads", "4"]
        command = [sys.executable, "-m", "gunicorn", *options, "--bind", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [*command, "--log-level", "warning", "tmserver.wsgi:application"],
            env=self.environment,
            start_new_session=True,
        )
        self.wait_until(lambda: self.call("GET", "/readyz").ok)

    def kill(self) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"JWT {self.token}", "Connection": "close"}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(method, self.url + path, headers=headers, timeout=60, **options)

    def data(self, method: str, path: str, **options: Any) -> Any:
        response = self.call(method, path, **options)
        assert response.ok, response.text
        return response.json()["data"]

    @staticmethod
    def wait_until(condition: Any) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                if condition():
                    return
            except requests.ConnectionError:
                pass
            assert time.monotonic() < deadline
            time.sleep(0.05)

    @contextmanager
    def half_sent(self, path: str, name: str) -> Iterator[None]:
        """Send the first half of a file; what remains is never sent."""
        start = (
            f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        ).encode()
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: JWT {self.token}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 2000000\r\n\r\n"
        ).encode()
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(head + start + b"half" * 200_000)
            yield


@pytest.fixture
def server(settings: Settings, database: Database) -> Iterator[Server]:
    with database.transaction() as session:
        create_user(session, "mara", PASSWORD, "mara@lab.example")
    server = Server(settings)
    server.start()
    login = {"username": "mara", "password": PASSWORD}
    server.token = server.call("POST", "/auth", json=login).json()["access_token"]
    yield server
    server.kill()


@pytest.fixture
def acquisition(server: Server) -> str:
    body = {
        "name": "Screen",
        "workflow_type": "canonical",
        "microscope_type": "cellvoyager",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }
    experiment = f"/api/experiments/{server.data('POST', '/api/experiments', json=body)['id']}"
    server.data("POST", f"{experiment}/plates", json={"name": "P"})
    run = {"name": "A", "plate_name": "P"}
    number = server.data("POST", f"{experiment}/acquisitions", json=run)["id"]
    path = f"{experiment}/acquisitions/{number}"
    assert server.data("POST", f"{path}/upload/register", json={"files": IMAGES}) == IMAGES
    return path


def test_uploads_survive_senders_that_break_off_and_servers_that_are_killed(
    server: Server, acquisition: str, settings: Settings
) -> None:
    upload = f"{acquisition}/microscope-file"

    def status(name: str) -> str:
        files = server.data("GET", f"{acquisition}/images")
        return {file["name"]: file["status"] for file in files}[name]

    def send(name: str) -> str:
        answer = server.call("POST", upload, files={"file": (name, b"whole")})
        return str(answer.json()["message"])

    with server.half_sent(upload, IMAGES[0]):
        server.wait_until(lambda: status(IMAGES[0]) == "UPLOADING")
        assert send(IMAGES[0]) == "File upload already in progress"
    server.wait_until(lambda: status(IMAGES[0]) == "FAILED")
    assert send(IMAGES[0]) == "ok"

    with server.half_sent(upload, IMAGES[1]):
        server.wait_until(lambda: status(IMAGES[1]) == "UPLOADING")
        server.kill()
    server.start()
    assert status(IMAGES[1]) == "UPLOADING"
    assert server.data("GET", f"{acquisition}/upload/count") == 1
    assert send(IMAGES[1]) == "ok"
    assert send(IMAGES[2]) == "Acquisition complete"

    [folder] = settings.data_dir.rglob("microscope_images")
    files: list[Path] = sorted(folder.iterdir())
    assert [file.name for file in files] == IMAGES
    assert {file.read_bytes() for file in files} == {b"whole"}
