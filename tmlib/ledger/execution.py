"""Runs jobs: takes them from the ledger, works, and commits their effects with their end.

The worker's process does nothing else meanwhile; what must not go on is ended by its guard.
"""

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.ledger import attempts as work
from tmlib.ledger import engine, holding, job_groups
from tmlib.ledger.attempts import Attempt
from tmlib.ledger.engine import Claim, Outcome
from tmlib.ledger.guard import Guard
from tmlib.ledger.holding import LeaseLost
from tmlib.ledger.job_groups import Demand, Taker
from tmlib.ledger.leases import WAITING_SECONDS
from tmlib.ledger.limits import limited_threads
from tmlib.ledger.output import Output
from tmlib.ledger.pace import Pace
from tmlib.ledger.programs import Effect
from tmlib.ledger.queue import JOB_QUEUE, Queue
from tmlib.ledger.worker_pools import ProcessCount
from tmlib.settings import Settings

logger = logging.getLogger(__name__)

_LONGER = 4


@dataclass(frozen=True)
class Worker:
    """What a process runs jobs with: the same database, queue and settings for all of them.

    Without a guard jobs run to their end, whatever they take.
    """

    database: Database
    queue: Queue
    settings: Settings
    guard: Guard | None = None
    pace: Pace = field(default_factory=Pace)
    processes: ProcessCount = field(default_factory=lambda: ProcessCount(JOB_QUEUE))

    def run(self, job_id: int) -> None:
        """Run a job if it is still to be done, and enqueue what follows from it.

        While its turn lasts, the next jobs of its phase are done as well, several in a transaction
        where they are short. A job that has lost a worker before is done alone: it may be what
        has ended that one.
        """
        worker = holding.worker_name(os.getpid())
        taker = Taker(worker, socket.gethostname(), self.settings.lease_seconds, turn=job_id)
        taken = time.monotonic()
        wanted = job_id, taker.worker, taker.host, taker.lease
        claim = engine.claim_at_once(self.database, *wanted)
        if claim is None:
            with self.database.transaction() as session:
                claim = engine.claim(session, *wanted)
        if claim is not None:
            with contextlib.closing(_Turn(self, taker, claim, taken)) as turn:
                turn.run()


