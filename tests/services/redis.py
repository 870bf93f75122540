"""A private Redis, as the product starts it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tmserver.supervisor import redis_server
from tmserver.supervisor.supervisor import free_port

START_SECONDS = 30


class PrivateRedis:
    """A Redis that can be killed and started again.

    Parameters
    ----------
    folder
        For its files.
    keeps_data
        Whether it has its data again after it was killed.
    """

    def __init__(self, folder: Path, *, keeps_data: bool = False) -> None:
        self._folder = folder
        self._file, self.url = redis_server.write_configuration(folder, free_port())
        if keeps_data:
            text = self._file.read_text()
            self._file.write_text(text.replace("appendonly no", "appendonly yes"))
        self.start()

    def start(self) -> None:
        """Start it, and wait until it can be used."""
        self.process = subprocess.Popen(
            [redis_server.find_executable(), str(self._file)], stdout=subprocess.DEVNULL
        )
        deadline = time.monotonic() + START_SECONDS
        while not redis_server.answers(self.url):
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


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis; gives its URL and its process."""
    redis = PrivateRedis(folder)
    try:
        yield redis.url, redis.process
    finally:
        redis.kill()
