"""What a guard knows of the jobs that its process holds, and how it keeps their leases."""

import json
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Self

from tmlib.db import Database
from tmlib.ledger import holding, job_log
from tmlib.ledger.engine import Claim
from tmlib.ledger.limits import Limits
from tmlib.ledger.output import Output
from tmlib.ledger.position import Place, Position

logger = logging.getLogger(__name__)

WAITING_SECONDS = 1.0
"""Jobs that were taken together do not wait longer for one that takes its time."""

_LOOK_SECONDS = 2.0
_LIVE_BYTES = 2**16


@dataclass(frozen=True)
class HeldJob:
    """What is to be known of a job to guard it."""

    id: int
    attempt: int
    name: str

    @property
    def key(self) -> tuple[int, int]:
        """What proves that it is held."""
        return self.id, self.attempt


@dataclass(frozen=True)
class HeldJobs:
    """Jobs that a process holds, in the order in which it does them, within the same limits.

    Attributes
    ----------
    jobs, step_name, limits
        The jobs, and what holds for all.
    prolonged
        When the lease of each began, by this machine's monotonic clock.
    """

    jobs: Sequence[HeldJob] = ()
    step_name: str = ""
    limits: Limits = field(default_factory=Limits)
    prolonged: dict[HeldJob, float] = field(default_factory=dict)

    @staticmethod
    def message(claims: Sequence[Claim], limits: Limits, taken: float) -> bytes:
        """What a guard is told of jobs; those that it does not know were taken at a moment."""
        return json.dumps(
            {
                "jobs": [(claim.job_id, claim.attempt, claim.name) for claim in claims],
                "step_name": claims[0].step_name if claims else "",
                "limits": asdict(limits),
                "taken": taken,
            }
        ).encode()

    @classmethod
    def read(cls, message: bytes, prolonged: Mapping[HeldJob, float]) -> Self:
        """What was told, where some leases were prolonged before."""
        content = json.loads(message)
        jobs = [HeldJob(*job) for job in content["jobs"]]
        leases = {job: prolonged.get(job, content["taken"]) for job in jobs}
        return cls(jobs, content["step_name"], Limits(**content["limits"]), leases)

    def begun(self, place: Place) -> int:
        """How many of the jobs have begun."""
        ids = [job.id for job in self.jobs]
        return ids.index(place.job_id) + 1 if place.job_id in ids else 0


class _MovedOnError(Exception):
    """The process has come to another place meanwhile."""


class Leases:
    """Keeps the leases and the log of the jobs that a process holds.

    The thread is there because a database that does not answer must not hold up the limits.

    Attributes
    ----------
    worker
        The process, as the ledger calls it.
    held
        The jobs, if there are any.
    lost
        The place in which the job in work was found to be no longer its attempt's.
    """

    def __init__(
        self,
        database: Database,
        seconds: float,
        worker: str,
        output: Output,
        position: Position,
    ) -> None:
        self.worker = worker
        self.held = HeldJobs()
        self.lost: Place | None = None
        self._database = database
        self._seconds = seconds
        self._output = output
        self._position = position
        self._logged: tuple[Place, tuple[int, int]] | None = None
        self._given_back: tuple[Place, set[HeldJob]] | None = None
        threading.Thread(target=self._keep, daemon=True).start()

    def forget(self) -> HeldJobs:
        """Keep no leases any more; gives the jobs that had them."""
        held, self.held = self.held, HeldJobs()
        return held

    def _keep(self) -> None:
        while True:
            time.sleep(min(_LOOK_SECONDS, self._seconds / 6))
            held = self.held
            if not held.jobs:
                continue
            try:
                place = self._position.read()
                self._prolong(held)
                self._give_back(held, place)
                if place.is_in_work and (begun := held.begun(place)):
                    self._look_at(held.jobs[begun - 1], place)
            except Exception:  # the database may be away for a while; it is asked again
                logger.exception("The lease of a job could not be looked at.")

    def _prolong(self, held: HeldJobs) -> None:
        """Prolong leases before they run out, however long ago their jobs were taken."""
        moment = time.monotonic()
        due = [job for job in held.jobs if moment - held.prolonged[job] >= self._seconds / 3]
        if not due:
            return
        with self._database.transaction() as session:
            # what somebody writes to at this moment is due at the next look again
            prolonged = [job for job in due if holding.heartbeat(session, *job.key, self._seconds)]
        held.prolonged.update(dict.fromkeys(prolonged, moment))

    def _give_back(self, held: HeldJobs, place: Place) -> None:
        """Let others do what waits here for a job that takes longer than was thought.

        So are jobs that have ended, but not in the ledger, when it takes longer than they did: its
        end may never come.
        """
        begun, seconds = held.begun(place), time.monotonic() - place.began
        if not begun or seconds < WAITING_SECONDS:
            return
        others = {*held.jobs[begun:]}
        if place.is_in_work and seconds > place.began - place.first_began:
            others |= {*held.jobs[: begun - 1]}
        if not others or self._given_back == (place, others):
            return
        with suppress(_MovedOnError), self._database.transaction() as session:
            holding.release(session, self.worker, [job.key for job in others])
            # who has gone on since asks the ledger, and waits there for this transaction
            if self._position.read() != place:
                raise _MovedOnError
            self._given_back = place, others

    def _look_at(self, job: HeldJob, place: Place) -> None:
        """Write down what is new in the log of the job in work, and see whether it is still ours.

        A log that is the next job's already does no harm: the end of a job comes with its own.
        """
        sizes = self._output.sizes
        if self._logged == (place, sizes):
            with self._database.session() as session:
                is_ours = holding.is_held(session, *job.key)
        else:
            stdout, stderr = self._output.read(_LIVE_BYTES)
            with self._database.transaction() as session:
                is_ours = job_log.keep(session, job.id, job.attempt, stdout, stderr)
        self._logged = place, sizes
        if not is_ours:
            self.lost = place
