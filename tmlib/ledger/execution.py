"""Runs jobs: takes them from the ledger, works, and commits their effects with their end.

The worker's process does nothing else meanwhile; what must not go on is ended by its guard.
"""

import contextlib
import logging
import os
import resource
import socket
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy.orm import Session

from tmlib.db import Database
from tmlib.ledger import engine, failures, job_groups, programs
from tmlib.ledger.engine import Claim, LeaseLost, Outcome
from tmlib.ledger.guard import WAITING_SECONDS, Guard
from tmlib.ledger.job_groups import Demand, Done, Taker
from tmlib.ledger.limits import Limits, limited_threads
from tmlib.ledger.models import EXIT_FAILED
from tmlib.ledger.output import Output
from tmlib.ledger.pace import Pace
from tmlib.ledger.programs import PROGRAMS, Effect, JobContext, Part
from tmlib.ledger.queue import JOB_QUEUE, Queue
from tmlib.ledger.worker_pools import ProcessCount
from tmlib.settings import Settings

logger = logging.getLogger(__name__)

_LONGER = 4
_PROGRESS_SECONDS = 0.5


@dataclass(frozen=True)
class _Attempt:
    """What was done for a job, which is not in the ledger yet; times are of the monotonic clock."""

    claim: Claim
    context: JobContext
    outcome: Outcome
    began: float
    ended: float

    @property
    def is_plain(self) -> bool:
        """Whether the job went well, and nothing follows from it."""
        return not self.outcome.exitcode and not self.outcome.following

    @property
    def done(self) -> Done:
        """What ends the job, if it is plain."""
        return Done(self.claim, self.outcome, self.context.effects, self.began, self.ended)


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
        worker = f"{socket.gethostname()}:{os.getpid()}"
        taker = Taker(worker, socket.gethostname(), self.settings.lease_seconds, turn=job_id)
        with self.database.transaction() as session:
            claim = engine.claim(session, job_id, taker.worker, taker.host, taker.lease)
        if claim is None:
            return
        is_alone = claim.is_interactive or claim.tries > 1
        over = time.monotonic() + (0 if is_alone else self.settings.turn_seconds)
        claims, is_passed_on = [claim], False
        while claims:
            attempts = self._work(claims)
            claims = self._still_held(claims[len(attempts) :], attempts[0].began)
            plain = [attempt for attempt in attempts if attempt.is_plain]
            others = attempts[len(plain) :]
            if plain:
                is_over = time.monotonic() >= over
                most = 0 if is_over else self.pace.count_within(claim.task_id, self._group_seconds)
                waits = bool(claims or others or is_passed_on)
                job_ids, taken = self._end(plain, None if waits else Demand(taker, most))
                self.queue.enqueue(job_ids)
                claims = claims or taken
                is_passed_on = is_passed_on or (not waits and not taken)
            for attempt in others:
                self.queue.enqueue(self._end_alone(attempt, lets_in=not is_passed_on))
                is_passed_on = True

    @property
    def _group_seconds(self) -> float:
        """So long may jobs take that are ended together."""
        return self.settings.turn_seconds / 2

    def _work(self, claims: Sequence[Claim]) -> list[_Attempt]:
        """Do jobs one after the other, until one fails or there is enough to end together."""
        attempts: list[_Attempt] = []
        limits = _limits(claims[0])
        started = time.monotonic()
        with self._guarded(claims, limits) as output, limited_threads(limits.cores):
            for position, claim in enumerate(claims):
                if position:
                    output.clear()
                    if self.guard is not None:
                        self.guard.go_on(position)
                attempts.append(self._attempt(claim, output))
                latest = attempts[-1]
                if not latest.is_plain or latest.ended - started > self._group_seconds:
                    break
        return attempts

    def _attempt(self, claim: Claim, output: Output) -> _Attempt:
        began = time.monotonic()
        context = JobContext(
            self.database,
            self.settings,
            claim.owner,
            force=claim.force,
            progress=_Progress(self.database, claim),
        )
        outcome = _observed(output, lambda: _call(claim, context))
        return _Attempt(claim, context, outcome, began, time.monotonic())

    def _still_held(self, claims: Sequence[Claim], since: float) -> list[Claim]:
        """Those of the jobs that still wait here: the guard gives them to others after a while."""
        if not claims or time.monotonic() - since < WAITING_SECONDS:
            return list(claims)
        with self.database.session() as session:
            return [one for one in claims if engine.is_held(session, one.job_id, one.attempt)]

    def _end(
        self, attempts: Sequence[_Attempt], demand: Demand | None
    ) -> tuple[list[int], list[Claim]]:
        """End jobs that went well, together; gives ids to enqueue, and the jobs to do next.

        If that fails, it is not known for which of them: each is done once more and ended alone.
        """
        try:
            with self.database.transaction() as session:
                n_processes = self.processes.of(session) if demand and demand.most else 1
                ended = job_groups.end(
                    session, [one.done for one in attempts], demand, n_processes, time.monotonic()
                )
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is the job's failure
            lets_in = demand is not None
            if len(attempts) == 1:
                return self._end_failed(attempts[0], error, lets_in=lets_in), []
            logger.warning("%d jobs could not be ended together: %s", len(attempts), error)
            return self._do_again(attempts, lets_in=lets_in), []
        for attempt in attempts:
            self.pace.note(
                attempt.claim.task_id,
                attempt.ended - attempt.began + ended.effect_seconds / len(attempts),
            )
            _clean_up(attempt.context.afterwards)
        return ended.job_ids, ended.taken

    def _do_again(self, attempts: Sequence[_Attempt], *, lets_in: bool) -> list[int]:
        """Do jobs once more, and end each of them alone; gives ids to enqueue."""
        job_ids: list[int] = []
        for attempt in attempts:
            claim = attempt.claim
            with self.database.session() as session:
                is_held = engine.is_held(session, claim.job_id, claim.attempt)
            if is_held:
                [again] = self._work([claim])
                is_last = attempt is attempts[-1]
                job_ids += self._end_alone(again, lets_in=lets_in and is_last)
            else:
                _say_taken_over(claim)
        return job_ids

    def _end_alone(self, attempt: _Attempt, *, lets_in: bool) -> list[int]:
        """Apply a job's effects and mark it as done, both or neither; gives ids to enqueue."""
        effects = () if attempt.outcome.exitcode else attempt.context.effects
        try:
            with self.database.transaction() as session:
                job_ids = self._settle(
                    session, attempt.claim, attempt.outcome, effects, lets_in=lets_in
                )
        except Exception as error:  # noqa: BLE001 - whatever an effect raises is the job's failure
            return self._end_failed(attempt, error, lets_in=lets_in)
        _clean_up(attempt.context.afterwards)
        return job_ids

    def _end_failed(self, attempt: _Attempt, error: Exception, *, lets_in: bool) -> list[int]:
        """Mark a job as failed whose effects could not be applied."""
        try:
            if isinstance(error, LeaseLost):
                raise error
            with self.database.transaction() as session:
                failed = _failed(attempt.outcome, error)
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
        if claim.tries < self.settings.max_attempts:
            pause = self.settings.retry_seconds * _LONGER ** (claim.tries - 1)
            waiting = replace(
                outcome, error=f"{outcome.error} It is tried again after {pause:g} seconds."
            )
            engine.postpone(*held, waiting, pause)
            return []
        error = f"{outcome.error} It was tried {claim.tries} times."
        final = replace(outcome, error=error, stderr=f"{outcome.stderr}{error}\n")
        return engine.finish(*held, final, lets_in=lets_in)

    @contextlib.contextmanager
    def _guarded(self, claims: Sequence[Claim], limits: Limits) -> Iterator[Output]:
        if self.guard is None:
            with Output() as output:
                yield output
            return
        with self.guard.watching(claims, limits):
            yield self.guard.output


