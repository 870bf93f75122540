"""Ends what the supervisor has started when the supervisor itself was killed.

What is killed cannot tidy up. So a small process holds one end of a pipe whose other end the
supervisor has: the kernel closes that whatever way the supervisor ends. A pipe does so on every
system, and for programs that know nothing of it.

Run as a script this is that process, with nothing but the standard library.
"""

import contextlib
import os
import signal
import subprocess
import sys
from typing import IO

_HOLD, _LET_GO = "hold", "let go"


class Leash:
    """The supervisor's side: says whose end is to follow its own."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._process: subprocess.Popen[str] | None = None

    def hold(self, process_group: int) -> None:
        """Have all processes of a group killed when this process ends."""
        self._held.add(process_group)
        if self._process is None:
            self._start()
        else:
            self._say(_HOLD, process_group)

    def let_go(self, process_group: int) -> None:
        """Forget a group, which has ended."""
        self._held.discard(process_group)
        self._say(_LET_GO, process_group)

    def mend(self) -> None:
        """Start the process again, should it have died."""
        if self._process is not None and self._process.poll() is not None:
            self._start()

    def close(self) -> None:
        """Let the process end; what is still held ends with it."""
        if self._process is None:
            return
        with contextlib.suppress(BrokenPipeError):
            _input(self._process).close()
        self._process.wait()

    def _start(self) -> None:
        # in a session of its own, so that a Ctrl-C does not reach it
        self._process = subprocess.Popen(  # noqa: S603 - this file
            [sys.executable, "-I", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
            text=True,
        )
        for process_group in self._held:
            self._say(_HOLD, process_group)

    def _say(self, message: str, process_group: int) -> None:
        if self._process is None:
            return
        # a process that has died is told everything again when it is mended
        with contextlib.suppress(BrokenPipeError):
            _input(self._process).write(f"{message} {process_group}\n")
            _input(self._process).flush()


def _input(process: subprocess.Popen[str]) -> IO[str]:
    assert process.stdin is not None  # noqa: S101 - it was asked for
    return process.stdin


def _obey(messages: IO[str]) -> None:
    """Listen until the other end of the pipe is closed, then kill what is still held."""
    held: set[int] = set()
    for line in messages:
        message, _, number = line.rpartition(" ")
        if message == _HOLD:
            held.add(int(number))
        else:
            held.discard(int(number))
    for process_group in held:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process_group, signal.SIGKILL)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _obey(sys.stdin)
