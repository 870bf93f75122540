"""The real product, started the way users start it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import requests
from sqlalchemy import select

from tests.services.postgresql import free_port
from tmclient import TmClient
from tmlib.accounts import service
from tmlib.db import Database
from tmlib.experiments.models import Experiment
from tmlib.objects.models import DeletedMapobjectType

START_SECONDS = 90
STOP_SECONDS = 60
REMOVAL_SECONDS = 120

USER, PASSWORD = "tester", "correct horse battery"


@dataclass(frozen=True)
class Installation:
    """A running server.

    Attributes
    ----------
    url
        Its address.
    data_dir, database_url
        Where it keeps things.
    process
        The supervisor.
    log
        What it and all of its processes print.
    """

    url: str
    data_dir: Path
    database_url: str
    process: subprocess.Popen[bytes]
    log: Path

    def client(self, experiment_name: str | None = None) -> TmClient:
        """A client of the test's user."""
        return TmClient(
            url=self.url, username=USER, password=PASSWORD, experiment_name=experiment_name
        )

    def children(self, word: str = "") -> list[psutil.Process]:
        """The processes that it has started, whose command line contains a word."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in found if word in " ".join(_command_line(child))]


@contextmanager
def running_installation(
    data_dir: Path,
    database_url: str | None = None,
    processes: int = 2,
    environment: Mapping[str, str] | None = None,
    *,
    is_new: bool = True,
) -> Iterator[Installation]:
    """Run ``tm serve`` for as long as the context lasts, with a user who can log in.

    One that is not new has that user already.
    """
    url = database_url or f"sqlite:///{data_dir / 'tmserver.db'}"
    installation = start(data_dir, url, free_port(), processes, environment or {})
    try:
        wait_until_ready(installation)
        if is_new:
            add_user(url)
        yield installation
    finally:
        stop(installation.process, installation.log)


def start(
    data_dir: Path,
    database_url: str,
    port: int,
    processes: int,
    environment: Mapping[str, str],
) -> Installation:
    """Start ``tm serve``; what it prints is added to the log of those before it."""
    command = [sys.executable, "-m", "tmserver", "serve", "--port", str(port)]
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, "--processes", str(processes)],
            env=clean_environment(data_dir, database_url) | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    return Installation(f"http://127.0.0.1:{port}", data_dir, database_url, process, log)


def clean_environment(data_dir: Path, database_url: str) -> dict[str, str]:
    """The environment of a product that is configured for a data folder and a database only."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("TM_")}
    return others | {"TM_DATA_DIR": str(data_dir), "TM_DATABASE_URL": database_url}


def wait_until_ready(installation: Installation) -> None:
    """Wait until the server says that it can work."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            if requests.get(f"{installation.url}/readyz", timeout=5).ok:
                return
        except requests.RequestException:
            pass
        if installation.process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"The server did not start:\n{installation.log.read_text()}")
        time.sleep(0.1)


def add_user(database_url: str) -> None:
    """Add the tests' user."""
    database = Database(database_url)
    with database.transaction() as session:
        service.create_user(session, USER, PASSWORD, "tester@example.org")
    database.close()


def await_removal(database: Database) -> None:
    """Wait until workers have removed all experiments and objects that were deleted."""
    experiments = select(Experiment.id).where(Experiment.deletion_due.is_not(None))
    types = select(DeletedMapobjectType.mapobject_type_id)
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        with database.session() as session:
            if not any(session.scalar(deleted.limit(1)) for deleted in (experiments, types)):
                return
        if time.monotonic() > deadline:
            raise RuntimeError("What was deleted is not removed.")
        time.sleep(0.1)


def stop(process: subprocess.Popen[bytes], log: Path) -> None:
    """Ask a supervisor to end, and make sure that it took everything with it."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.send_signal(signal.SIGTERM)
    try:
        code = process.wait(STOP_SECONDS)
        left = [child for child in family if is_running(child)]
        if code != 0 or left:
            raise RuntimeError(
                f"The server ended with code {code} and left {left}:\n{log.read_text()}"
            )
    finally:
        for survivor in family:
            if is_running(survivor):
                survivor.kill()
        process.kill()
        process.wait()


def is_running(process: psutil.Process) -> bool:
    """Whether a process still does something."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _command_line(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        return []
    return command
