"""A process beside each one that runs jobs: keeps leases and logs, ends what must not go on.

It is a process of its own since a library that computes may let no other thread run. When a job
is beyond a limit, or was taken away because its workflow was killed, all processes that the job
started are ended and the one that runs it with them, which whoever keeps the pool replaces.

The guard is told which jobs its process holds, before they are that in the ledger, and reads at
which of them the process is. From these two follows all that it does.
"""

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NoReturn

from sqlalchemy.orm import Session

from tmlib.db import Database, Process
from tmlib.ledger import engine, holding
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.holding import LeaseLost, worker_name
from tmlib.ledger.leases import HeldJob, HeldJobs, Leases
from tmlib.ledger.limits import Limits
from tmlib.ledger.models import EXIT_STOPPED
from tmlib.ledger.output import Output
from tmlib.ledger.position import Place, Position
from tmlib.ledger.process_family import ProcessFamily, killed_for_memory
from tmlib.settings import Settings

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
_REPORT_SECONDS = 600.0
_MAX_MESSAGE = 2**16
_END = b"\n"


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
        self._position = Position()
        self._channel, other = socket.socketpair()
        pid = os.getpid()
        if os.fork() == 0:
            _run(settings, pid, other, self.output, self._position)
        other.close()

    def hold(self, claims: Sequence[Claim], limits: Limits, taken: float) -> None:
        """Tell which jobs this process holds, in the order in which it does them.

        Parameters
        ----------
        claims
            The jobs, of the same phase; none if nothing is to be guarded any more.
        limits
            Of each of them.
        taken
            Not later than when those were taken that were not told of before, by the monotonic
            clock.
        """
        try:
            self._channel.sendall(HeldJobs.message(claims, limits, taken) + _END)
        except OSError:
            # no job runs unguarded; the ledger gives it to another worker
            logger.error("The guard of this process is gone: the process ends.")
            os.kill(os.getpid(), signal.SIGKILL)

    def begin(self, job_id: int, first_began: float | None = None) -> None:
        """Tell that the work on a job begins, whose output is empty.

        Parameters
        ----------
        job_id
            Which of those that are held.
        first_began
            When the work did of the first one that has ended, but not in the ledger, if there is
            any.
        """
        self._position.begin(job_id, first_began)

    def end(self) -> None:
        """Tell that the work on the job has ended.

        From now on nothing stops it any more, but for a guard that has just decided so.
        """
        self._position.end()

    def close(self) -> None:
        """Let the guard end."""
        self._channel.close()
        self.output.close()


def _run(
    settings: Settings, pid: int, channel: socket.socket, output: Output, position: Position
) -> NoReturn:
    """The guard itself."""
    try:
        # what was inherited would keep others from noticing that the guarded process has ended
        kept = sorted({0, 1, 2, channel.fileno(), *output.descriptors})
        for low, high in pairwise([*kept, os.sysconf("SC_OPEN_MAX")]):
            os.closerange(low + 1, high)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _Guarding(settings, pid, channel, output, position).run()
    except BaseException:
        logger.exception("The guard of process %s failed.", pid)
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
        self,
        settings: Settings,
        pid: int,
        channel: socket.socket,
        output: Output,
        position: Position,
    ) -> None:
        self._channel = _Channel(channel)
        self._output = output
        self._position = position
        self._database = Database.of(settings, Process.GUARD)
        self._family = ProcessFamily(pid)
        self._lease_seconds = settings.lease_seconds
        self._leases = Leases(
            self._database, settings.lease_seconds, worker_name(pid), output, position
        )
        self._place = position.read()
        self._left_behind = 0
        self._memory = 0
        self._killed_before = 0

    def run(self) -> None:
        """Guard jobs until the process that runs them has ended, by itself or from here."""
        while True:
            if self._leases.held.jobs and not self._channel.is_ready(_LOOK_SECONDS):
                if self._look():
                    continue
                return
            message = self._channel.receive()
            if not message:
                break
            self._leases.held = HeldJobs.read(message, self._leases.held.prolonged)
            self._killed_before = killed_for_memory()
        if self._leases.held.jobs:
            self._family.end()
            self._report_loss(self._leases.forget(), self._position.read())

    def _look(self) -> bool:
        """See whether the job in work may go on; False when its process was ended."""
        held, place = self._leases.held, self._position.read()
        begun = held.begun(place)
        if not place.is_in_work or not begun:
            return True
        if place != self._place:
            # what earlier jobs have left behind in the process is not this one's
            resident = place.resident + self._family.started_resident()
            self._place, self._left_behind = place, max(0, resident - self._family.empty)
        seconds = time.monotonic() - place.began
        self._memory = self._family.resident() - self._left_behind
        broken = held.limits.broken_by(seconds, self._memory // 2**20)
        if broken is None and self._leases.lost != place:
            return True
        self._family.suspend()
        if self._position.read() != place:
            # it has just ended; whether it was taken away was asked too late
            self._family.resume()
            return True
        self._family.end()
        self._leases.forget()
        job = held.jobs[begun - 1]
        self._tell(lambda session: self._release(session, held, [job]), self._lease_seconds)
        if broken is None:
            logger.warning("Job %s was taken away and stopped.", job.name)
        else:
            self._report(held, job, broken, seconds)
        return False

    def _report_loss(self, held: HeldJobs, place: Place) -> None:
        """Tell the ledger that the guarded process has ended, while it held jobs.

        Only the one in work is to blame; while jobs are ended together, each of them may be.
        """
        begun = held.begun(place)
        to_blame = held.jobs[begun - 1 : begun] if place.is_in_work else held.jobs[: max(1, begun)]
        # when the leases have run out, others have found the jobs
        self._tell(lambda session: self._release(session, held, to_blame), self._lease_seconds)
        reason = self._reason(place)

        def lose(session: Session) -> None:
            for job in sorted(to_blame, key=lambda job: job.key):
                holding.lose(session, job.id, job.attempt, reason)

        self._tell(lose, self._lease_seconds)

    def _release(self, session: Session, held: HeldJobs, to_blame: Sequence[HeldJob]) -> None:
        """Give back what a process held that has ended, but for what may have ended it."""
        others = [job.key for job in held.jobs if job not in to_blame]
        holding.release(session, self._leases.worker, others)

    def _reason(self, place: Place) -> str:
        if not place.is_in_work:
            return "it ended before what the job had done was in the ledger."
        memory = self._memory if place == self._place else 0
        reason = f"it ended in the middle of the job, which used {memory // 2**20} MB of memory"
        if killed_for_memory() > self._killed_before:
            reason += (
                " when the machine had none left: let jobs do less with a smaller batch_size, or "
                "run fewer at a time"
            )
        return f"{reason}."

    def _report(self, held: HeldJobs, job: HeldJob, broken: str, seconds: float) -> None:
        """Tell the ledger that a job was stopped."""
        error = (
            f'Job "{job.name}" was stopped: {broken}. Raise the limit in the submission arguments '
            f'of step "{held.step_name}", or let a job do less with a smaller batch_size.'
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
            memory=self._memory // 2**20,
        )
        self._tell(
            lambda session: engine.finish(session, job.id, job.attempt, outcome), _REPORT_SECONDS
        )

    def _tell(self, say: Callable[[Session], object], seconds: float) -> None:
        """Tell the ledger something, which may be away for a while."""
        for _ in range(max(1, round(seconds / _LOOK_SECONDS))):
            try:
                with self._database.transaction() as session:
                    say(session)
            except LeaseLost:
                return
            except Exception:
                logger.exception("The ledger does not know of the end of a process yet.")
                time.sleep(_LOOK_SECONDS)
            else:
                return