class _Progress:
    """Writes down how much of a job is done, now and then."""

    def __init__(self, database: Database, claim: Claim) -> None:
        self._database = database
        self._claim = claim
        self._next = time.monotonic() + _PROGRESS_SECONDS

    def __call__(self, share_done: float) -> None:
        moment = time.monotonic()
        if moment < self._next:
            return
        self._next = moment + _PROGRESS_SECONDS
        with self._database.transaction() as session:
            engine.report_progress(session, self._claim.job_id, self._claim.attempt, share_done)


def _limits(claim: Claim) -> Limits:
    program = PROGRAMS.get(claim.program)
    if program is None:  # which is what the job fails of
        return Limits()
    return program.limits(claim.description, claim.step_name, claim.phase)


def _call(claim: Claim, context: JobContext) -> Sequence[Part]:
    return programs.get(claim.program).run(context, claim.assignment)


def _observed(output: Output, work: Callable[[], Sequence[Part]]) -> Outcome:
    """Do the work, and note what it printed, how long it took and what it used."""
    handler = logging.StreamHandler(output.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    job_logger = logging.getLogger("tmlib")
    job_logger.addHandler(handler)
    level = job_logger.level
    # to set it makes all loggers forget what they let through
    if not job_logger.isEnabledFor(logging.INFO):
        job_logger.setLevel(logging.INFO)
    started, cpu_started = time.monotonic(), time.process_time()
    outcome = Outcome(exitcode=0)
    try:
        with (
            contextlib.redirect_stdout(output.stdout),
            contextlib.redirect_stderr(output.stderr),
        ):
            outcome = replace(outcome, following=work())
    except Exception as error:  # noqa: BLE001 - every failure of a job is stored with the job
        outcome = _failed(outcome, error)
    finally:
        job_logger.removeHandler(handler)
        if job_logger.level != level:
            job_logger.setLevel(level)
    stdout, stderr = output.read()
    return replace(
        outcome,
        stdout=stdout.text,
        stdout_start=stdout.start,
        stderr=stderr.text + outcome.stderr,
        stderr_start=stderr.start,
        wall_time=time.monotonic() - started,
        cpu_time=time.process_time() - cpu_started,
        memory=_peak_memory(),
    )


def _failed(outcome: Outcome, error: Exception) -> Outcome:
    """The outcome of a job that raised: a clear sentence, and the traceback for the log."""
    message = failures.sentence(error)
    detail = message or "".join(traceback.format_exception(error)).rstrip()
    return replace(
        outcome,
        exitcode=EXIT_FAILED,
        error=message or failures.unforeseen(error),
        stderr=f"{outcome.stderr}{detail}\n",
        following=(),
        may_pass=failures.may_pass(error),
    )


def _peak_memory() -> int:
    """Peak memory of this process in MB; the operating systems count in different units."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak / 2**20 if sys.platform == "darwin" else peak / 2**10)


def _say_taken_over(claim: Claim) -> None:
    logger.warning("Job %s was taken over by another worker.", claim.name)


def _clean_up(actions: list[Callable[[], object]]) -> None:
    for action in actions:
        try:
            action()
        except OSError:
            logger.exception("Could not remove files that are no longer needed.")
