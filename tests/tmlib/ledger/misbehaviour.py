"""What jobs do that must be stopped."""

import ctypes
import os
import signal
import subprocess
import sys
import time

from sqlalchemy import func, select
from threadpoolctl import threadpool_info

from tmlib.ledger.models import Job, State
from tmlib.workflow.steps.base import StepContext

MB = 2**20

LEFT: list[bytes] = []
"""What jobs have left behind in their process."""


def hang(context: StepContext) -> None:
    """Start a process, tell its number, and hang in C code that lets no other thread run."""
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        print(process.pid)  # noqa: T201 - goes into the log
        ctypes.PyDLL(None).pause()


def swallow(context: StepContext) -> None:
    """Take memory, here and in a process that is started."""
    own = bytes(b"x" * 400 * MB)
    code = f"own = b'x' * {400 * MB}; input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        print(process.pid)  # noqa: T201 - goes into the log
        process.wait()
    assert own


def tell_threads(context: StepContext) -> None:
    """Tell how many threads libraries use."""
    import numpy as np
    import pyarrow as pa

    np.ones((2, 2)) @ np.ones((2, 2))
    numbers = {pa.cpu_count(), int(os.environ["OMP_NUM_THREADS"])}
    numbers |= {library["num_threads"] for library in threadpool_info()}
    print(*numbers)  # noqa: T201 - goes into the log


def chat(context: StepContext) -> None:
    """Tell something, and hang in C code that lets no other thread run."""
    print("one\0", "zwölf", sep="\n")  # noqa: T201 - goes into the log
    print("careful", file=sys.stderr)  # noqa: T201 - goes into the log
    ctypes.PyDLL(None).pause()


def hang_at_the_fifth(context: StepContext) -> None:
    """Do four jobs, and hang in the next one in C code that lets no other thread run."""
    if count(context) == 5:
        print("hanging")  # noqa: T201 - goes into the log
        ctypes.PyDLL(None).pause()


def count(context: StepContext) -> int:
    """How many jobs have begun, this one included."""
    file = context.settings.data_dir / "jobs"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as jobs:
        jobs.write("x")
    return file.stat().st_size


def take_a_moment(context: StepContext) -> None:
    """Work for a while, but for the first job."""
    if count(context) > 1:
        time.sleep(0.3)


def wait_for_others_to_be_given_back(context: StepContext) -> None:
    """Let the fifth job take so long that others are to do what waits behind it."""
    if count(context) == 5:
        running = select(func.count()).where(Job.state == State.RUNNING)
        while True:
            with context.database.session() as session:
                if session.scalar(running) == 1:
                    return


def end_once_it_has_ended(context: StepContext) -> None:
    """End the process when the first job is in the ledger, and others are held."""
    if count(context) == 1:
        context.afterwards.append(_end_process)


def end_while_the_fifth_ends(context: StepContext) -> None:
    """End the process while jobs are ended together."""
    if count(context) == 5:
        context.effects.append(lambda session: _end_process())


def leave_memory_behind(context: StepContext) -> None:
    """Keep memory for good in two jobs, neither of which is beyond its limit."""
    number = count(context)
    if number in (5, 6):
        LEFT.append(bytes(b"x" * 400 * MB))
    if number == 6:
        # looked at in every second
        time.sleep(3)


def _end_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
