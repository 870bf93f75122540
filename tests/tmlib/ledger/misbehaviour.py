"""What jobs do that must be stopped."""

import ctypes
import os
import subprocess
import sys

from threadpoolctl import threadpool_info

from tmlib.workflow.steps.base import StepContext

MB = 2**20


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
    file = context.settings.data_dir / "jobs"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as jobs:
        jobs.write("x")
    if file.stat().st_size == 5:
        print("hanging")  # noqa: T201 - goes into the log
        ctypes.PyDLL(None).pause()
