"""``tm serve`` as operators meet it: what dies comes back, what stops leaves nothing."""

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.services.installation import (
    Installation,
    clean_environment,
    is_running,
    running_installation,
    start,
    stop,
    wait_until_ready,
)
from tests.services.postgresql import free_port

WAIT_SECONDS = 60


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with running_installation(tmp_path_factory.mktemp("serve") / "data", processes=1) as running:
        yield running


def await_that(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def answers(installation: Installation) -> bool:
    try:
        return requests.get(f"{installation.url}/readyz", timeout=5).ok
    except requests.RequestException:
        return False


def oldest(installation: Installation, word: str) -> psutil.Process:
    """The process that the supervisor itself started, rather than one of its children."""
    return min(installation.children(word), key=lambda process: process.create_time())


def test_nobody_else_looks_into_the_data_folder(installation: Installation) -> None:
    assert stat.S_IMODE(installation.data_dir.stat().st_mode) == 0o700
    databases = list(installation.data_dir.glob("tmserver.db*"))
    assert databases
    assert {stat.S_IMODE(one.stat().st_mode) for one in databases} == {0o600}


@pytest.mark.parametrize("word", ["gunicorn", "--queues jobs", "--queues interactive"])
def test_a_process_that_dies_is_started_again(installation: Installation, word: str) -> None:
    await_that(lambda: bool(installation.children(word)))
    family = installation.children(word)
    victim = oldest(installation, word)
    victim.kill()
    await_that(lambda: any(child not in family for child in installation.children(word)))
    await_that(lambda: not any(is_running(process) for process in family))
    await_that(lambda: answers(installation))


def test_a_stop_signal_ends_everything(tmp_path: Path) -> None:
    with running_installation(tmp_path / "data", processes=1) as installation:
        family = installation.children()
        assert len(family) >= 3
        os.kill(installation.process.pid, signal.SIGINT)
        assert installation.process.wait(WAIT_SECONDS) == 0
        assert not [process for process in family if is_running(process)]
        first, *others = installation.log.read_text().splitlines()
        assert first == f"tmserver listens on {installation.url} (stop it with Ctrl-C)"
        # of programs that it is made of nothing is heard
        assert all(" WARNING The " in line for line in others), others


def start_alone(data_dir: Path) -> Installation:
    """A server that whoever starts it also ends."""
    installation = start(data_dir, f"sqlite:///{data_dir / 'tmserver.db'}", free_port(), 1, {})
    wait_until_ready(installation)
    await_that(lambda: len(installation.children("--queues")) >= 4)
    return installation


def test_what_it_has_started_follows_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    installation = start_alone(tmp_path / "data")
    family = installation.children()
    installation.process.kill()
    installation.process.wait()
    await_that(lambda: not any(is_running(process) for process in family))


def test_the_next_server_waits_for_what_a_killed_one_has_left(tmp_path: Path) -> None:
    installation = start_alone(tmp_path / "data")
    family = installation.children()
    # its own children as well: what they have started has nobody above it any more
    for process in psutil.Process(installation.process.pid).children():
        process.kill()
    installation.process.kill()
    installation.process.wait()
    following = start_alone(tmp_path / "data")
    try:
        assert not [process for process in family if is_running(process)]
    finally:
        stop(following.process, following.log)


def test_a_taken_port_is_named_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = serve(tmp_path, "--port", str(port))
    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr
    assert "Traceback" not in result.stderr
    assert not (tmp_path / "data" / "tmserver.db").exists()


def test_a_data_folder_has_one_supervisor(installation: Installation) -> None:
    result = serve(installation.data_dir.parent, "--port", "0", data=installation.data_dir.name)
    assert result.returncode == 1
    assert "in use" in result.stderr
    assert f"process {installation.process.pid}, at {installation.url}" in result.stderr
    assert "TM_DATA_DIR" in result.stderr
    assert answers(installation)


def test_a_worker_without_a_broker_says_what_to_set(tmp_path: Path) -> None:
    result = run(tmp_path, "worker")
    assert result.returncode == 1
    assert "TM_BROKER_URL" in result.stderr
    assert "Traceback" not in result.stderr


def serve(folder: Path, *options: str, data: str = "data") -> subprocess.CompletedProcess[str]:
    return run(folder, "serve", *options, data=data)


def run(folder: Path, *command: str, data: str = "data") -> subprocess.CompletedProcess[str]:
    data_dir = folder / data
    return subprocess.run(
        [sys.executable, "-m", "tmserver", *command],
        env=clean_environment(data_dir, f"sqlite:///{data_dir / 'tmserver.db'}"),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS,
        check=False,
    )
