"""``tm demo`` as users run it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.services.installation import clean_environment, stop
from tmclient import TmClient

PASSWORD = "a password for the demo"
_LAST_LINE = re.compile(r"^(http\S+/\?(?:experiment|session)=\S+)\n\Z", re.M)


@dataclass(frozen=True)
class Demo:
    """A demo whose workflow has ended and that waits for Ctrl-C.

    Attributes
    ----------
    address
        Where it says that the plate can be seen.
    output
        All that it has printed.
    client
        For its experiment.
    data_dir
        Its data folder.
    """

    address: str
    output: str
    client: TmClient
    data_dir: Path
    password: str = PASSWORD
    user: str = "demo"


def command(*arguments: object) -> list[str]:
    """The command line of a demo."""
    return [sys.executable, "-m", "tmserver", "demo", *map(str, arguments)]


def run_to_end(data_dir: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """A demo that ends by itself, because of ``--exit`` or of an error."""
    return subprocess.run(
        command(*arguments),
        env=clean_environment(data_dir, f"sqlite:///{data_dir / 'tmserver.db'}"),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@contextmanager
def running_demo(data_dir: Path, database_url: str, *arguments: object) -> Iterator[Demo]:
    """A demo that stays up for as long as the context lasts."""
    log = data_dir.parent / f"{data_dir.name}.log"
    environment = clean_environment(data_dir, database_url) | {"TM_DEMO_PASSWORD": PASSWORD}
    with log.open("wb") as output_file:
        process = subprocess.Popen(
            command("--port", 0, *arguments),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output_file,
            stderr=output_file,
        )
    try:
        output = _wait_for(process, log, _LAST_LINE)
        address = _LAST_LINE.search(output)
        name = re.search(r'Experiment "(.+)"', output)
        assert address is not None, output
        assert name is not None, output
        url = address[1].partition("/?")[0]
        with TmClient(
            url=url, username="demo", password=PASSWORD, experiment_name=name[1]
        ) as client:
            yield Demo(address[1], output, client, data_dir)
    finally:
        stop(process, log)


def _wait_for(process: subprocess.Popen[bytes], log: Path, text: re.Pattern[str]) -> str:
    """What the demo has printed when it prints this."""
    deadline = time.monotonic() + 240
    while not text.search(log.read_text()):
        if process.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"The demo did not get to its end:\n{log.read_text()}")
        time.sleep(0.2)
    return log.read_text()
