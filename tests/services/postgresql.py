"""A PostgreSQL server of the tests' own, in a temporary folder."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from sqlalchemy import URL, make_url

_START_SECONDS = 60

_OPTIONS = "-c max_connections=400"

# A test's database need not survive the machine.
_UNSYNCED = "-c fsync=off -c full_page_writes=off"

# It need not even survive the server, unless a test kills that.
_FORGETFUL = "-c synchronous_commit=off"

# The server ends when this script's standard input is closed, and that happens whatever way the
# tests end, even when they are killed. Each line starts it again.
_SCRIPT = """
serve() { postgres -D "$1/data" -p "$2" -k "$1" -h 127.0.0.1 $3 >>"$1/log" 2>&1 & }
serve "$@"
while read -r _; do serve "$@"; done
kill -INT $!
wait
rm -rf "$1"
"""


class PostgresqlMissing(Exception):  # noqa: N818 - reads as what it is
    """This machine has no PostgreSQL with PostGIS; the message says how to get one."""


def free_port() -> int:
    """A port on this machine that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def find_binaries() -> Path:
    """The folder with ``postgres`` and ``initdb``, of the newest version that has PostGIS."""
    folders = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if _debian_has_postgis(p)]
    if folders:
        return max(folders, key=lambda folder: int(folder.parent.name))
    on_path = shutil.which("postgres")
    if on_path and _shared_folder_has_postgis():
        return Path(on_path).parent
    raise PostgresqlMissing(
        "there is no PostgreSQL with PostGIS on this machine: install it (on Debian and Ubuntu "
        "postgresql and postgresql-*-postgis-3), or set TM_TEST_POSTGRES_URL to a server on "
        "which databases may be created"
    )


def _debian_has_postgis(binaries: Path) -> bool:
    shared = Path("/usr/share/postgresql", binaries.parent.name, "extension", "postgis.control")
    return (binaries / "postgres").exists() and shared.exists()


def _shared_folder_has_postgis() -> bool:
    if shutil.which("pg_config") is None:
        return False
    answer = subprocess.run(["pg_config", "--sharedir"], capture_output=True, text=True, check=True)
    return Path(answer.stdout.strip(), "extension", "postgis.control").exists()


class PrivateServer:
    """A server that can be stopped in every way, and started again with what it has kept.

    Attributes
    ----------
    url
        Its address.
    """

    def __init__(self, url: URL, folder: Path, script: subprocess.Popen[bytes]) -> None:
        self.url = url
        self._folder = folder
        self._script = script

    def processes(self) -> list[psutil.Process]:
        """The server's first process, and those that it has started."""
        lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
        first = psutil.Process(int(lines[0]))
        return [first, *first.children(recursive=True)]

    def kill(self) -> None:
        """Kill all of its processes at once, as the machine's end would."""
        family = self.processes()
        for process in family:
            process.suspend()
        for process in family:
            process.kill()
        _wait_for_end(family)

    def stop_at_once(self) -> None:
        """Tell it to throw everybody out and to stop without tidying up."""
        family = self.processes()
        family[0].send_signal(signal.SIGQUIT)
        _wait_for_end(family)

    def start(self) -> None:
        """Start it again, and wait until it can be used."""
        assert self._script.stdin is not None
        self._script.stdin.write(b"again\n")
        self._script.stdin.flush()
        self.wait()

    def wait(self) -> None:
        """Wait until it can be used."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                execute(self.url)
            except psycopg2.OperationalError as error:
                if time.monotonic() > deadline:
                    log = self._folder / "log"
                    text = log.read_text() if log.exists() else ""
                    raise RuntimeError(f"PostgreSQL did not start: {error}\n{text}") from error
                time.sleep(0.05)
            else:
                return


def _wait_for_end(processes: list[psutil.Process]) -> None:
    """Wait until processes do nothing any more; the script takes note of it later."""
    deadline = time.monotonic() + _START_SECONDS
    while any(map(_is_running, processes)):
        assert time.monotonic() < deadline, "PostgreSQL does not end"
        time.sleep(0.01)


def _is_running(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def private_server(*, keeps_commits: bool = False, syncs: bool = False) -> Iterator[PrivateServer]:
    """Run a server for as long as the context lasts; it and its files are gone afterwards.

    Only one that keeps commits has what was committed when it is started again. One that syncs
    would even have it after the machine's end, as that of an installation.
    """
    binaries = find_binaries()
    # where pytest has its folders, which may be in memory, unless it is to be like a real one
    place = None if keeps_commits or syncs else os.environ.get("PYTEST_DEBUG_TEMPROOT")
    folder = Path(tempfile.mkdtemp(prefix="tm-postgresql-", dir=place))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "postgres", "postgres")
        account = {"user": "postgres", "group": "postgres", "extra_groups": []}
    environment = {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}
    initdb = [
        *("initdb", "-D", f"{folder}/data", "-U", "tm", "-A", "trust", "-E", "UTF8"),
        *("--locale=C", "--no-sync"),
    ]
    subprocess.run(
        initdb,
        env=environment,
        cwd=folder,
        check=True,
        stdout=subprocess.DEVNULL,
        **account,
    )
    url = URL.create(
        "postgresql", username="tm", host="127.0.0.1", port=free_port(), database="postgres"
    )
    options = _OPTIONS
    if not syncs:
        options += f" {_UNSYNCED}"
        if not keeps_commits:
            options += f" {_FORGETFUL}"
    script = subprocess.Popen(
        ["sh", "-c", _SCRIPT, "sh", folder, str(url.port), options],
        env=environment,
        cwd=folder,
        stdin=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the tests, which then end the server
        **account,
    )
    assert script.stdin is not None
    server = PrivateServer(url, folder, script)
    try:
        server.wait()
        yield server
    finally:
        script.stdin.close()
        script.wait(timeout=60)


@contextmanager
def server() -> Iterator[URL]:
    """The server that ``TM_TEST_POSTGRES_URL`` names, or a private one."""
    configured = os.environ.get("TM_TEST_POSTGRES_URL")
    if configured:
        yield make_url(configured).set(drivername="postgresql")
    else:
        with private_server() as private:
            yield private.url


def execute(url: URL, *statements: str) -> None:
    """Run statements outside any transaction in a server's maintenance database."""
    with _connected(url) as connection, connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def copy_database(url: URL, template: str, name: str) -> None:
    """Create a database like another one, as quickly as the server can.

    Servers of version 15 and later would write every page of it to their log, which is safer, and
    takes three times as long.
    """
    with _connected(url) as connection, connection.cursor() as cursor:
        quickly = " STRATEGY FILE_COPY" if connection.server_version >= 150_000 else ""
        cursor.execute(f"CREATE DATABASE {name} TEMPLATE {template}{quickly}")


@contextmanager
def _connected(url: URL) -> Iterator[psycopg2.extensions.connection]:
    connection = psycopg2.connect(
        host=url.host,
        port=url.port or 5432,
        user=url.username,
        password=url.password,
        dbname=url.database or "postgres",
    )
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()
