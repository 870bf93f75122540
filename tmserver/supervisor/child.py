"""A process that the supervisor keeps running."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tmlib.errors import Unavailable
from tmlib.lifeline import Lifeline

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.05
_HURRY_SECONDS = 4.0


class Child:
    """One process, in a session of its own so that a Ctrl-C reaches only the supervisor.

    Parameters
    ----------
    name
        What it is called in messages.
    command
        Program and arguments.
    environment
        Replaces the supervisor's own.
    is_ready
        Tells whether it has started up.
    log_dir
        Folder for its output; None to share the supervisor's.
    stop_seconds
        How long it may take to end before it is killed.
    lifeline
        Ends the process when the supervisor was killed.
    inherited
        Files that stay open until the process has closed them as well.
    """

    def __init__(
        self,
        name: str,
        command: list[str],
        environment: dict[str, str],
        is_ready: Callable[[], bool],
        log_dir: Path | None,
        stop_seconds: float,
        lifeline: Lifeline,
        inherited: Sequence[int] = (),
    ) -> None:
        self.name = name
        self._command = command
        self._environment = environment | lifeline.environment
        self._is_ready = is_ready
        self._log = None if log_dir is None else log_dir / f"{name}.log"
        self._stop_seconds = stop_seconds
        self._inherited = (lifeline.descriptor, *inherited)
        self._process: subprocess.Popen[bytes] | None = None
        self._deadline: float | None = None
        self.started_at = 0.0

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        """How the process ended, None while it runs."""
        return None if self._process is None else self._process.poll()

    def start(self) -> None:
        """Start the process; `wait_until_ready` tells when it can be used.

        What an earlier one left behind when it died is ended first: it would hold the port.
        """
        if self._process is not None:
            self._kill_group(self._process.pid)
        self.started_at = time.monotonic()
        if self._log is None:
            self._process = self._popen(None)
            return
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as output:
            self._process = self._popen(output.fileno())

    def _popen(self, output: int | None) -> subprocess.Popen[bytes]:
        return subprocess.Popen(  # noqa: S603 - the commands are this package's own
            self._command,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            # what counts is logged, to standard error; Celery prints greetings
            stdout=subprocess.DEVNULL,
            stderr=output,
            start_new_session=True,
            pass_fds=self._inherited,
        )

    def wait_until_ready(self, seconds: float, give_up: Callable[[], bool]) -> None:
        """Wait until the process can be used.

        Raises
        ------
        Unavailable
            If it ends instead, or takes longer than `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not self._is_ready():
            if give_up():
                return
            if not self.is_alive:
                raise Unavailable(
                    f"The {self.name} ended with code {self.returncode} while starting"
                    f"{self._see_log()}."
                )
            if time.monotonic() > deadline:
                raise Unavailable(
                    f"The {self.name} did not start within {seconds:g} seconds{self._see_log()}."
                )
            time.sleep(_POLL_SECONDS)

    def _see_log(self) -> str:
        return "; its messages are above" if self._log is None else f": see {self._log}"

    def ask_to_stop(self) -> None:
        """Ask the process to end; one that is asked again hurries."""
        if self._process is not None and self.is_alive:
            is_first = self._deadline is None
            seconds = self._stop_seconds if is_first else min(self._stop_seconds, _HURRY_SECONDS)
            self._deadline = time.monotonic() + seconds
            self._process.terminate()

    def stop(self) -> None:
        """End the process and all that it started, by force after a while."""
        process = self._process
        if process is None:
            return
        if self._deadline is None:
            self.ask_to_stop()
        # which may come nearer meanwhile
        while self.is_alive and time.monotonic() < (self._deadline or 0):
            time.sleep(_POLL_SECONDS)
        if self.is_alive:
            logger.warning("The %s does not end and is killed.", self.name)
        self._kill_group(process.pid)
        process.wait()

    def _kill_group(self, process_group: int) -> None:
        # macOS does not permit it for a group whose last process is a zombie
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process_group, signal.SIGKILL)
