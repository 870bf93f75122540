"""A process with all that it has started: what they take, and how they are ended."""

import contextlib
import os
import time
from pathlib import Path

import psutil

_MOVES_ON = (psutil.STATUS_RUNNING, psutil.STATUS_SLEEPING)
_LOOK_SECONDS = 0.001


class ProcessFamily:
    """A process and what it has started, but for this process.

    Parameters
    ----------
    pid
        Number of the process.

    Attributes
    ----------
    empty
        Bytes of memory that it had when it was first looked at.
    """

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._started: dict[int, psutil.Process] = {}
        self.empty = self.resident()

    def resident(self) -> int:
        """Bytes of memory of the process and all that it started."""
        self._find_started()
        return _memory(self._process) + self.started_resident()

    def started_resident(self) -> int:
        """Bytes of memory of what it started, as far as that was seen already."""
        self._started = {pid: child for pid, child in self._started.items() if child.is_running()}
        return sum(map(_memory, self._started.values()))

    def suspend(self) -> None:
        """Stop the process; it does nothing more when this returns."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.suspend()
            while self._process.status() in _MOVES_ON:
                time.sleep(_LOOK_SECONDS)
                # somebody else may have let it go on
                self._process.suspend()

    def resume(self) -> None:
        """Let the process go on."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.resume()

    def end(self) -> None:
        """End the process and all that it started, also when it has ended before."""
        # it starts no more of them
        self.suspend()
        ended: set[int] = set()
        while True:
            self._find_started()
            found = {pid: child for pid, child in self._started.items() if pid not in ended}
            if not found:
                break
            for pid, child in found.items():
                ended.add(pid)
                with contextlib.suppress(psutil.NoSuchProcess):
                    child.kill()
        with contextlib.suppress(psutil.NoSuchProcess):
            self._process.kill()

    def _find_started(self) -> None:
        """Look for what the process has started, which means to look at all processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._started.update(
                (child.pid, child)
                for child in self._process.children(recursive=True)
                if child.pid != os.getpid()
            )


def killed_for_memory() -> int:
    """How many processes the kernel has ended for lack of memory, 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


def _memory(process: psutil.Process) -> int:
    """Bytes of a process's resident memory, 0 when it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0
