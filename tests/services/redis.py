"""A Redis of the tests' own, as the cluster profile has one beside it."""

import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from tests.services.postgresql import free_port

START_SECONDS = 30


class RedisMissing(Exception):  # noqa: N818 - reads as what it is
    """This machine has no Redis; the message says how to get one."""


def find_program() -> str:
    """The ``redis-server`` of this machine.

    Raises
    ------
    RedisMissing
        If there is none.
    """
    program = shutil.which("redis-server")
    if program is None:
        raise RedisMissing("there is no redis-server on this machine: install Redis")
    return program


class PrivateRedis:
    """A Redis that can be killed and started again.

    Parameters
    ----------
    folder
        For its files.
    keeps_data
        Whether it has its data again after it was killed.

    Raises
    ------
    RedisMissing
        If there is no Redis on this machine.
    """

    def __init__(self, folder: Path, *, keeps_data: bool = False) -> None:
        program = find_program()
        port, password = free_port(), secrets.token_urlsafe(24)
        self._folder = folder
        self._command = [
            *(program, "--bind", "127.0.0.1", "--port", str(port), "--requirepass", password),
            *("--save", "", "--appendonly", "yes" if keeps_data else "no"),
            *("--loglevel", "warning", "--dir", str(folder)),
        ]
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        folder.mkdir(parents=True, exist_ok=True)
        self.start()

    def start(self) -> None:
        """Start it, and wait until it can be used."""
        self.process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()

    def forget(self) -> None:
        """Remove what it has kept, while it does not run."""
        for file in self._folder.rglob("*.aof*"):
            if file.is_file():
                file.unlink()

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=1, socket_connect_timeout=1)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis; gives its URL and its process. The test is skipped where there is none."""
    try:
        redis = PrivateRedis(folder)
    except RedisMissing as error:
        pytest.skip(str(error))
    try:
        yield redis.url, redis.process
    finally:
        redis.kill()
