"""``tm web``: the web server alone."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from tests.services.installation import clean_environment
from tests.services.postgresql import free_port
from tests.services.redis import running_redis

WAIT_SECONDS = 60


def test_it_answers_until_it_is_told_to_stop(tmp_path: Path, sqlite_url: str) -> None:
    port = free_port()
    with (
        running_redis(tmp_path / "redis") as (broker_url, _),
        start(tmp_path, sqlite_url, port, TM_BROKER_URL=broker_url) as process,
    ):
        try:
            await_answer(process, f"http://127.0.0.1:{port}/readyz")
            process.send_signal(signal.SIGTERM)
            assert process.wait(WAIT_SECONDS) == 0
        finally:
            process.kill()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "TM_BROKER_URL is not set"), ({"TM_BROKER_URL": "redis://127.0.0.1/0"}, "--port")],
)
def test_what_keeps_it_from_starting_is_named(
    tmp_path: Path, sqlite_url: str, variables: dict[str, str], expected: str
) -> None:
    with running_redis(tmp_path / "redis") as (url, _):
        taken = int(url.rpartition(":")[2].partition("/")[0])
        process = start(tmp_path, sqlite_url, taken, **variables)
        _, stderr = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 1
    assert expected in stderr
    assert "Traceback" not in stderr


def start(folder: Path, database_url: str, port: int, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tmserver", "web", "--port", str(port), "--workers", "1"],
        env=clean_environment(folder / "data", database_url) | variables,
        stderr=subprocess.PIPE,
        text=True,
    )


def await_answer(process: subprocess.Popen[str], url: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if requests.get(url, timeout=5).ok:
                return
        except requests.RequestException:
            time.sleep(0.1)
    pytest.fail("The web server did not answer.")
