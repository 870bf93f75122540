"""A private Redis, as the product starts it."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tmserver.supervisor import redis_server
from tmserver.supervisor.supervisor import free_port

START_SECONDS = 30


@contextmanager
def running_redis(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis; gives its URL and its process."""
    file, url = redis_server.write_configuration(folder, free_port())
    process = subprocess.Popen([redis_server.find_executable(), str(file)])
    try:
        deadline = time.monotonic() + START_SECONDS
        while not redis_server.answers(url):
            assert process.poll() is None
            assert time.monotonic() < deadline, "Redis did not start"
            time.sleep(0.02)
        yield url, process
    finally:
        process.kill()
        process.wait()
