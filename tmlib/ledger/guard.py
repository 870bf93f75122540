"""A process beside each one that runs jobs: keeps leases and logs, ends what must not go on.

It is a process of its own since a library that computes may let no other thread run. When a job
is beyond a limit, or was taken away because its workflow was killed, all processes that the job
started are ended and the one that runs it with them, which whoever keeps the pool replaces.
"""

import contextlib
import json
import logging
import mmap
import os
import select
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, Self

import psutil
from sqlalchemy.orm import Session

from tmlib.db import Database, Process
from tmlib.ledger import engine, job_groups, job_log
from tmlib.ledger.engine import Claim, LeaseLost, Outcome
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import EXIT_STOPPED
from tmlib.ledger.output import Output
from tmlib.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_LEDGER_SECONDS = 2.0
_REPORT_TRIES = 600
_MAX_MESSAGE = 2**16
_LIVE_BYTES = 2**16
_END = b"\n"
_OVER = b"over"

WAITING_SECONDS = 1.0
"""Jobs that were taken together do not wait longer for one that takes its time."""


@dataclass(frozen=True)
class _Job:
    """What is to be known of a job to guard it."""

    id: int
    attempt: int
    name: str


@dataclass
class _Watch:
    """Jobs that are done one after the other, within the same limits.

    Attributes
    ----------
    lost
        Set when the job in work is no longer its attempt's.
    """

    jobs: list[_Job]
    step_name: str
    limits: Limits
    resident: int
    began: float = field(default_factory=time.monotonic)
    lost: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def read(cls, message: bytes) -> Self:
        content: dict[str, Any] = json.loads(message)
        jobs = [_Job(*job) for job in content.pop("jobs")]
        return cls(**content | {"jobs": jobs, "limits": Limits(**content["limits"])})


class _Position:
    """Which of its jobs a process works on and since when, in memory that its guard reads."""

    _FORM = struct.Struct("=qd")

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, self._FORM.size)

    def write(self, index: int) -> None:
        self._FORM.pack_into(self._memory, 0, index, time.monotonic())

    def read(self) -> tuple[int, float]:
        """The index, and the moment in which its work began."""
        # the other process may be in the middle of writing it
        while (found := self._memory[:]) != self._memory[:]:
            pass
        index, began = self._FORM.unpack(found)
        return int(index), float(began)


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
        self._position = _Position()
        self._channel, other = socket.socketpair()
        self._process = psutil.Process()
        if os.fork() == 0:
            _run(settings, other, self.output, self._position)
        self._process = psutil.Process()
        other.close()

    @contextlib.contextmanager
    def watching(self, claims: Sequence[Claim], limits: Limits) -> Iterator[None]:
        """Have jobs guarded, of which the first one begins.

        Once this has ended nothing stops them any more, but for a guard that has just decided so.
        """
        # before the guard reads it as this job's
        self.output.clear()
        self._position.write(0)
        watch = {
            "jobs": [(claim.job_id, claim.attempt, claim.name) for claim in claims],
            "step_name": claims[0].step_name,
            "limits": asdict(limits),
            # measured here, as the job may take more before the guard comes to look
            "resident": self._process.memory_info().rss,
        }
        self._say(json.dumps(watch).encode())
        try:
            yield
        finally:
            self._say(_OVER)

    def go_on(self, index: int) -> None:
        """Tell which of the jobs begins, the one before it having ended."""
        self._position.write(index)

    def close(self) -> None:
        """Let the guard end."""
        self._channel.close()
        self.output.close()

    def _say(self, message: bytes) -> None:
        try:
            self._channel.sendall(message + _END)
        except OSError:
            # no job runs unguarded; the ledger gives it to another worker
            logger.error("The guard of this process is gone: the process ends.")
            os.kill(os.getpid(), signal.SIGKILL)


