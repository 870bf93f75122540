"""Pools of worker processes, one for each queue.

Jobs that somebody waits for have a pool of their own, so that there is a process for them however
busy the workflows keep the others.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from types import FrameType

from tmlib.lifeline import Lifeline

# Celery warns of it because it can be told to take messages that run code; ours are JSON
_AS_ROOT = "You're running the worker with superuser privileges"


def command(queue: str, processes: int, *, log_level: str) -> list[str]:
    """The command of a pool that takes jobs from a queue."""
    quiet = ["--quiet"] if log_level == "WARNING" else []
    return [
        *(sys.executable, "-W", f"ignore:{_AS_ROOT}", "-m", "celery", *quiet),
        *("--app", "workers.application", "worker"),
        *("--queues", queue, "--hostname", f"{queue}@%h"),
        *("--concurrency", str(processes), "--loglevel", log_level),
        *("--without-gossip", "--without-mingle"),
    ]


def run(commands: Sequence[list[str]], environment: Mapping[str, str]) -> int:
    """Run pools until they are told to stop; when one ends by itself the others stop as well.

    Signals are handed on: the first SIGTERM or SIGINT gives running jobs a while to end, the
    second one hands them back.

    Returns
    -------
    int
        Exit code, 0 if all of them ended well.
    """
    pools: list[subprocess.Popen[bytes]] = []
    signals: list[int] = []
    lifeline = Lifeline()

    def hand_on(number: int, frame: FrameType | None = None) -> None:
        signals.append(number)
        for pool in pools:
            if pool.poll() is None:
                # Celery takes a SIGINT for a failure
                pool.send_signal(signal.SIGTERM if number == signal.SIGINT else number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, hand_on)
    for one in commands:
        # a session of its own, so that a Ctrl-C does not reach it twice
        pools.append(
            subprocess.Popen(  # noqa: S603 - from this module
                one,
                env={**environment, **lifeline.environment},
                start_new_session=True,
                pass_fds=[lifeline.descriptor],
            )
        )
    if signals:
        # it came before all pools were there to hear it
        hand_on(signal.SIGTERM)
    else:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
        if not signals:
            hand_on(signal.SIGTERM)
    exitcode = max(abs(pool.wait()) for pool in pools)
    lifeline.close()
    return exitcode