class _Turn:
    """What a worker does with one message: its job, and the next short ones of its phase."""

    def __init__(self, worker: Worker, taker: Taker, claim: Claim, taken: float) -> None:
        is_alone = claim.is_interactive or claim.tries > 1
        self._worker = worker
        self._database = worker.database
        self._settings = worker.settings
        self._guard = worker.guard
        self._taker = taker
        self._claims = [claim]
        self._limits = work.limits_of(claim)
        self._over = taken + (0 if is_alone else worker.settings.turn_seconds)
        self._is_passed_on = False
        self._began: float | None = None
        if self._guard is not None:
            # first, so that the guard never knows of a job by message without its place
            self._guard.begin(claim.job_id)
            self._guard.hold([claim], self._limits, taken)

    def close(self) -> None:
        """Hold nothing any more."""
        if self._guard is not None:
            self._guard.end()
            self._guard.hold([], self._limits, time.monotonic())

    def run(self) -> None:
        """Work until the turn is over, or nothing is left."""
        while self._claims:
            attempts, self._claims = self._work(self._claims)
            if self._took_long and len(attempts) + len(self._claims) > 1:
                attempts = self._ask_for_held(attempts)
            if self._is_over:
                self._release()
            plain = [attempt for attempt in attempts if attempt.is_plain]
            others = attempts[len(plain) :]
            if plain:
                self._worker.queue.enqueue(self._end(plain, is_last=not others))
            for attempt in others:
                job_ids = self._end_alone(attempt, lets_in=not self._is_passed_on)
                self._worker.queue.enqueue(job_ids)
                self._is_passed_on = True

    @property
    def _is_over(self) -> bool:
        return time.monotonic() >= self._over

    @property
    def _took_long(self) -> bool:
        """Whether the guard may have given jobs back since the work on one began."""
        return self._began is not None and time.monotonic() - self._began >= WAITING_SECONDS

    @property
    def _group_seconds(self) -> float:
        """So long may jobs take that are ended together."""
        return self._settings.turn_seconds / 2

    def _work(self, claims: Sequence[Claim]) -> tuple[list[Attempt], list[Claim]]:
        """Do jobs one after the other, until one fails or there is enough to end together.

        Gives what was done, and the jobs that wait.
        """
        attempts: list[Attempt] = []
        started = time.monotonic()
        with self._output() as output, limited_threads(self._limits.cores):
            for claim in claims:
                output.clear()
                try:
                    if not self._begin(claim, attempts):
                        return attempts, []
                    attempts.append(work.attempt(self._database, self._settings, claim, output))
                finally:
                    if self._guard is not None:
                        self._guard.end()
                is_enough = attempts[-1].ended - started > self._group_seconds
                if is_enough or self._took_long or not attempts[-1].is_plain:
                    break
        return attempts, list(claims[len(attempts) :])

    def _begin(self, claim: Claim, attempts: Sequence[Attempt]) -> bool:
        """Begin with a job; False if it was given back, with all behind it, as it had to wait."""
        moment = time.monotonic()
        if self._guard is not None:
            self._guard.begin(claim.job_id, attempts[0].began if attempts else None)
        # asked only now: a guard that sees where this process is gives the job back no more
        may_be_given_back, self._began = self._took_long, moment
        return not may_be_given_back or bool(self._held([claim]))

    def _ask_for_held(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Leave out what is not held any more of what was done, and of what waits."""
        held = self._held([*(attempt.claim for attempt in attempts), *self._claims])
        self._claims = [claim for claim in self._claims if claim in held]
        for attempt in attempts:
            if attempt.claim not in held:
                _say_taken_over(attempt.claim)
        return [attempt for attempt in attempts if attempt.claim in held]

    def _held(self, claims: Sequence[Claim]) -> list[Claim]:
        """Those of the jobs that were not taken away; whoever does so just now is waited for."""
        with self._database.transaction() as session:
            held = holding.lock_held(session, [(one.job_id, one.attempt) for one in claims])
        return [claim for claim in claims if claim.job_id in held]

    def _release(self) -> None:
        """Let others do what waits here."""
        if not self._claims:
            return
        with self._database.transaction() as session:
            jobs = [(one.job_id, one.attempt) for one in self._claims]
            holding.release(session, self._taker.worker, jobs)
        self._claims = []

    def _end(self, attempts: Sequence[Attempt], *, is_last: bool) -> list[int]:
        """End jobs that went well, together, and take the next; gives ids to enqueue.

        If that fails, it is not known for which of them: each is done once more and ended alone.
        """
        waits = bool(self._claims) or not is_last or self._is_passed_on
        demand = None if waits else self._demand(attempts[0].claim.task_id)
        moment = time.monotonic()
        try:
            with self._database.transaction() as session:
                n_processes = self._worker.processes.of(session) if demand and demand.most else 1
                done = [one.done for one in attempts]
                ended = job_groups.end(session, done, demand, n_processes, moment)
                if ended.taken:
                    # before others can see that, so that the guard knows of them whatever happens
                    self._hold(attempts, ended.taken, moment)
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is the job's failure
            self._hold(attempts, self._claims, moment)
            return self._end_failing(attempts, error, lets_in=demand is not None)
        for attempt in attempts:
            self._worker.pace.note(
                attempt.claim.task_id,
                attempt.ended - attempt.began + ended.effect_seconds / len(attempts),
            )
            _clean_up(attempt.context.afterwards)
        self._claims = self._claims or ended.taken
        self._is_passed_on = self._is_passed_on or (not waits and not ended.taken)
        return ended.job_ids

    def _hold(self, attempts: Sequence[Attempt], claims: Sequence[Claim], taken: float) -> None:
        """Tell the guard what is held: what was done and is not in the ledger, and what waits."""
        if self._guard is not None:
            jobs = [*(attempt.claim for attempt in attempts), *claims]
            self._guard.hold(jobs, self._limits, taken)

    def _demand(self, task_id: int) -> Demand:
        most = 0 if self._is_over else self._worker.pace.count_within(task_id, self._group_seconds)
        return Demand(self._taker, most)

    def _end_failing(
        self, attempts: Sequence[Attempt], error: Exception, *, lets_in: bool
    ) -> list[int]:
        """End jobs that could not be ended together; gives ids to enqueue."""
        self._is_passed_on = self._is_passed_on or lets_in
        if len(attempts) == 1:
            job_ids = self._end_failed(attempts[0], error, lets_in=lets_in)
        else:
            logger.warning("%d jobs could not be ended together: %s", len(attempts), error)
            job_ids = self._do_again(attempts, lets_in=lets_in)
        # what has taken one away may have taken all
        self._claims = self._held(self._claims) if self._claims else []
        return job_ids

    def _do_again(self, attempts: Sequence[Attempt], *, lets_in: bool) -> list[int]:
        """Do jobs once more, and end each of them alone; gives ids to enqueue."""
        job_ids: list[int] = []
        for attempt in attempts:
            again, _ = self._work(self._held([attempt.claim]))
            for one in again:
                is_last = attempt is attempts[-1]
                job_ids += self._end_alone(one, lets_in=lets_in and is_last)
            if not again:
                _say_taken_over(attempt.claim)
        return job_ids

    def _end_alone(self, attempt: Attempt, *, lets_in: bool) -> list[int]:
        """Apply a job's effects and mark it as done, both or neither; gives ids to enqueue."""
        effects = () if attempt.outcome.exitcode else attempt.context.effects
        try:
            with self._database.transaction() as session:
                job_ids = self._settle(
                    session, attempt.claim, attempt.outcome, effects, lets_in=lets_in
                )
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is the job's failure
            return self._end_failed(attempt, error, lets_in=lets_in)
        _clean_up(attempt.context.afterwards)
        return job_ids

    def _end_failed(self, attempt: Attempt, error: Exception, *, lets_in: bool) -> list[int]:
        """Mark a job as failed whose effects could not be applied."""
        try:
            if isinstance(error, LeaseLost):
                raise error
            with self._database.transaction() as session:
                failed = work.failed(attempt.outcome, error)
                return self._settle(session, attempt.claim, failed, lets_in=lets_in)
        except LeaseLost:
            _say_taken_over(attempt.claim)
            return []

    def _settle(
        self,
        session: Session,
        claim: Claim,
        outcome: Outcome,
        effects: Sequence[Effect] = (),
        *,
        lets_in: bool,
    ) -> list[int]:
        """Mark a job as done, or put it back when its failure may pass."""
        held = (session, claim.job_id, claim.attempt)
        if not outcome.may_pass:
            return engine.finish(*held, outcome, effects, lets_in=lets_in)
        if claim.tries < self._settings.max_attempts:
            pause = self._settings.retry_seconds * _LONGER ** (claim.tries - 1)
            waiting = replace(
                outcome, error=f"{outcome.error} It is tried again after {pause:g} seconds."
            )
            engine.postpone(*held, waiting, pause)
            return []
        error = f"{outcome.error} It was tried {claim.tries} times."
        final = replace(outcome, error=error, stderr=f"{outcome.stderr}{error}\n")
        return engine.finish(*held, final, lets_in=lets_in)

    @contextlib.contextmanager
    def _output(self) -> Iterator[Output]:
        if self._guard is not None:
            yield self._guard.output
            return
        with Output() as output:
            yield output


def _say_taken_over(claim: Claim) -> None:
    logger.warning("Job %s was taken over by another worker.", claim.name)


def _clean_up(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        except OSError:
            logger.exception("Could not remove files that are no longer needed.")