def _run(
    settings: Settings, channel: socket.socket, output: Output, position: _Position
) -> NoReturn:
    """The guard itself."""
    try:
        # what was inherited would keep others from noticing that the guarded process has ended
        kept = sorted({0, 1, 2, channel.fileno(), *output.descriptors})
        for low, high in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
            os.closerange(low + 1, high)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _Guarding(settings, channel, output, position).run()
    except BaseException:
        logger.exception("The guard of process %s failed.", os.getppid())
    finally:
        os._exit(0)


class _Channel:
    """Messages of the guarded process, one after the other."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._received = b""

    def is_ready(self, seconds: float) -> bool:
        """Whether there is something to receive, or will be within some seconds."""
        return _END in self._received or bool(select.select([self._channel], [], [], seconds)[0])

    def receive(self) -> bytes:
        """The next message, empty when the process that sends them has ended."""
        while _END not in self._received:
            try:
                part = self._channel.recv(_MAX_MESSAGE)
            except ConnectionResetError:
                part = b""
            if not part:
                return b""
            self._received += part
        message, _, self._received = self._received.partition(_END)
        return message


class _Guarding:
    def __init__(
        self, settings: Settings, channel: socket.socket, output: Output, position: _Position
    ) -> None:
        self._channel = _Channel(channel)
        self._output = output
        self._position = position
        self._database = Database.of(settings, Process.GUARD)
        self._process = psutil.Process(os.getppid())
        self._started: dict[int, psutil.Process] = {}
        self._empty = self._resident()
        self._leases = _Leases(self._database, settings.lease_seconds, output, position)

    def run(self) -> None:
        """Guard jobs until the process that runs them has ended."""
        while message := self._channel.receive():
            watch = _Watch.read(message)
            self._leases.watch = watch
            is_over = self._guard(watch)
            self._leases.watch = None
            if not is_over:
                return

    def _guard(self, watch: _Watch) -> bool:
        """Guard jobs to their end; False when their process has ended, by itself or from here."""
        # what earlier jobs have left behind in the process is not this one's
        left_behind = max(0, watch.resident + self._started_resident() - self._empty)
        killed_before, memory = _killed_for_memory(), 0
        while not self._channel.is_ready(_LOOK_SECONDS):
            index, began = self._position.read()
            seconds = time.monotonic() - began
            memory = self._resident() - left_behind
            broken = watch.limits.broken_by(seconds, memory // 2**20)
            if broken is None and not watch.lost.is_set():
                continue
            if self._channel.is_ready(0):
                # it has just ended; whether it was taken away was asked too late
                break
            self._end_processes()
            job = watch.jobs[index]
            if broken is None:
                logger.warning("Job %s was taken away and stopped.", job.name)
            else:
                self._report(watch, job, broken, seconds, memory // 2**20)
            return False
        if self._channel.receive():
            return True
        self._end_processes()
        self._report_loss(watch, memory // 2**20, for_memory=_killed_for_memory() > killed_before)
        return False

    def _report_loss(self, watch: _Watch, memory: int, *, for_memory: bool) -> None:
        """Tell the ledger that the guarded process has ended in the middle of a job."""
        job = watch.jobs[self._position.read()[0]]
        reason = f"it ended in the middle of the job, which used {memory} MB of memory"
        if for_memory:
            reason += (
                " when the machine had none left: let jobs do less with a smaller batch_size, or "
                "run fewer at a time"
            )
        try:
            with self._database.transaction() as session:
                engine.lose(session, job.id, job.attempt, f"{reason}.")
                _release_others(session, watch, job)
        except Exception:
            logger.exception("The ledger could not be told of the end of %s.", job.name)

    def _resident(self) -> int:
        """Bytes of memory of the guarded process and all that it started."""
        self._find_started()
        return _memory(self._process) + self._started_resident()

    def _find_started(self) -> None:
        """Look for what the guarded process has started, which means to look at all processes."""
        with contextlib.suppress(psutil.NoSuchProcess):
            self._started.update(
                (child.pid, child)
                for child in self._process.children(recursive=True)
                if child.pid != os.getpid()
            )

    def _started_resident(self) -> int:
        self._started = {pid: child for pid, child in self._started.items() if child.is_running()}
        return sum(map(_memory, self._started.values()))

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

    def _report(self, watch: _Watch, job: _Job, broken: str, seconds: float, memory: int) -> None:
        """Tell the ledger, which may be away for a while, that a job was stopped."""
        error = (
            f'Job "{job.name}" was stopped: {broken}. Raise the limit in the submission arguments '
            f'of step "{watch.step_name}", or let a job do less with a smaller batch_size.'
        )
        stdout, stderr = self._output.read()
        outcome = Outcome(
            exitcode=EXIT_STOPPED,
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
                    _release_others(session, watch, job)
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


def _memory(process: psutil.Process) -> int:
    """Bytes of a process's resident memory, 0 when it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _release_others(session: Session, watch: _Watch, job: _Job) -> None:
    """Give back the other jobs of a process that has ended, which are not to blame."""
    others = [(other.id, other.attempt) for other in watch.jobs if other is not job]
    job_groups.release(session, others)


