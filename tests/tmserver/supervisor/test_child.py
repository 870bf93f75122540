"""A process below the supervisor that does not end when it is asked to."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tmlib.lifeline import Lifeline
from tmserver.supervisor.child import Child

# longer than the test may take
LONG_SECONDS = 600

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "w").close()
time.sleep(600)
"""


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[Child]:
    ready = tmp_path / "ready"
    lifeline = Lifeline()
    command = [sys.executable, "-c", STUBBORN, str(ready)]
    child = Child(
        "stubborn one", command, dict(os.environ), ready.exists, None, LONG_SECONDS, lifeline
    )
    child.start()
    child.wait_until_ready(30, lambda: False)
    yield child
    lifeline.close()


def test_who_is_asked_again_is_not_waited_for_long(stubborn: Child) -> None:
    stubborn.ask_to_stop()
    stubborn.ask_to_stop()
    stubborn.stop()
    assert not stubborn.is_alive
