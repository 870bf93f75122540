"""What a job that does nothing costs in pgqueuer, a queue in PostgreSQL, for comparison."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2

from benchmarks.programs import pgqueuer_worker

_LOOK_SECONDS = 0.05


@contextmanager
def workers(url: str, processes: int, batch_size: int) -> Iterator[None]:
    """Processes that take so many jobs at a time from the queue in a database."""
    command = [sys.executable, "-m", pgqueuer_worker.__name__, url, str(batch_size)]
    started = [
        subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - from here
        for _ in range(processes)
    ]
    try:
        for process in started:
            if process.stdout is None or not process.stdout.readline():
                raise RuntimeError("A worker of pgqueuer did not start: see its message.")
        yield
    finally:
        for process in started:
            process.terminate()
            process.communicate()


def install(url: str) -> None:
    """Create the queue in an empty database."""
    asyncio.run(pgqueuer_worker.install(url))


def run(url: str, n_jobs: int) -> float:
    """Seconds from the moment when all jobs are handed in to the end of the last one."""
    asyncio.run(pgqueuer_worker.enqueue(url, n_jobs))
    started = time.monotonic()
    connection = psycopg2.connect(url)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            while True:
                cursor.execute("SELECT EXISTS (SELECT FROM pgqueuer)")
                if cursor.fetchone() == (False,):
                    return time.monotonic() - started
                time.sleep(_LOOK_SECONDS)
    finally:
        connection.close()
