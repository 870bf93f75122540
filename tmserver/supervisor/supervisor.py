"""Starts the product's processes in order, restarts what dies, and stops all of them together."""

import logging
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tmlib import schema
from tmlib.accounts.ldap import LdapDirectory
from tmlib.accounts.openid import OpenIdProvider
from tmlib.db import Database, Process
from tmlib.errors import BadInput
from tmlib.ledger import file_queue
from tmlib.ledger.queue import INTERACTIVE_QUEUE, JOB_QUEUE
from tmlib.lifeline import Lifeline
from tmlib.settings import Settings
from tmlib.storage import make_private
from tmserver.supervisor import data_folder, pools, web_server
from tmserver.supervisor.child import Child

logger = logging.getLogger(__name__)

_START_SECONDS = 60
_STABLE_SECONDS = 30
_LONGEST_PAUSE = 30.0
_HAND_BACK_SECONDS = 15.0
_INTERRUPT_SECONDS = 4.0


class Supervisor:
    """The product on one machine: a web server and worker pools.

    A context manager: the processes run inside it and are gone after it.

    Parameters
    ----------
    settings
        Of the installation.
    host, port
        Where the web server listens; port 0 takes a free one.
    processes
        Number of worker processes for workflows.
    interactive_processes
        Number of worker processes for jobs that somebody waits for.
    log_dir
        Folder for the output of the processes; None to share this process's.
    """

    def __init__(
        self,
        settings: Settings,
        host: str = "127.0.0.1",
        port: int = 5002,
        processes: int | None = None,
        log_dir: Path | None = None,
        interactive_processes: int = 1,
    ) -> None:
        self._settings = settings
        self._host = host
        self._port = port or free_port()
        self._processes = processes or os.cpu_count() or 1
        self._interactive_processes = interactive_processes
        self._log_dir = log_dir
        self._stopping = threading.Event()
        self._children: list[Child] = []
        self._lifeline = Lifeline()
        self._pools: list[Child] = []
        self._lock: IO[str] | None = None

    @property
    def port(self) -> int:
        """Where the web server listens."""
        return self._port

    @property
    def url(self) -> str:
        """Address of the web server."""
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host  # noqa: S104 - compared, not bound
        return f"http://{host}:{self._port}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stop_children()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stop_children()

    def stop(self) -> None:
        """End `run`; may be called from a signal handler or another thread.

        Called a second time, it lets running jobs no longer go on.
        """
        if self._stopping.is_set():
            for pool in self._pools:
                pool.ask_to_stop()
        self._stopping.set()

    def interrupt(self) -> None:
        """End `run` soon, for somebody who waits: running jobs have a few seconds.

        Called a second time, it lets them no longer go on.
        """
        self.stop()
        hurry = threading.Timer(_INTERRUPT_SECONDS, self.stop)
        hurry.daemon = True
        hurry.start()

    def run(self) -> None:
        """Watch over the processes until `stop` is called."""
        pauses = {child.name: 0.5 for child in self._children}
        while not self._stopping.wait(0.2):
            for child in self._children:
                if child.is_alive:
                    continue
                if time.monotonic() - child.started_at > _STABLE_SECONDS:
                    pauses[child.name] = 0.5
                logger.warning(
                    "The %s ended with code %s and is started again.", child.name, child.returncode
                )
                if self._stopping.wait(pauses[child.name]):
                    return
                pauses[child.name] = min(2 * pauses[child.name], _LONGEST_PAUSE)
                child.start()

    def _start(self) -> None:
        if self._settings.is_embedded:
            make_private(self._settings.data_dir)
        LdapDirectory.of(self._settings)  # what does not fit together is told of at once
        OpenIdProvider.of(self._settings)
        self._lock = data_folder.claim(self._settings.data_dir, self.url)
        check_port(self._host, self._port)
        database = Database.of(self._settings, Process.COMMAND)
        schema.upgrade(database)
        database.close()
        _ = self._settings.signing_key
        if self._settings.broker_url is None:
            self._settings.queue_dir.mkdir(mode=0o700, exist_ok=True)
            file_queue.remove_drafts(self._settings.queue_dir)
        environment = self._environment()
        self._launch(self._web_server(environment))
        self._launch(self._worker_pool("worker pool", JOB_QUEUE, self._processes, environment))
        self._launch(
            self._worker_pool(
                "interactive worker pool",
                INTERACTIVE_QUEUE,
                self._interactive_processes,
                environment,
            )
        )

    def _launch(self, child: Child) -> None:
        self._children.append(child)
        child.start()
        child.wait_until_ready(_START_SECONDS, self._stopping.is_set)

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment["TM_DATA_DIR"] = str(self._settings.data_dir.resolve())
        environment["TM_DATABASE_URL"] = self._settings.resolved_database_url
        return environment

    def _web_server(self, environment: dict[str, str]) -> Child:
        command = web_server.command(f"{self._host}:{self._port}")
        return self._child("web server", command, environment, self._web_answers, 8)

    def _worker_pool(
        self, name: str, queue: str, processes: int, environment: dict[str, str]
    ) -> Child:
        command = pools.command(queue, processes, log_level="WARNING")
        stop_seconds = self._settings.drain_seconds + _HAND_BACK_SECONDS
        pool = self._child(name, command, environment, lambda: True, stop_seconds)
        self._pools.append(pool)
        return pool

    def _child(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        is_ready: Callable[[], bool],
        stop_seconds: float,
    ) -> Child:
        # as long as one of them lives no other server takes the data folder
        held = [] if self._lock is None else [self._lock.fileno()]
        return Child(
            name, command, environment, is_ready, self._log_dir, stop_seconds, self._lifeline, held
        )

    def _web_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=2):  # noqa: S310 - http to our own child
                return True
        except (urllib.error.URLError, OSError):
            return False

    def _stop_children(self) -> None:
        self._stopping.set()
        for child in self._children:
            child.ask_to_stop()
        for child in reversed(self._children):
            child.stop()
        self._children.clear()
        self._lifeline.close()
        if self._lock is not None:
            self._lock.close()


def check_port(host: str, port: int) -> None:
    """Make sure that a port can be listened on.

    Raises
    ------
    BadInput
        If another program has it, or it is not this user's to take.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise BadInput(
                f"Cannot listen on port {port} of {host} ({os.strerror(error.errno or 0)}): "
                "stop the program that uses it, or choose another port with --port."
            ) from None


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
