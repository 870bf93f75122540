"""Event streams of a real web server: what reaches those who listen, and that others are served."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self

import psutil
import pytest
import requests

from tests.services.ledger import ListQueue
from tests.services.postgresql import free_port
from tmlib.accounts.service import create_user
from tmlib.db import Database
from tmlib.ids import decode_id
from tmlib.ledger import engine
from tmlib.settings import Settings
from tmlib.workflow import service
from tmserver.supervisor import web_server

# what is looked at is tested elsewhere on both databases
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

PASSWORD = "a long password"
CONVERSION = {"type": "canonical", "stages": [{"name": "image_conversion"}]}
LISTENERS = 4
THREADS = 2
WAIT_SECONDS = 120


class EventStream:
    """Server-sent events as they come."""

    def __init__(self, url: str, token: str) -> None:
        headers = {"Authorization": f"JWT {token}"}
        self._answer = requests.get(url, headers=headers, stream=True, timeout=WAIT_SECONDS)
        self.status = self._answer.status_code
        self._lines = self._answer.iter_lines(chunk_size=1, decode_unicode=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._answer.close()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Name and data of each event; what is only there to show life is left out."""
        name = ""
        for line in self._lines:
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


class Server:
    """The web server of one process, with few threads."""

    def __init__(self, settings: Settings) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self._environment = {
            **os.environ,
            "TM_DATA_DIR": str(settings.data_dir),
            "TM_DATABASE_URL": settings.resolved_database_url,
            "TM_LIVE_LISTENERS": str(LISTENERS),
            "TM_QUEUE": "tests.tmserver.conftest:ListQueue",
        }

    def start(self) -> None:
        command = web_server.command(f"127.0.0.1:{self.port}", workers=1, threads=THREADS)
        self.process = subprocess.Popen(command, env=self._environment)
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                if requests.get(f"{self.url}/readyz", timeout=WAIT_SECONDS).ok:
                    return
            except requests.ConnectionError:
                assert time.monotonic() < deadline
                time.sleep(0.05)

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(WAIT_SECONDS)

    def processes(self) -> set[int]:
        """Those that answer requests."""
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    @staticmethod
    def await_that(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def call(self, method: str, path: str, **options: Any) -> Any:
        headers = {"Authorization": f"JWT {self.token}", "Connection": "close"}
        answer = requests.request(
            method, self.url + path, headers=headers, timeout=WAIT_SECONDS, **options
        )
        assert answer.ok, answer.text
        return answer.json()

    def listen(self, path: str) -> EventStream:
        return EventStream(self.url + path, self.token)


@pytest.fixture
def server(settings: Settings, database: Database) -> Iterator[Server]:
    with database.transaction() as session:
        create_user(session, "mara", PASSWORD, "mara@lab.example", is_admin=True)
    server = Server(settings)
    try:
        server.start()
        login = {"username": "mara", "password": PASSWORD}
        server.token = server.call("POST", "/auth", json=login)["access_token"]
        yield server
    finally:
        server.stop()


@pytest.fixture
def experiment(server: Server) -> str:
    body = {
        "name": "Screen",
        "workflow_type": "canonical",
        "microscope_type": "cellvoyager",
        "plate_format": 96,
        "plate_acquisition_mode": "basic",
    }
    made = server.call("POST", "/api/experiments", json=body)
    return f"/api/experiments/{made['data']['id']}"


def test_what_changes_reaches_those_who_listen(
    server: Server, experiment: str, database: Database
) -> None:
    experiment_id = decode_id(experiment.rpartition("/")[2])
    queue = ListQueue()
    with (
        server.listen(f"{experiment}/workflow/operations/events") as of_workflow,
        server.listen("/api/operations/events") as of_installation,
    ):
        workflow, installation = iter(of_workflow), iter(of_installation)
        assert next(workflow) == ("state", {"steps": {}, "failures": []})
        name, state = next(installation)
        assert (name, state["workflows"], state["hosts"]) == ("state", {}, {})
        service.submit(database, queue, experiment_id, 1, CONVERSION)
        name, change = next(workflow)
        assert name == "change"
        assert change["workflow"]["state"] == "waiting"
        assert "failures" not in change
        name, change = next(installation)
        assert list(change["workflows"]) == [experiment.rpartition("/")[2]]
        with database.transaction() as session:
            engine.claim(session, queue.job_ids[0], "node1:7", "node1", lease=30)
        name, change = next(workflow)
        assert change["workflow"] == {"state": "running", "waiting": 0, "running": 1}
        name, change = next(installation)
        assert change["hosts"]["node1"]["running"] == 1


def test_more_listeners_than_threads_hold_up_nobody(server: Server, experiment: str) -> None:
    path = f"{experiment}/workflow/operations/events"
    with ExitStack() as streams:
        opened = [
            streams.enter_context(server.listen(path)) for _ in range(LISTENERS + THREADS + 2)
        ]
        statuses = [stream.status for stream in opened]
        assert statuses.count(200) == LISTENERS
        assert set(statuses) == {200, 503}
        for stream in opened:
            if stream.status == 200:
                assert next(iter(stream))[0] == "state"
        for _ in range(20):
            assert server.call("GET", "/api/experiments")["data"]
    # the places of those who left are free again
    server.await_that(lambda: server.listen(path).status == 200)


def test_a_stream_ends_with_the_login(server: Server) -> None:
    with server.listen("/api/operations/events") as stream:
        events = iter(stream)
        assert next(events)[0] == "state"
        server.call("POST", "/auth/logout")
        *_, (name, content) = events
        assert name == "end"
        assert "log in again" in content["message"]


def test_a_server_that_is_told_to_end_lets_listeners_go(server: Server) -> None:
    with server.listen("/api/operations/events") as stream:
        events = iter(stream)
        assert next(events)[0] == "state"
        assert server.stop() == 0
        assert list(events) == []


def test_its_processes_are_replaced_while_everybody_is_served(server: Server) -> None:
    before = server.processes()
    statuses: list[int] = []
    replaced = threading.Event()

    def ask() -> None:
        while not replaced.is_set():
            answer = requests.get(
                f"{server.url}/api/experiments",
                headers={"Authorization": f"JWT {server.token}"},
                timeout=WAIT_SECONDS,
            )
            statuses.append(answer.status_code)

    with server.listen("/api/operations/events") as stream, ThreadPoolExecutor() as threads:
        events = iter(stream)
        assert next(events)[0] == "state"
        asking = [threads.submit(ask) for _ in range(2)]
        try:
            server.process.send_signal(signal.SIGHUP)
            server.await_that(lambda: server.processes() and not server.processes() & before)
        finally:
            replaced.set()
        for one in asking:
            one.result()
        assert list(events) == []
    assert set(statuses) == {200}
    assert server.call("GET", "/api/experiments")["data"] == []
