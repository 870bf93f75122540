"""A process beside each one that runs jobs: keeps leases and logs, ends what must not go on.

It is a process of its own since a library that computes may let no other thread run. When a job
is beyond a limit, or was taken away because its workflow was killed, all processes that the job
started are ended and the one that runs it with them, which whoever keeps the pool replaces.
"""

import contextlib
import json
import logging
import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, Self

import psutil

from tmlib.db import Database, Process
from tmlib.ledger import engine, job_log
from tmlib.ledger.engine import Claim, LeaseLost, Outcome
from tmlib.ledger.limits import Limits
from tmlib.ledger.output import Output
from tmlib.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LEDGER_SECONDS = 2.0
_REPORT_TRIES = 600
_MAX_MESSAGE = 2**16
_LIVE_BYTES = 2**16


@dataclass(frozen=True)
class _Job:
    """What is to be known of a job to guard it."""

    id: int
    attempt: int
    name: str
    step_name: str
    limits: Limits

    @classmethod
    def read(cls, message: bytes) -> Self:
        content: dict[str, Any] = json.loads(message)
        return cls(**content | {"limits": Limits(**content["limits"])})


class Guard:
    """The side of the process that runs jobs.

    It forks, so it is made before this process has threads.

    Parameters
    ----------
    settings
        Of the installation.
    """

    def __init__(self, settings: Settings) -> None:
        self.output = Output()
        self._channel, other = socket.socketpair()
        if os.fork() == 0:
            _run(settings, other, self.output)
        other.close()

    @contextlib.contextmanager
    def watching(self, claim: Claim, limits: Limits) -> Iterator[None]:
        """Have a job guarded; once this has ended nothing stops the job any more."""
        # before the guard reads it as this job's
        self.output.clear()
        job = _Job(claim.job_id, claim.attempt, claim.name, claim.step_name, limits)
        self._say(json.dumps(asdict(job)).encode())
        try:
            yield
        finally:
            self._say(b"done")

    def close(self) -> None:
        """Let the guard end."""
        self._channel.close()
        self.output.close()

    def _say(self, message: bytes) -> None:
        try:
            self._channel.sendall(message)
            answer = self._channel.recv(_MAX_MESSAGE)
        except OSError:
            answer = b""
        if not answer:
            # no job runs unguarded; the ledger gives it to another worker
            logger.error("The guard of this process is gone: the process ends.")
            os.kill(os.getpid(), signal.SIGKILL)


def _run(settings: Settings, channel: socket.socket, output: Output) -> NoReturn:
    """The guard itself."""
    try:
        # what was inherited would keep others from noticing that the guarded process has ended
        kept = sorted({0, 1, 2, channel.fileno(), *output.descriptors})
        for low, high in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
            os.closerange(low + 1, high)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _Watch(settings, channel, output).run()
    except BaseException:
        logger.exception("The guard of process %s failed.", os.getppid())
    finally:
        os._exit(0)