class _Leases:
    """Keeps the leases and the log of the jobs in work, and notices when one was taken away.

    The thread is there because a database that does not answer must not hold up the limits.

    Attributes
    ----------
    watch
        The jobs, if there are any.
    """

    def __init__(
        self, database: Database, seconds: float, output: Output, position: _Position
    ) -> None:
        self.watch: _Watch | None = None
        self._database = database
        self._seconds = seconds
        self._output = output
        self._position = position
        threading.Thread(target=self._keep, daemon=True).start()

    def _keep(self) -> None:
        watch, prolonged, kept = None, 0.0, (0, 0)
        while True:
            time.sleep(min(_LEDGER_SECONDS, self._seconds / 6))
            if self.watch is not watch:
                # most have ended before they are looked at a first time
                watch, kept = self.watch, (0, 0)
                prolonged = watch.began if watch else 0.0
            if watch is None or watch.lost.is_set():
                continue
            try:
                index, _ = self._position.read()
                job = watch.jobs[index]
                self._release_waiting(watch, index)
                is_ours, kept = self._keep_log(job, kept)
                if is_ours and time.monotonic() - prolonged >= self._seconds / 3:
                    is_ours = self._prolong(watch, job)
                    prolonged = time.monotonic()
            except Exception:  # the database may be away for a while; it is asked again
                logger.exception("The lease of a job could not be looked at.")
                continue
            if not is_ours:
                watch.lost.set()

    def _release_waiting(self, watch: _Watch, index: int) -> None:
        """Let others do the jobs that wait here for one that takes longer than was thought."""
        waiting = watch.jobs[index + 1 :]
        if not waiting or time.monotonic() - watch.began < WAITING_SECONDS:
            return
        with self._database.transaction() as session:
            job_groups.release(session, [(job.id, job.attempt) for job in waiting])
        del watch.jobs[index + 1 :]

    def _keep_log(self, job: _Job, kept: tuple[int, int]) -> tuple[bool, tuple[int, int]]:
        """Write down what is new in the log, if anything is; whether the job is still ours."""
        sizes = self._output.sizes
        if sizes == kept:
            with self._database.session() as session:
                return engine.is_held(session, job.id, job.attempt), kept
        stdout, stderr = self._output.read(_LIVE_BYTES)
        with self._database.transaction() as session:
            return job_log.keep(session, job.id, job.attempt, stdout, stderr), sizes

    def _prolong(self, watch: _Watch, job: _Job) -> bool:
        """Prolong the leases of all jobs here; whether the one in work is still ours."""
        with self._database.transaction() as session:
            held = {
                one.id: engine.heartbeat(session, one.id, one.attempt, self._seconds)
                for one in watch.jobs
            }
        return held[job.id]
