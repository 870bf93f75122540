"""``tm worker``: two pools that start, stop and fall together."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.services.installation import clean_environment, is_running
from tests.services.redis import running_redis

WAIT_SECONDS = 60


@contextmanager
def worker(folder: Path, sqlite_url: str, *options: str) -> Iterator[psutil.Process]:
    """Run ``tm worker`` for as long as the context lasts."""
    with running_redis(folder / "redis") as (url, _):
        environment = clean_environment(folder / "data", sqlite_url) | {"TM_BROKER_URL": url}
        command = [sys.executable, "-m", "tmserver", "worker", *options]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        family = psutil.Process(process.pid)
        try:
            yield family
        finally:
            for survivor in [*children(family), family]:
                if is_running(survivor):
                    survivor.kill()
            process.wait()


def children(process: psutil.Process) -> list[psutil.Process]:
    if not is_running(process):
        return []
    found: list[psutil.Process] = process.children(recursive=True)
    return found


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def is_ready(folder: Path, n_pools: int) -> bool:
    return (folder / "log").read_text().count(" ready.") == n_pools


def queues(process: psutil.Process) -> set[str]:
    lines = [child.cmdline() for child in children(process)]
    return {line[line.index("--queues") + 1] for line in lines if "--queues" in line}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_both_pools(tmp_path: Path, sqlite_url: str, number: int) -> None:
    with worker(tmp_path, sqlite_url, "--processes", "1") as process:
        await_that(lambda: is_ready(tmp_path, 2))
        assert queues(process) == {"jobs", "interactive"}
        family = children(process)
        process.send_signal(number)
        assert process.wait(WAIT_SECONDS) == 0
        assert not [child for child in family if is_running(child)]


def test_both_pools_follow_a_worker_that_is_killed(tmp_path: Path, sqlite_url: str) -> None:
    with worker(tmp_path, sqlite_url, "--processes", "1") as process:
        await_that(lambda: is_ready(tmp_path, 2))
        family = children(process)
        process.kill()
        await_that(lambda: not any(is_running(child) for child in family))


def test_a_pool_that_dies_takes_the_other_with_it(tmp_path: Path, sqlite_url: str) -> None:
    with worker(tmp_path, sqlite_url, "--processes", "1") as process:
        await_that(lambda: is_ready(tmp_path, 2))
        victim = next(child for child in process.children() if "interactive" in child.cmdline())
        victim.kill()
        assert process.wait(WAIT_SECONDS) == signal.SIGKILL


def test_a_pool_may_be_left_to_other_machines(tmp_path: Path, sqlite_url: str) -> None:
    options = ("--processes", "0", "--interactive-processes", "1")
    with worker(tmp_path, sqlite_url, *options) as process:
        await_that(lambda: is_ready(tmp_path, 1))
        assert queues(process) == {"interactive"}


def test_there_must_be_something_to_do(tmp_path: Path, sqlite_url: str) -> None:
    options = ("--processes", "0", "--interactive-processes", "0")
    with worker(tmp_path, sqlite_url, *options) as process:
        assert process.wait(WAIT_SECONDS) == 1
    assert "nothing to do" in (tmp_path / "log").read_text()