class _Watch:
    def __init__(self, settings: Settings, channel: socket.socket, output: Output) -> None:
        self._channel = channel
        self._output = output
        self._lease_seconds = settings.lease_seconds
        self._database = Database.of(settings, Process.GUARD)
        self._process = psutil.Process(os.getppid())
        self._started: dict[int, psutil.Process] = {}
        self._empty = self._resident()

    def run(self) -> None:
        """Guard one job after the other until the process that runs them has ended."""
        while message := self._receive():
            job = _Job.read(message)
            # what earlier jobs have left behind in the process is not this one's
            left_behind = max(0, self._known_resident() - self._empty)
            self._channel.sendall(b"guarded")
            if not self._guard(job, left_behind):
                return
            self._channel.sendall(b"over")

    def _guard(self, job: _Job, left_behind: int) -> bool:
        """Guard a job to its end; False when its process has ended, by itself or from here."""
        lease = _Lease(self._database, job, self._lease_seconds, self._output)
        started, killed_before, memory = time.monotonic(), _killed_for_memory(), 0
        try:
            while not select.select([self._channel], [], [], _LOOK_SECONDS)[0]:
                seconds = time.monotonic() - started
                memory = self._resident() - left_behind
                broken = job.limits.broken_by(seconds, memory // 2**20)
                if broken is None and not lease.lost.is_set():
                    continue
                self._end_processes()
                if broken is None:
                    logger.warning("Job %s was taken away and stopped.", job.name)
                else:
                    self._report(job, broken, seconds, memory // 2**20)
                return False
        finally:
            lease.over.set()
        if self._receive():
            return True
        self._end_processes()
        self._report_loss(job, memory // 2**20, for_memory=_killed_for_memory() > killed_before)
        return False

    def _report_loss(self, job: _Job, memory: int, *, for_memory: bool) -> None:
        """Tell the ledger that the guarded process has ended in the middle of a job."""
        reason = f"it ended in the middle of the job, which used {memory} MB of memory"
        if for_memory:
            reason += (
                " when the machine had none left: let jobs do less with a smaller batch_size, or "
                "run fewer at a time"
            )
        try:
            with self._database.transaction() as session:
                engine.lose(session, job.id, job.attempt, f"{reason}.")
        except Exception:
            logger.exception("The ledger could not be told of the end of %s.", job.name)

    def _receive(self) -> bytes:
        """The next message, empty when the process that sends them has ended."""
        try:
            return self._channel.recv(_MAX_MESSAGE)
        except ConnectionResetError:  # so does one end that has not read the last answer
            return b""

    def _resident(self) -> int:
        """Bytes of memory of the guarded process and all that it started."""
        self._find_started()
        return self._known_resident()

    def _find_started(self) -> None:
        """Look for what the guarded process has started, which means to look at all processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._started.update(
                (child.pid, child)
                for child in self._process.children(recursive=True)
                if child.pid != os.getpid()
            )

    def _known_resident(self) -> int:
        total = 0
        self._started = {pid: child for pid, child in self._started.items() if child.is_running()}
        for process in (self._process, *self._started.values()):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def _end_processes(self) -> None:
        """End the guarded process and all that it started, also when it has ended before."""
        with contextlib.suppress(psutil.NoSuchProcess):
            # it starts no more of them
            self._process.suspend()
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

    def _report(self, job: _Job, broken: str, seconds: float, memory: int) -> None:
        """Tell the ledger, which may be away for a while, that a job was stopped."""
        error = (
            f'Job "{job.name}" was stopped: {broken}. Raise the limit in the submission arguments '
            f'of step "{job.step_name}", or let a job do less with a smaller batch_size.'
        )
        stdout, stderr = self._output.read()
        outcome = Outcome(
            exitcode=engine.EXIT_STOPPED,
            error=error,
            stdout=stdout.text,
            stdout_start=stdout.start,
            stderr=f"{stderr.text}{error}\n",
            stderr_start=stderr.start,
            wall_time=seconds,
            memory=memory,
        )
        for _ in range(_REPORT_TRIES):
            try:
                with self._database.transaction() as session:
                    engine.finish(session, job.id, job.attempt, outcome)
            except LeaseLost:
                return
            except Exception:
                logger.exception("The end of job %s is not in the ledger yet.", job.name)
                time.sleep(_LOOK_SECONDS)
            else:
                return


def _killed_for_memory() -> int:
    """How many processes the kernel has ended for lack of memory, 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))


class _Lease:
    """Keeps a job's lease and its log, and notices when the job was taken away.

    The thread is there because a database that does not answer must not hold up the limits.

    Attributes
    ----------
    lost
        Set when the job is no longer this attempt's.
    over
        To be set at the job's end.
    """

    def __init__(self, database: Database, job: _Job, seconds: float, output: Output) -> None:
        self.lost = threading.Event()
        self.over = threading.Event()
        self._database = database
        self._job = job
        self._seconds = seconds
        self._output = output
        self._kept = (0, 0)
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        prolonged = time.monotonic()
        while not self.over.wait(min(_LEDGER_SECONDS, self._seconds / 3)):
            try:
                is_ours = self._keep_log()
                if is_ours and time.monotonic() - prolonged >= self._seconds / 3:
                    is_ours = self._prolong()
                    prolonged = time.monotonic()
            except Exception:  # the database may be away for a while; it is asked again
                logger.exception("The lease of job %s could not be looked at.", self._job.name)
                continue
            if not is_ours:
                self.lost.set()
                return

    def _keep_log(self) -> bool:
        """Write down what is new in the log, if anything is; whether the job is still ours."""
        sizes = self._output.sizes
        if sizes == self._kept:
            with self._database.session() as session:
                return engine.is_held(session, self._job.id, self._job.attempt)
        stdout, stderr = self._output.read(_LIVE_BYTES)
        with self._database.transaction() as session:
            is_ours = job_log.keep(session, self._job.id, self._job.attempt, stdout, stderr)
        self._kept = sizes
        return is_ours

    def _prolong(self) -> bool:
        with self._database.transaction() as session:
            return engine.heartbeat(session, self._job.id, self._job.attempt, self._seconds)
